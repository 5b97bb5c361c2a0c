package freewires_test

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits/freewires"
)

// A sum is a constant and multiples of wires, by their places in values.
type sum struct {
	constant fr.Element
	of       map[int]fr.Element
}

func (s sum) at(values []fr.Element) (v fr.Element) {
	v = s.constant
	for w, k := range s.of {
		v.Add(&v, k.Mul(&k, &values[w]))
	}
	return v
}

// A twin is a small system in the making, with two solutions that agree in the
// inputs and differ elsewhere.
type twin struct {
	rng              *rand.Rand
	inputs, internal int
	a, b             []fr.Element // both solutions
	constraints      [][3]sum
}

func signed(n int64) (e fr.Element) { return *e.SetInt64(n) }

// coefficient is a weight that digits may have, or one at which sums wrap.
func (w *twin) coefficient() (k fr.Element) {
	switch w.rng.IntN(10) {
	case 0, 1, 2, 3:
		k = signed(1 << w.rng.IntN(5))
	case 4:
		k = signed(int64(w.rng.IntN(9)) - 4)
	case 5:
		k.SetBigInt(new(big.Int).Lsh(big.NewInt(1), uint(248+w.rng.IntN(7))))
	case 6:
		k.SetBigInt(new(big.Int).Rsh(fr.Modulus(), uint(w.rng.IntN(4))))
	case 7:
		k = signed(-(1 << w.rng.IntN(5)))
	default:
		k.SetOne()
	}
	if k.IsZero() {
		k.SetOne()
	}
	return k
}

func (w *twin) value() fr.Element {
	if w.rng.IntN(4) > 0 {
		return signed(int64(w.rng.IntN(2)))
	}
	return []fr.Element{signed(2), signed(-1), signed(3), w.coefficient()}[w.rng.IntN(4)]
}

func (w *twin) differs(i int) bool { return !w.a[i].Equal(&w.b[i]) }

// sum is a random sum of a few wires.
func (w *twin) sum(most int) sum {
	s := sum{of: map[int]fr.Element{}}
	if w.rng.IntN(3) == 0 {
		s.constant = w.coefficient()
	}
	for range 1 + w.rng.IntN(most) {
		s.of[w.rng.IntN(len(w.a))] = w.coefficient()
	}
	return s
}

// fit changes a sum so that it is a at one solution and b at the other, by the
// constant and by the coefficient of a wire that differs, if they are not
// equal.
func (w *twin) fit(s sum, a, b fr.Element) sum {
	var gap fr.Element
	gap.Sub(&a, &b)
	x, y := s.at(w.a), s.at(w.b)
	gap.Sub(&gap, x.Sub(&x, &y))
	if !gap.IsZero() {
		var by []int
		for i := range w.a {
			if w.differs(i) {
				by = append(by, i)
			}
		}
		i := by[w.rng.IntN(len(by))]
		var step fr.Element
		step.Sub(&w.a[i], &w.b[i])
		k := s.of[i]
		k.Add(&k, gap.Div(&gap, &step))
		s.of[i] = k
	}
	x = s.at(w.a)
	s.constant.Add(&s.constant, a.Sub(&a, &x))
	return s
}

func constant(k fr.Element) sum { return sum{constant: k} }

func wire(i int, k fr.Element) sum { return sum{of: map[int]fr.Element{i: k}} }

func (w *twin) add(l, r, o sum) {
	if w.rng.IntN(2) == 0 {
		l, r = r, l
	}
	w.constraints = append(w.constraints, [3]sum{l, r, o})
}

// boolean says of a wire that it is a bit, in one of several ways.
func (w *twin) boolean(i int) {
	one, k := fr.One(), w.coefficient()
	minus := signed(-1)
	switch w.rng.IntN(3) {
	case 0:
		w.add(wire(i, one), wire(i, k), wire(i, k))
	case 1:
		w.add(wire(i, k), sum{one, map[int]fr.Element{i: minus}}, constant(fr.Element{}))
	default:
		w.add(sum{minus, map[int]fr.Element{i: one}}, wire(i, k), constant(fr.Element{}))
	}
}

