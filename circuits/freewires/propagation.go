package freewires

import (
	"math/big"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// A propagation knows which wires are determined, and which are integers in a
// range, whatever the inputs are.
type propagation struct {
	*system
	known   []bool
	by      []Rule
	bound   []*big.Int // largest value as an integer; nil if any field element
	unknown []int      // for each equation, how many of its wires are not known
	sums    []*form    // for each equation, its linear form, or nil
	law     *additions

	queue  []int
	queued []bool
}

func newPropagation(s *system) *propagation {
	p := &propagation{
		system: s, known: make([]bool, s.wires), by: make([]Rule, s.wires), bound: make([]*big.Int, s.wires),
		unknown: make([]int, len(s.equations)), sums: make([]*form, len(s.equations)), queued: make([]bool, len(s.equations)),
	}
	for i := range s.equations {
		e := &s.equations[i]
		wires := e.occurring()
		p.unknown[i] = len(wires)
		if f, ok := e.linear(); ok {
			p.sums[i] = &f
		}
		if len(wires) == 1 && isBoolean(e, wires[0]) {
			p.bound[wires[0]] = big.NewInt(1)
		}
		p.push(i)
	}
	p.law = newAdditions(p)
	for w := range s.inputs {
		p.determine(w, "")
	}
	return p
}

// isBoolean reports whether an equation of one wire w says w·(w − 1) = 0.
func isBoolean(e *equation, w int) bool {
	// (l·w + m)·(r·w + n) − o·w − p = square·w² + line·w + rest
	l, r, o := e.l.of(w), e.r.of(w), e.o.of(w)
	var square, line, rest, t fr.Element
	square.Mul(&l, &r)
	line.Mul(&l, &e.r.constant)
	line.Add(&line, t.Mul(&r, &e.l.constant))
	line.Sub(&line, &o)
	rest.Mul(&e.l.constant, &e.r.constant)
	rest.Sub(&rest, &e.o.constant)
	return !square.IsZero() && rest.IsZero() && t.Add(&square, &line).IsZero()
}

func (p *propagation) push(equation int) {
	if !p.queued[equation] {
		p.queued[equation] = true
		p.queue = append(p.queue, equation)
	}
}

// determine notes that a wire is determined. The empty rule is for inputs, and
// for wires that are taken for known so as to find the others that are free.
func (p *propagation) determine(w int, by Rule) {
	if p.known[w] {
		return
	}
	p.known[w], p.by[w] = true, by
	for _, i := range p.in[w] {
		p.unknown[i]--
		p.push(i)
	}
}

// run applies the rules until none finds anything.
func (p *propagation) run() {
	for len(p.queue) > 0 {
		i := p.queue[0]
		p.queue = p.queue[1:]
		p.queued[i] = false
		if p.sums[i] != nil {
			p.widen(p.sums[i])
		}
		switch {
		case p.unknown[i] == 0:
		case p.unknown[i] == 1:
			p.last(&p.equations[i])
		case p.sums[i] != nil:
			p.digits(p.sums[i])
		}
	}
}

// suspect returns a wire that is not determined: an output of a hint that
// nothing bounds before others, since bits that follow from their sum do not
// when one of them may be anything.
func (p *propagation) suspect() (int, bool) {
	found := -1
	for w := p.inputs; w < p.wires; w++ {
		if p.known[w] {
			continue
		}
		if p.hint[w] != "" && p.bound[w] == nil {
			return w, true
		}
		if found < 0 {
			found = w
		}
	}
	return found, found >= 0
}

// last looks at an equation with one unknown wire.
func (p *propagation) last(e *equation) {
	w := e.occurring()[0]
	for _, v := range e.occurring() {
		if !p.known[v] {
			w = v
		}
	}
	l, r, o := e.l.of(w), e.r.of(w), e.o.of(w)
	switch {
	case l.IsZero() && r.IsZero():
		p.determine(w, Defined) // o is not zero, since w occurs
	case !l.IsZero() && !r.IsZero():
		// A square: two values.
	case l.IsZero():
		p.factor(w, e.r, e.l, e.o, o)
	default:
		p.factor(w, e.l, e.r, e.o, o)
	}
}

// factor looks at f·g = o, with w in f, not in g, and with coefficient ow in o.
func (p *propagation) factor(w int, f, g, o form, ow fr.Element) {
	if g.isConstant() {
		k := f.of(w)
		if k.Mul(&k, &g.constant); !k.Equal(&ow) {
			p.determine(w, Defined)
		}
		return
	}
	if !ow.IsZero() {
		return
	}
	switch {
	case o.isConstant() && !o.constant.IsZero():
		p.determine(w, Inverse) // g divides what is not 0
	case p.law.quotient(w, f, g, o):
		p.determine(w, Quotient)
	}
}

// digits applies the rule Digits to a sum that is 0.
func (p *propagation) digits(f *form) {
	var unknown []int
	for i, t := range f.terms {
		if p.known[t.wire] {
			continue
		}
		if p.bound[t.wire] == nil {
			return
		}
		unknown = append(unknown, i)
	}
	for _, negate := range []bool{false, true} {
		weights := make(map[int]*big.Int, len(unknown))
		for _, i := range unknown {
			weights[i] = integer(f.terms[i].k, negate)
		}
		slices.SortFunc(unknown, func(i, j int) int { return weights[i].Cmp(weights[j]) })
		sum, radix := new(big.Int), true
		for _, i := range unknown {
			radix = radix && weights[i].Cmp(sum) > 0
			sum.Add(sum, new(big.Int).Mul(weights[i], p.bound[f.terms[i].wire]))
		}
		if radix && sum.Cmp(fr.Modulus()) < 0 {
			for _, i := range unknown {
				p.determine(f.terms[i].wire, Digits)
			}
			return
		}
	}
}

// widen bounds the one wire of a sum that has no bound by those of the others:
// a partial sum of bits.
func (p *propagation) widen(f *form) {
	at := -1
	for i, t := range f.terms {
		if p.bound[t.wire] == nil {
			if at >= 0 || p.known[t.wire] {
				return
			}
			at = i
		}
	}
	if at < 0 {
		return
	}
	// wire = Σ of the others, after division by −k.
	k := f.terms[at].k
	k.Neg(&k).Inverse(&k)
	g := f.times(k)
	sum := integer(g.constant, false)
	for i, t := range g.terms {
		if i != at {
			sum.Add(sum, new(big.Int).Mul(integer(t.k, false), p.bound[t.wire]))
		}
	}
	if sum.Cmp(fr.Modulus()) >= 0 {
		return
	}
	w := f.terms[at].wire
	p.bound[w] = sum
	for _, i := range p.in[w] {
		p.push(i)
	}
}

func integer(k fr.Element, negate bool) *big.Int {
	if negate {
		k.Neg(&k)
	}
	return k.BigInt(new(big.Int))
}
