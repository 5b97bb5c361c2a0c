package freewires

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
)

// additions recognises the additions of points on BN254's twisted Edwards
// curve, −x² + y² = 1 + d·x²·y²:
//
//	v = x1·y2, w = y1·x2, u = (x1 + y1)·(x2 + y2)
//	x3 = (v + w) / (1 + d·v·w), y3 = (u − v − w) / (1 − d·v·w)
//
// for a point (x1, y1) of two wires and a second one that is of two wires too,
// or a choice between constants by bits.
type additions struct {
	p        *propagation
	complete bool
	d        fr.Element

	linear  map[int]*form    // wires that are defined as sums of earlier ones
	product map[int]equation // and as products
	points  map[[2]int]bool  // pairs of wires that are on the curve
	halves  map[addition][2]int
}

// An addition names the two products of one addition.
type addition struct{ v, w int }

const (
	longestSum = 4  // of a definition that is put in place of its wire
	longest    = 16 // of a form after that
	mostBits   = 4  // that choose a constant point
)

func newAdditions(p *propagation) *additions {
	curve := twistededwards.GetEdwardsCurve()
	minusOne := fr.One()
	minusOne.Neg(&minusOne)
	a := &additions{
		p: p, d: curve.D,
		complete: curve.A.Equal(&minusOne) && curve.A.Legendre() == 1 && curve.D.Legendre() == -1,
		linear:   map[int]*form{}, product: map[int]equation{}, points: map[[2]int]bool{}, halves: map[addition][2]int{},
	}
	// An internal wire is defined by the first equation in which it occurs.
	seen := make([]bool, p.wires)
	for i := range p.equations {
		e := &p.equations[i]
		wires := e.occurring()
		if len(wires) == 0 {
			continue
		}
		w := wires[len(wires)-1]
		fresh := !seen[w] && w >= p.inputs && p.hint[w] == ""
		for _, v := range wires {
			seen[v] = true
		}
		if !fresh {
			continue
		}
		if f := p.sums[i]; f != nil {
			// A wire that cancels out, or stands beside a factor 0, is not defined.
			if k := f.of(w); len(f.terms) <= longestSum && !k.IsZero() {
				k.Neg(&k).Inverse(&k)
				g := f.times(k).plus(form{terms: []term{{w, fr.One()}}}, fr.One())
				a.linear[w] = &g
			}
		} else if v, _, ok := e.o.alone(); ok && v == w {
			a.product[w] = *e
		}
	}
	for i := range p.equations {
		if p.sums[i] != nil && len(p.sums[i].terms) <= longestSum {
			a.curveEquation(a.expand(*p.sums[i]))
		}
	}
	return a
}

// expand puts definitions as sums in place of wires, the newest first, each
// made of older wires. A form that grows too long is left as it is.
func (a *additions) expand(f form) form {
	for {
		at := -1
		for i, t := range f.terms {
			if a.linear[t.wire] != nil {
				at = i
			}
		}
		if at < 0 || len(f.terms) > longest {
			return f
		}
		t := f.terms[at]
		minus := t.k
		minus.Neg(&minus)
		f = f.plus(form{terms: []term{{t.wire, fr.One()}}}, minus).plus(*a.linear[t.wire], t.k)
	}
}

// factors returns a wire as k·f·g, f and g with coefficient 1 if they are single
// wires.
func (a *additions) factors(w int) (k fr.Element, f, g form, ok bool) {
	e, ok := a.product[w]
	if !ok {
		return k, f, g, false
	}
	_, o, _ := e.o.alone()
	k.Inverse(&o)
	f, g = a.expand(e.l), a.expand(e.r)
	for _, side := range []*form{&f, &g} {
		if v, c, ok := side.alone(); ok {
			k.Mul(&k, &c)
			*side = form{terms: []term{{v, fr.One()}}}
		}
	}
	return k, f, g, true
}

// square returns the wire whose square is w.
func (a *additions) square(w int) (int, bool) {
	k, f, g, ok := a.factors(w)
	x, _, one := f.alone()
	y, _, two := g.alone()
	return x, ok && one && two && x == y && k.IsOne()
}

// curveEquation notes the point of an equation f = 0 that is
// −x² + y² − d·x²·y² − 1 = 0, times anything.
func (a *additions) curveEquation(f form) {
	if len(f.terms) != 3 || f.constant.IsZero() {
		return
	}
	k := f.constant
	k.Neg(&k).Inverse(&k)
	f = f.times(k)
	one, minusOne := fr.One(), fr.One()
	minusOne.Neg(&minusOne)
	for i := range 3 {
		for j := range 3 {
			if m := 3 - i - j; i != j && m >= 0 && m < 3 && m != i && m != j {
				xx, yy, xxyy := f.terms[i], f.terms[j], f.terms[m]
				x, okX := a.square(xx.wire)
				y, okY := a.square(yy.wire)
				d, g, h, ok := a.factors(xxyy.wire)
				if okX && okY && ok && xx.k.Equal(&minusOne) && yy.k.Equal(&one) && xxyy.k.Equal(&minusOne) &&
					d.Equal(&a.d) && areWires(g, h, xx.wire, yy.wire) {
					a.points[[2]int{x, y}] = true
				}
			}
		}
	}
}

