package freewires

import (
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// A term is a wire with a coefficient that is not 0.
type term struct {
	wire int
	k    fr.Element
}

// A form is a constant and a sum of terms, ascending by wire.
type form struct {
	terms    []term
	constant fr.Element
}

// plus is f + k·g.
func (f form) plus(g form, k fr.Element) form {
	var out form
	out.constant.Mul(&g.constant, &k)
	out.constant.Add(&out.constant, &f.constant)
	out.terms = make([]term, 0, len(f.terms)+len(g.terms))
	add := func(t term) {
		if n := len(out.terms); n > 0 && out.terms[n-1].wire == t.wire {
			if out.terms[n-1].k.Add(&out.terms[n-1].k, &t.k); out.terms[n-1].k.IsZero() {
				out.terms = out.terms[:n-1]
			}
		} else if !t.k.IsZero() {
			out.terms = append(out.terms, t)
		}
	}
	i := 0
	for _, t := range g.terms {
		for ; i < len(f.terms) && f.terms[i].wire <= t.wire; i++ {
			add(f.terms[i])
		}
		t.k.Mul(&t.k, &k)
		add(t)
	}
	for ; i < len(f.terms); i++ {
		add(f.terms[i])
	}
	return out
}

func (f form) times(k fr.Element) form { return form{}.plus(f, k) }

func (f form) isConstant() bool { return len(f.terms) == 0 }

// of is the coefficient of a wire.
func (f form) of(wire int) (k fr.Element) {
	i, ok := slices.BinarySearchFunc(f.terms, wire, func(t term, w int) int { return t.wire - w })
	if ok {
		return f.terms[i].k
	}
	return k
}

// alone returns the wire and the coefficient of a form that is one term.
func (f form) alone() (wire int, k fr.Element, ok bool) {
	if len(f.terms) != 1 || !f.constant.IsZero() {
		return 0, k, false
	}
	return f.terms[0].wire, f.terms[0].k, true
}

func (f form) equal(g form) bool {
	return f.constant.Equal(&g.constant) && slices.Equal(f.terms, g.terms)
}

// at is the value of a form.
func (f form) at(value func(wire int) fr.Element) fr.Element {
	sum := f.constant
	for _, t := range f.terms {
		v := value(t.wire)
		sum.Add(&sum, v.Mul(&v, &t.k))
	}
	return sum
}

// gather makes a form of terms in any order, wires repeated or not.
func gather(terms []term, constant fr.Element) form {
	slices.SortFunc(terms, func(a, b term) int { return a.wire - b.wire })
	return form{constant: constant}.plus(form{terms: terms}, fr.One())
}

// An equation says l·r = o.
type equation struct{ l, r, o form }

// linear returns the form that a linear equation says is 0.
func (e *equation) linear() (form, bool) {
	minusOne := fr.One()
	minusOne.Neg(&minusOne)
	switch {
	case e.l.isConstant():
		return e.r.times(e.l.constant).plus(e.o, minusOne), true
	case e.r.isConstant():
		return e.l.times(e.r.constant).plus(e.o, minusOne), true
	}
	return form{}, false
}

// occurring returns the wires of an equation, each once, ascending.
func (e *equation) occurring() []int {
	var out []int
	for _, f := range []form{e.l, e.r, e.o} {
		for _, t := range f.terms {
			out = append(out, t.wire)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
