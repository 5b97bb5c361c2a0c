package freewires

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
)

// A SystemError reports a constraint system that cannot be analysed.
type SystemError struct{ Reason string }

func (e *SystemError) Error() string { return "freewires: " + e.Reason }

// A system is a constraint system of either kind as equations over wires. The
// wires before inputs are inputs; those before first are constants.
type system struct {
	equations     []equation
	wires, inputs int
	first, public int
	in            [][]int // for each wire, the equations in which it occurs
	hint          map[int]string
	name          func(wire int) string
}

func read(compiled constraint.ConstraintSystem) (*system, error) {
	s := &system{hint: map[int]string{}}
	c, ok := compiled.(*cs.R1CS) // also the type of PLONK's systems
	if !ok {
		return nil, &SystemError{fmt.Sprintf("a %T, which is not over BN254", compiled)}
	}
	if err := s.shape(&c.System); err != nil {
		return nil, err
	}
	switch c.Type {
	case constraint.SystemR1CS:
		s.first = 1 // wire 0 is the constant 1
		for _, r := range c.GetR1Cs() {
			s.equations = append(s.equations, equation{s.sum(c.Coefficients, r.L), s.sum(c.Coefficients, r.R), s.sum(c.Coefficients, r.O)})
		}
	case constraint.SystemSparseR1CS:
		for _, r := range c.GetSparseR1Cs() {
			if r.Commitment != constraint.NOT {
				return nil, &SystemError{"a commitment"}
			}
			s.equations = append(s.equations, gate(c.Coefficients, &r))
		}
	default:
		return nil, &SystemError{fmt.Sprintf("a system of unknown type %d", c.Type)}
	}
	s.in = make([][]int, s.wires)
	for i := range s.equations {
		for _, w := range s.equations[i].occurring() {
			s.in[w] = append(s.in[w], i)
		}
	}
	return s, nil
}

// shape reads the numbers of wires and the hints.
func (s *system) shape(c *constraint.System) error {
	s.public = c.GetNbPublicVariables()
	s.inputs = s.public + c.GetNbSecretVariables()
	s.wires = s.inputs + c.GetNbInternalVariables()
	s.name = c.VariableToString
	for _, packed := range c.Instructions {
		switch b := c.Blueprints[packed.BlueprintID].(type) {
		case constraint.BlueprintR1C, constraint.BlueprintSparseR1C:
		case constraint.BlueprintHint:
			var h constraint.HintMapping
			b.DecompressHint(&h, packed.Unpack(c))
			for w := h.OutputRange.Start; w < h.OutputRange.End; w++ {
				s.hint[int(w)] = fmt.Sprintf("output %d of hint %s", w-h.OutputRange.Start, c.MHintsDependencies[h.HintID])
			}
		default:
			return &SystemError{fmt.Sprintf("an instruction of kind %T", b)}
		}
	}
	return nil
}

func (s *system) sum(coefficients []fr.Element, l constraint.LinearExpression) form {
	var terms []term
	var constant fr.Element
	for _, t := range l {
		k := coefficients[t.CoeffID()]
		if t.WireID() < s.first {
			constant.Add(&constant, &k)
		} else {
			terms = append(terms, term{t.WireID(), k})
		}
	}
	return gather(terms, constant)
}

// gate reads qL·a + qR·b + qO·c + qM·a·b + qC = 0 as (qM·a)·b = −(the rest).
func gate(coefficients []fr.Element, c *constraint.SparseR1C) equation {
	k := func(id uint32) fr.Element { return coefficients[id] }
	neg := func(e fr.Element) fr.Element { return *e.Neg(&e) }
	e := equation{o: gather([]term{{int(c.XA), neg(k(c.QL))}, {int(c.XB), neg(k(c.QR))}, {int(c.XC), neg(k(c.QO))}}, neg(k(c.QC)))}
	if m := k(c.QM); !m.IsZero() {
		e.l = gather([]term{{int(c.XA), m}}, fr.Element{})
		e.r = gather([]term{{int(c.XB), fr.One()}}, fr.Element{})
	}
	return e
}

// wire describes a wire for a report.
func (s *system) wire(w int) Wire {
	out := Wire{ID: w, Name: s.name(w), Constraint: -1, Origin: "internal"}
	if len(s.in[w]) > 0 {
		out.Constraint = s.in[w][0]
	}
	switch {
	case w < s.public:
		out.Origin = "public input"
	case w < s.inputs:
		out.Origin = "private input"
	case s.hint[w] != "":
		out.Origin = s.hint[w]
	}
	return out
}