// oneOfTwo says of a wire that it has either solution's value.
func (w *twin) oneOfTwo(i int) {
	x, y := w.a[i], w.b[i]
	one, k := fr.One(), w.coefficient()
	var l fr.Element
	l.Mul(&k, &x)
	w.add(sum{*l.Neg(&l), map[int]fr.Element{i: k}}, sum{*y.Neg(&y), map[int]fr.Element{i: one}}, constant(fr.Element{}))
}

// isBit reports that a wire is 0 or 1 in both solutions.
func (w *twin) isBit(i int) bool {
	return (w.a[i].IsZero() || w.a[i].IsOne()) && (w.b[i].IsZero() || w.b[i].IsOne())
}

// constrain adds a random constraint that holds at both solutions.
func (w *twin) constrain() {
	one := fr.One()
	switch w.rng.IntN(6) {
	case 0, 1, 2: // a sum is 0
		s := w.fit(w.sum(4), fr.Element{}, fr.Element{})
		w.add(s, constant(one), constant(fr.Element{}))
	case 3: // a product is a sum
		l, r := w.sum(2), w.sum(2)
		var a, b fr.Element
		x, y := l.at(w.a), r.at(w.a)
		a.Mul(&x, &y)
		x, y = l.at(w.b), r.at(w.b)
		b.Mul(&x, &y)
		o := w.fit(w.sum(2), a, b)
		w.add(l, r, o)
	case 4: // a product is a constant
		k, r := w.coefficient(), w.sum(2)
		x, y := r.at(w.a), r.at(w.b)
		if x.IsZero() || y.IsZero() {
			return
		}
		a, b := k, k
		l := w.fit(w.sum(2), *a.Div(&a, &x), *b.Div(&b, &y))
		w.add(l, r, constant(k))
	default: // a divisor that is 0, and so a dividend
		zero := w.fit(w.sum(2), fr.Element{}, fr.Element{})
		o := w.fit(w.sum(2), fr.Element{}, fr.Element{})
		w.add(zero, w.sum(1), o)
	}
}

// define gives the newest wire the value of a sum of older ones, or of a
// product of two.
func (w *twin) define() {
	one, minus := fr.One(), signed(-1)
	l, r := w.sum(4), constant(one)
	if w.rng.IntN(3) == 0 {
		l, r = w.sum(1), w.sum(1)
	}
	for _, values := range []*[]fr.Element{&w.a, &w.b} {
		x, y := l.at(*values), r.at(*values)
		*values = append(*values, *x.Mul(&x, &y))
	}
	n := len(w.a) - 1
	if len(r.of) == 0 && w.rng.IntN(2) == 0 {
		l.of[n] = minus
		w.add(l, r, constant(fr.Element{}))
		return
	}
	w.add(l, r, wire(n, one))
}

// newTwin draws a system, and its two solutions first.
func newTwin(rng *rand.Rand) *twin {
	w := &twin{rng: rng, inputs: 1 + rng.IntN(2)}
	for range w.inputs {
		v := w.value()
		w.a, w.b = append(w.a, v), append(w.b, v)
	}
	for first, n := true, 1+rng.IntN(5); n > 0; n-- {
		x, y := w.value(), w.value()
		for (first || rng.IntN(2) == 0) && x.Equal(&y) {
			y = w.value()
		}
		first = false
		w.a, w.b = append(w.a, x), append(w.b, y)
	}
	for i := w.inputs; i < len(w.a); i++ {
		if w.isBit(i) && rng.IntN(8) > 0 {
			w.boolean(i)
		} else if rng.IntN(2) == 0 {
			w.oneOfTwo(i)
		}
	}
	for range rng.IntN(3) {
		w.define()
	}
	for range 1 + rng.IntN(5) {
		w.constrain()
	}
	rng.Shuffle(len(w.constraints), func(i, j int) {
		w.constraints[i], w.constraints[j] = w.constraints[j], w.constraints[i]
	})
	w.internal = len(w.a) - w.inputs
	return w
}