// areWires reports whether two forms are the wires v and w, in any order.
func areWires(f, g form, v, w int) bool {
	x, kx, okX := f.alone()
	y, ky, okY := g.alone()
	return okX && okY && kx.IsOne() && ky.IsOne() && (x == v && y == w || x == w && y == v)
}

// quotient reports whether w is a coordinate of a sum by f·divisor = o, f
// being w times a constant, and so the only quotient there is.
func (a *additions) quotient(w int, f, divisor, o form) bool {
	v, k, ok := f.alone()
	if !ok || v != w || !a.complete {
		return false
	}
	divisor, o = a.expand(divisor), a.expand(o)
	if len(divisor.terms) != 1 || divisor.constant.IsZero() {
		return false
	}
	// To w·(1 + sign·d·v·w) = o.
	scale := divisor.constant
	scale.Inverse(&scale)
	divisor = divisor.times(scale)
	k.Inverse(&k)
	o = o.times(*scale.Mul(&scale, &k))

	c, vf, wf, ok := a.factors(divisor.terms[0].wire)
	if !ok {
		return false
	}
	c.Mul(&c, &divisor.terms[0].k)
	var minusD fr.Element
	minusD.Neg(&a.d)
	isY := c.Equal(&minusD)
	if !isY && !c.Equal(&a.d) {
		return false
	}
	first, _, okV := vf.alone()
	second, _, okW := wf.alone()
	if !okV || !okW {
		return false
	}
	return a.coordinate(w, isY, first, second, o) || a.coordinate(w, isY, second, first, o)
}

// coordinate looks for the two points of v = x1·y2 and w = y1·x2, and notes
// their sum once both its coordinates are found.
func (a *additions) coordinate(result int, isY bool, v, w int, o form) bool {
	kv, v1, v2, okV := a.factors(v)
	kw, w1, w2, okW := a.factors(w)
	if !okV || !okW {
		return false
	}
	for _, x := range [][2]form{{v1, v2}, {v2, v1}} {
		for _, y := range [][2]form{{w1, w2}, {w2, w1}} {
			x1, y1, x2, y2 := x[0], y[0], y[1].times(kw), x[1].times(kv)
			if !a.onCurve(x1, y1) || !a.onCurve(x2, y2) {
				continue
			}
			// The divisor is not 0. Is the dividend that of the law, too?
			one := fr.One()
			minusOne := one
			minusOne.Neg(&minusOne)
			products := form{terms: []term{{v, one}}}.plus(form{terms: []term{{w, one}}}, one)
			if isY {
				rest := o.plus(products, one)
				u, _, ok := rest.alone()
				k, f, g, okU := a.factors(u)
				s, t := x1.plus(y1, one), x2.plus(y2, one)
				ku := rest.of(u)
				if !ok || !okU || !k.IsOne() || !ku.IsOne() || !(f.equal(s) && g.equal(t) || f.equal(t) && g.equal(s)) {
					return true
				}
			} else if !o.equal(products) {
				return true
			}
			a.half(addition{v, w}, result, isY)
			return true
		}
	}
	return false
}

func (a *additions) half(of addition, result int, isY bool) {
	halves, ok := a.halves[of]
	if !ok {
		halves = [2]int{-1, -1}
	}
	if isY {
		halves[1] = result
	} else {
		halves[0] = result
	}
	a.halves[of] = halves
	if halves[0] >= 0 && halves[1] >= 0 {
		a.points[halves] = true
	}
}

// onCurve reports whether (x, y) is on the curve for whatever values the wires
// have: a known point, or a constant one for every value of the bits in it.
func (a *additions) onCurve(x, y form) bool {
	xw, kx, okX := x.alone()
	yw, ky, okY := y.alone()
	if okX && okY && kx.IsOne() && ky.IsOne() && a.points[[2]int{xw, yw}] {
		return true
	}
	var bits []int
	products := map[int][2]int{}
	for _, f := range []form{x, y} {
		for _, t := range f.terms {
			if !a.chooses(t.wire, &bits, products) {
				return false
			}
		}
	}
	if len(bits) > mostBits {
		return false
	}
	for choice := range 1 << len(bits) {
		values := map[int]fr.Element{}
		for i, w := range bits {
			values[w] = fr.NewElement(uint64(choice >> i & 1))
		}
		for w, of := range products {
			m, n := values[of[0]], values[of[1]]
			values[w] = *m.Mul(&m, &n)
		}
		at := func(w int) fr.Element { return values[w] }
		point := twistededwards.PointAffine{X: x.at(at), Y: y.at(at)}
		if !point.IsOnCurve() {
			return false
		}
	}
	return true
}

// chooses adds a wire to the bits, or to the products of two of them.
func (a *additions) chooses(w int, bits *[]int, products map[int][2]int) bool {
	bit := func(w int) bool {
		if b := a.p.bound[w]; b == nil || !b.IsUint64() || b.Uint64() != 1 {
			return false
		}
		for _, v := range *bits {
			if v == w {
				return true
			}
		}
		*bits = append(*bits, w)
		return true
	}
	if bit(w) {
		return true
	}
	k, f, g, ok := a.factors(w)
	m, _, okM := f.alone()
	n, _, okN := g.alone()
	if !ok || !okM || !okN || !k.IsOne() || !bit(m) || !bit(n) {
		return false
	}
	products[w] = [2]int{m, n}
	return true
}
