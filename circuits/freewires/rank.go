package freewires

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
)

// Deficiency is by how much the rank of the constraints' derivatives by the
// internal wires falls short of their number, at one solution: the values of
// all wires in gnark's order. 0 says that no internal wire can be moved there
// while the inputs stay, not even a little way along with others.
func Deficiency(compiled constraint.ConstraintSystem, values fr.Vector) (int, error) {
	s, err := read(compiled)
	if err != nil {
		return 0, err
	}
	if len(values) != s.wires {
		return 0, &SystemError{fmt.Sprintf("%d values for %d wires", len(values), s.wires)}
	}
	at := func(w int) fr.Element { return values[w] }
	rows := make([]form, len(s.equations))
	for i := range s.equations {
		e := &s.equations[i]
		l, r, o := e.l.at(at), e.r.at(at), e.o.at(at)
		var product fr.Element
		if product.Mul(&l, &r); !product.Equal(&o) {
			return 0, &SystemError{fmt.Sprintf("constraint %d does not hold at these values", i)}
		}
		minusOne := fr.One()
		minusOne.Neg(&minusOne)
		d := e.l.times(r).plus(e.r, l).plus(e.o, minusOne)
		rows[i] = s.internal(d)
	}
	return s.wires - s.inputs - rank(rows), nil
}

// internal is what a row says of the internal wires.
func (s *system) internal(f form) form {
	for i, t := range f.terms {
		if t.wire >= s.inputs {
			return form{terms: f.terms[i:]}
		}
	}
	return form{}
}

// rank eliminates. A row with one wire left settles that wire, and in these
// systems nearly every wire falls so; what remains is brought to echelon form.
func rank(rows []form) int {
	settled := map[int]bool{}
	in := map[int][]int{}
	left := make([]int, len(rows))
	var queue []int
	for i, f := range rows {
		left[i] = len(f.terms)
		for _, t := range f.terms {
			in[t.wire] = append(in[t.wire], i)
		}
		if left[i] == 1 {
			queue = append(queue, i)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, t := range rows[queue[0]].terms {
			if settled[t.wire] {
				continue
			}
			settled[t.wire] = true
			for _, i := range in[t.wire] {
				if left[i]--; left[i] == 1 {
					queue = append(queue, i)
				}
			}
		}
	}
	pivots := map[int]form{} // rows by their first wire
	for i, f := range rows {
		if left[i] == 0 {
			continue
		}
		var rest form
		for _, t := range f.terms {
			if !settled[t.wire] {
				rest.terms = append(rest.terms, t)
			}
		}
		for len(rest.terms) > 0 {
			first := rest.terms[0]
			pivot, ok := pivots[first.wire]
			if !ok {
				k := first.k
				k.Inverse(&k)
				pivots[first.wire] = rest.times(k)
				break
			}
			k := first.k
			rest = rest.plus(pivot, *k.Neg(&k))
		}
	}
	return len(settled) + len(pivots)
}