// anyOrder is a constraint that no solver has to place: its wires may follow
// from nothing before it, and stand in it twice.
type anyOrder struct{ constraint.BlueprintGenericR1C }

func (*anyOrder) UpdateInstructionTree(constraint.Instruction, constraint.InstructionTree) constraint.Level {
	return 0
}

// system writes the twin as gnark's R1CS. Wire i has the number i + 1.
func (w *twin) system() *cs.R1CS {
	s := cs.NewR1CS(len(w.constraints))
	s.AddPublicVariable("1")
	for range w.inputs {
		s.AddPublicVariable("in")
	}
	for range w.internal {
		s.AddInternalVariable()
	}
	generic := s.AddBlueprint(&anyOrder{})
	linear := func(f sum) (l constraint.LinearExpression) {
		term := func(k fr.Element, wire int) {
			n := k.BigInt(new(big.Int))
			l = append(l, s.MakeTerm(s.FromInterface(n), wire))
		}
		if !f.constant.IsZero() {
			term(f.constant, 0)
		}
		for i, k := range f.of {
			// Now and then in two terms, as nothing forbids.
			if w.rng.IntN(8) == 0 {
				half := w.coefficient()
				term(half, i+1)
				k.Sub(&k, &half)
			}
			term(k, i+1)
		}
		return l
	}
	for _, c := range w.constraints {
		s.AddR1C(constraint.R1C{L: linear(c[0]), R: linear(c[1]), O: linear(c[2])}, generic)
	}
	return s
}

// Random systems that have two solutions with equal inputs: whatever the
// analysis derives, what it calls free must tell the two apart. If all that is
// free were equal, it would have shown something false.
func TestTwoSolutionsDifferInAFreeWire(t *testing.T) {
	const seed = 9
	rng := rand.New(rand.NewPCG(seed, 9))
	rules, alike := map[freewires.Rule]int{}, 0
	systems := 40_000
	if testing.Short() {
		systems = 10_000
	}
	for n := range systems {
		w := newTwin(rng)
		s := w.system()
		for _, values := range [][]fr.Element{w.a, w.b} {
			all := append(fr.Vector{fr.One()}, values...)
			if _, err := freewires.Deficiency(s, all); err != nil {
				t.Fatalf("seed %d, system %d: no solution: %v", seed, n, err)
			}
		}
		r := analyse(t, s)
		told := false
		for _, f := range r.Free {
			told = told || w.differs(f.ID-1)
		}
		if !told {
			t.Fatalf("seed %d, system %d: two solutions %v and %v of\n%v\nand free is %v; %v", seed, n, w.a, w.b, w.constraints, r.Free, r.Rules)
		}
		for rule, times := range r.Rules {
			rules[rule] += times
		}
		if len(r.Free) < w.internal {
			alike++
		}
	}
	// The rules were asked, and found what does follow.
	for _, rule := range []freewires.Rule{freewires.Defined, freewires.Digits, freewires.Inverse} {
		if rules[rule] < systems/30 {
			t.Errorf("%q determined %d wires: nothing was tried", rule, rules[rule])
		}
	}
	t.Logf("%v in %d systems", rules, alike)
}

// A wire that cancels out of the first constraint in which it stands is not
// defined by it.
func TestWireThatCancelsOutIsFree(t *testing.T) {
	one := fr.One()
	both := sum{of: map[int]fr.Element{0: one, 1: one}}
	w := &twin{rng: rand.New(rand.NewPCG(1, 1)), inputs: 1, internal: 1, constraints: [][3]sum{{both, constant(one), both}}}
	if r := analyse(t, w.system()); len(r.Free) != 1 || r.Free[0].ID != 2 {
		t.Errorf("free: %v", r.Free)
	}
	w.constraints[0] = [3]sum{both, constant(fr.Element{}), constant(fr.Element{})}
	if r := analyse(t, w.system()); len(r.Free) != 1 || r.Free[0].ID != 2 {
		t.Errorf("beside a factor 0, free: %v", r.Free)
	}
}
