// Package freewires proves of a compiled circuit that its inputs determine
// every other wire: whoever proves chooses the inputs and nothing else
// (docs/spec.md §9.3).
//
// [Analyse] works on the constraints alone, for all inputs at once, in the
// manner of the uniqueness checkers for circuits (Ecne, Picus). It starts with
// the inputs and adds a wire when a constraint leaves it one value: see [Rule].
// [Deficiency] is an independent check at one solution: the derivatives of the
// constraints by the internal wires have full rank there.
//
// # Caveats
//
// That the inputs determine the wires does not say that the constraints are
// those of the statement: an assertion can be missing altogether, and no wire
// is free for it. What is shown is that no hint, quotient or bit leaves a
// prover a choice. The private inputs are its choice by design.
//
// The analysis errs to one side: it may report a wire that is determined in a
// way it does not know, never the reverse. It knows the lookups, commitments
// and modulus checks of gnark not at all.
package freewires

import (
	"fmt"
	"slices"

	"github.com/consensys/gnark/constraint"
)

// A Rule is a reason for which a wire has one value.
type Rule string

// The rules.
const (
	// Defined: a constraint is linear in the wire, its only unknown, with a
	// constant coefficient that is not 0.
	Defined Rule = "defined by a constraint"
	// Digits: bounded wires in a sum with weights that make it a number in a
	// mixed radix, below the modulus: bits and their partial sums.
	Digits Rule = "digits of a determined sum"
	// Inverse: a factor of a product that is a constant and not 0.
	Inverse Rule = "factor of a product that is not 0"
	// Quotient: a quotient whose divisor is one of the complete addition law.
	// A wire that has this reason counts as excepted: see Excepted.
	Quotient Rule = "quotient of the complete addition law"
)

// Excepted lists the rules that rest on more than the constraint at hand, each
// with the argument. Nothing is excepted by name or by place: the analysis
// matches the whole addition, and the curve's equation of both points.
func Excepted() map[Rule]string {
	return map[Rule]string{
		Quotient: "a/b leaves no choice unless b = 0. On a twisted Edwards curve whose a is a square and d is not, " +
			"1 ± d·x1·x2·y1·y2 is not 0 for any two points of the curve (Bernstein and Lange), and the sum is on the curve again. " +
			"Both properties of a and d are checked, and that both points are on the curve follows from the constraints.",
	}
}

// A Wire is one that the report names.
type Wire struct {
	ID         int
	Name       string // an input's name in the circuit, or v and a number
	Constraint int    // the first in which it occurs; -1 if it occurs in none
	Origin     string // "public input", "private input", "output 3 of hint …", "internal"
}

// A Report is what Analyse found.
type Report struct {
	Internal int          // wires that are not inputs
	Excepted int          // those of them that rest on a rule in Excepted
	Rules    map[Rule]int // how many wires each rule determined

	// Unbound are the inputs that occur in no constraint. A proof would serve
	// any value of them.
	Unbound []Wire
	// Free are the internal wires that the inputs do not determine. A wire that
	// follows from those before it in the list is not in it.
	Free []Wire
}

// Sound reports whether nothing is free.
func (r *Report) Sound() bool { return len(r.Unbound) == 0 && len(r.Free) == 0 }

// A FreeError reports a constraint system that leaves a prover a choice.
type FreeError struct {
	Wires []Wire // inputs without constraint, then wires that are free
}

func (e *FreeError) Error() string {
	w := e.Wires[0]
	return fmt.Sprintf("freewires: %d wires are free, the first is %s (%s, constraint %d); no keys may be made for this circuit",
		len(e.Wires), w.Name, w.Origin, w.Constraint)
}

// Check is Analyse for whoever is about to make keys: if anything is free, the
// error is a [*FreeError].
func Check(compiled constraint.ConstraintSystem) (*Report, error) {
	r, err := Analyse(compiled)
	if err != nil {
		return nil, err
	}
	if !r.Sound() {
		return r, &FreeError{append(slices.Clone(r.Unbound), r.Free...)}
	}
	return r, nil
}

// Analyse analyses a constraint system over BN254's scalar field, of R1CS or
// of gnark's PLONK form. An error says that the system is of another kind, or
// has instructions that are neither constraints nor hints.
func Analyse(compiled constraint.ConstraintSystem) (*Report, error) {
	s, err := read(compiled)
	if err != nil {
		return nil, err
	}
	p := newPropagation(s)
	r := &Report{Internal: s.wires - s.inputs, Rules: map[Rule]int{}}
	for w := s.first; w < s.inputs; w++ {
		if len(s.in[w]) == 0 {
			r.Unbound = append(r.Unbound, s.wire(w))
		}
	}
	for p.run(); ; p.run() {
		w, ok := p.suspect()
		if !ok {
			break
		}
		r.Free = append(r.Free, s.wire(w))
		p.determine(w, "")
	}
	for w := s.inputs; w < s.wires; w++ {
		if rule := p.by[w]; rule != "" {
			r.Rules[rule]++
		}
	}
	for rule := range Excepted() {
		r.Excepted += r.Rules[rule]
	}
	return r, nil
}
