package freewires_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/zkconsent/zkconsent/circuits/freewires"
)

// An equation of a curve in x and y: xx·x² + yy·y² + both·x²·y² + one = 0.
type equation struct{ xx, yy, both, one fr.Element }

// A division is that of the addition law for two points, each of an equation or
// of none, q·(1 + k·x1·x2·y1·y2) = z, with an input for dividend.
type division struct {
	p1, p2 *equation
	k      fr.Element
}

func product(factors ...fr.Element) fr.Element {
	out := fr.One()
	for _, f := range factors {
		out.Mul(&out, &f)
	}
	return out
}

func plus(terms ...fr.Element) (out fr.Element) {
	for _, t := range terms {
		out.Add(&out, &t)
	}
	return out
}

// twin writes the division with two solutions for q where its divisor is 0.
// The inputs are x1, y1, x2, y2 and z.
func (d *division) twin(rng *rand.Rand, x1, y1, x2, y2 fr.Element) *twin {
	var zero fr.Element
	one := fr.One()
	w := &twin{rng: rng, inputs: 5, a: []fr.Element{x1, y1, x2, y2, zero}}
	mul := func(l, r sum) int {
		a, b := l.at(w.a), r.at(w.a)
		w.a = append(w.a, product(a, b))
		w.add(l, r, wire(len(w.a)-1, one))
		return len(w.a) - 1
	}
	for i, e := range []*equation{d.p1, d.p2} {
		if e == nil {
			continue
		}
		xx, yy := mul(wire(2*i, one), wire(2*i, one)), mul(wire(2*i+1, one), wire(2*i+1, one))
		// As gnark writes it: d·x²·y² is a wire.
		d := e.both
		both := mul(wire(xx, *d.Div(&d, &e.one)), wire(yy, one))
		w.add(sum{e.one, map[int]fr.Element{xx: e.xx, yy: e.yy, both: e.one}}, constant(one), constant(zero))
	}
	t := mul(wire(mul(wire(0, one), wire(3, one)), d.k), wire(mul(wire(1, one), wire(2, one)), one))
	w.a = append(w.a, zero)
	q := len(w.a) - 1
	w.add(wire(q, one), sum{one, map[int]fr.Element{t: one}}, wire(4, one))
	w.b = append(append([]fr.Element(nil), w.a[:q]...), one)
	w.internal = len(w.a) - w.inputs
	return w
}

// point is a random one of an equation, if the x that is drawn has one.
func (e *equation) point(x fr.Element) (y fr.Element, ok bool) {
	top, bottom := plus(product(e.xx, x, x), e.one), plus(e.yy, product(e.both, x, x))
	if bottom.IsZero() {
		return y, false
	}
	top.Neg(&top).Div(&top, &bottom)
	return y, y.Sqrt(&top) != nil
}

// zero looks for points at which the divisor is 0.
func (d *division) zero(draw func() fr.Element) (x1, y1, x2, y2 fr.Element, ok bool) {
	for range 200 {
		x2, y2 = draw(), draw()
		if d.p2 != nil {
			if y2, ok = d.p2.point(x2); !ok {
				continue
			}
		}
		// x1·y1 = c, and with the equation a quadratic one for x1².
		c := product(d.k, x2, y2)
		c.Neg(&c).Inverse(&c)
		x1 = draw()
		if e := d.p1; e != nil {
			a, b, last := e.xx, plus(product(e.both, c, c), e.one), product(e.yy, c, c)
			four := signed(-4)
			root := plus(product(b, b), product(four, a, last))
			if root.Sqrt(&root) == nil {
				continue
			}
			a.Double(&a)
			root.Sub(&root, &b).Div(&root, &a)
			if root.IsZero() || x1.Sqrt(&root) == nil {
				continue
			}
		}
		y1.Div(&c, &x1)
		return x1, y1, x2, y2, true
	}
	return x1, y1, x2, y2, false
}

// Divisions like those of the addition law, but of other curves, without a
// curve, or with another factor: wherever points exist at which the divisor is
// 0, the quotient is free. For those of the law itself no search finds any.
func TestQuotientsThatMayBeOfNothingAreFree(t *testing.T) {
	const seed = 10
	rng := rand.New(rand.NewPCG(seed, 10))
	draw := func() fr.Element { return fr.Element{rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64() >> 3} }
	d := twistededwards.GetEdwardsCurve().D
	minusD := d
	minusD.Neg(&minusD)
	one, minus := fr.One(), signed(-1)
	right := equation{minus, one, minusD, minus}
	scaled := equation{one, minus, d, one}
	const exchanged = "x and y exchanged" // (y, x) is on the curve, and the product the same
	curves := map[string]*equation{
		"right": &right, "times -1": &scaled, "no curve": nil,
		"another d": {minus, one, product(minusD, signed(2)), minus}, "d of 5": {minus, one, signed(-5), minus},
		"−d": {minus, one, d, minus}, "a of 1": {one, one, minusD, minus}, exchanged: {one, minus, minusD, minus},
		"another radius": {minus, one, minusD, signed(-4)}, "1 on the other side": {minus, one, minusD, one},
	}
	sound := func(name string) bool { return name == "right" || name == "times -1" }
	attacked, determined := 0, 0
	for first, p1 := range maps.All(curves) {
		for second, p2 := range maps.All(curves) {
			for factor, k := range map[string]fr.Element{"d": d, "−d": minusD, "2d": product(d, signed(2)), "1": one} {
				name := first + ", " + second + ", " + factor
				c := &division{p1, p2, k}
				x1, y1, x2, y2, found := c.zero(draw)
				law := (sound(first) && sound(second) || first == exchanged && second == exchanged) && (factor == "d" || factor == "−d")
				if found && law {
					t.Fatalf("%s: the law is not complete", name)
				}
				if !found {
					x1, y1, x2, y2 = draw(), draw(), draw(), draw() // no solution, and no matter
				}
				w := c.twin(rng, x1, y1, x2, y2)
				s := w.system()
				if found {
					attacked++
					for _, values := range [][]fr.Element{w.a, w.b} {
						if _, err := freewires.Deficiency(s, append(fr.Vector{one}, values...)); err != nil {
							t.Fatalf("seed %d, %s: no solution: %v", seed, name, err)
						}
					}
				}
				r := analyse(t, s)
				determined += r.Rules[freewires.Quotient]
				if free := len(r.Free) == 1 && r.Free[0].ID == len(w.a); found && !free || !found && law == free {
					t.Errorf("seed %d, %s: two quotients: %v; free: %v, %v", seed, name, found, r.Free, r.Rules)
				}
			}
		}
	}
	if attacked < 100 || determined != 10 {
		t.Errorf("only %d divisions by 0, and %d quotients of the law", attacked, determined)
	}
	t.Logf("%d divisions by 0", attacked)
}
