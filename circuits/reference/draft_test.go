package reference_test

import (
	"math/big"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/zkconsent/zkconsent/circuits/reference"
	"pgregory.net/rapid"
)

// A draft is a case in the making. Choices are drawn from rapid, so that a
// failure shrinks; what only has to be some value comes from one drawn seed.
type draft struct {
	t      *rapid.T
	c      reference.Circuit
	v      *reference.Values
	filler *rand.Rand

	ask                     *big.Int
	ownAk                   bool // an edit set ak
	consentOf, credentialOf fate
	edits                   []string // the names of what was done
}

// newDraft makes a true case, biased to the edges of what is true.
func newDraft(t *rapid.T, c reference.Circuit) *draft {
	d := &draft{t: t, c: c, v: reference.New(c)}
	d.filler = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "filler"), 1))
	for _, w := range wires(c, d.v) {
		*w = d.element()
	}
	d.ask = d.scalar()
	d.v.Holder.Alpha.SetBigInt(d.scalar())
	p := &d.v.Public
	p.Now = plus(number(1_700_000_000), d.small(1<<28))
	p.Until = plus(p.Now, d.gap())
	if c.ProvesConsent() {
		d.consent()
	}
	if c.ProvesCredential() {
		d.credential()
	}
	for _, tree := range d.trees() {
		d.place(tree.path)
	}
	if a, b := d.v.Consent.Path, d.v.Credential.Path; c.Name == "claim" && samePlace(a, b) {
		b[0].Position[1] = minus(one(), b[0].Position[1])
	}
	return d
}

func (d *draft) consent() {
	p, r := &d.v.Public, &d.v.Consent
	p.Purpose, p.Categories, p.Accepted = d.mask(64), d.mask(64), d.mask(32)
	r.Purposes = number(integer(p.Purpose) | integer(d.mask(64)))
	r.Categories = number(integer(p.Categories) | integer(d.mask(64)))
	r.Terms = number(integer(p.Accepted) & integer(d.mask(32)))
	p.QFrom, p.QTo = d.time(), d.time()
	r.NotBefore, r.NotAfter = minus(p.Now, d.gap()), plus(p.Until, d.gap())
	r.DataFrom, r.DataTo = minus(p.QFrom, d.gap()), plus(p.QTo, d.gap())
}

func (d *draft) credential() {
	p, r := &d.v.Public, &d.v.Credential
	r.Expires = plus(p.Until, d.gap())
	for j := range r.Attributes {
		r.Attributes[j] = d.attribute()
	}
	slots := make([]int, 0, reference.Ranges+d.c.Sets)
	for _, q := range d.predicates() {
		slot := d.index(reference.Slots)
		slots = append(slots, slot)
		*q.choice = reference.Choice{}
		q.choice[slot].SetOne()
		*q.mask = number(1<<slot | integer(d.mask(reference.Slots)))
		d.surround(q, r.Attributes[slot])
	}
	for i := range p.Links {
		l := &p.Links[i]
		if d.index(2) == 0 {
			*l = reference.Link{Off: d.edge()}
		} else {
			*l = reference.Link{Flag: one(), Off: signed(int64(slots[i+1] - slots[0] + 10))}
		}
	}
}

// A predicate is a range or a set: what is chosen, under which mask, and the
// bounds, which a range has in public.
type predicate struct {
	choice       *reference.Choice
	mask, lo, hi *element
	set          bool
}

func (d *draft) predicates() (out []predicate) {
	p, r := &d.v.Public, &d.v.Credential
	for i := range p.Ranges {
		q := &p.Ranges[i]
		out = append(out, predicate{&r.Ranges[i], &q.Mask, &q.Lo, &q.Hi, false})
	}
	for i := range p.Sets {
		s := &r.Sets[i]
		out = append(out, predicate{&s.Slot, &p.Sets[i].Mask, &s.Lo, &s.Hi, true})
	}
	return out
}

// surround gives bounds within which a lies.
func (d *draft) surround(q predicate, a element) {
	*q.lo, *q.hi = a, a
	switch d.index(8) {
	case 0: // a point
	case 1:
		*q.hi = plus(a, d.small(0))
	case 2:
		*q.lo = minus(a, d.small(0))
	case 3: // the most that 64-bit differences hold
		*q.lo, *q.hi = minus(a, number(1<<64-1)), plus(a, number(1<<64-1))
	case 4: // a day on either side
		*q.lo, *q.hi = minus(a, number(1)), plus(a, number(1))
	default: // all values, if a is one
		if isInteger(a) {
			*q.lo, *q.hi = number(0), number(1<<64-1)
		}
	}
}

// A tree is one path of the witness, by the name of its assertions.
type tree struct {
	name string
	path reference.Path
}

func (d *draft) trees() (out []tree) {
	if d.c.ProvesConsent() {
		out = append(out, tree{"consent", d.v.Consent.Path})
	}
	if d.c.Name == "consent" {
		out = append(out, tree{"registrar", d.v.Registrar})
	}
	if d.c.ProvesCredential() {
		out = append(out, tree{"credential", d.v.Credential.Path}, tree{"issuer", d.v.Credential.Issuer})
		for i := range d.v.Credential.Sets {
			out = append(out, tree{"set", d.v.Credential.Sets[i].Path})
		}
	}
	return out
}

// place puts the leaf first, last, or anywhere.
func (d *draft) place(p reference.Path) {
	where := d.index(4)
	for i := range p {
		digit := d.filler.Uint64()
		switch where {
		case 0:
			digit = 0
		case 1:
			digit = 3
		}
		p[i].Position = [2]element{number(digit & 1), number(digit >> 1 & 1)}
	}
}

// index draws from 0 … n−1, evenly: rapid's own integers favour small ones.
func (d *draft) index(n int) (i int) {
	for range bits.Len(uint(n-1)) + 3 {
		i <<= 1
		if coin.Draw(d.t, "bit") {
			i |= 1
		}
	}
	return i % n
}

var coin = rapid.Bool()

// element is any value: its limbs are those of no number in particular.
func (d *draft) element() element {
	return element{d.filler.Uint64(), d.filler.Uint64(), d.filler.Uint64(), d.filler.Uint64() >> 3}
}

func (d *draft) scalar() *big.Int {
	e := d.element()
	n := e.BigInt(new(big.Int))
	return n.Mod(n, order())
}

func order() *big.Int {
	curve := twistededwards.GetEdwardsCurve()
	return &curve.Order
}

// small is any value below n, or below 2^64 for 0.
func (d *draft) small(n uint64) element {
	if n == 0 {
		return number(d.filler.Uint64())
	}
	return number(d.filler.Uint64N(n))
}

// gap is how far two times lie apart: not at all, and up to the most that
// 40-bit differences hold.
func (d *draft) gap() element {
	return []element{number(0), number(1), d.small(1 << 30), d.small(1 << 40), number(1<<40 - 1)}[d.index(5)]
}

func (d *draft) time() element {
	return []element{number(0), number(1), d.small(1 << 31), d.small(1 << 40), number(1<<40 - 1)}[d.index(5)]
}

// mask is empty, one bit, all, or any of the given bits.
func (d *draft) mask(width int) element {
	all := uint64(1)<<width - 1
	return []element{number(0), number(1 << d.filler.IntN(width)), number(all), number(d.filler.Uint64() & all)}[d.index(4)]
}

func (d *draft) attribute() element {
	switch d.index(8) {
	case 0:
		return power(64) // absent
	case 1:
		return d.edge()
	case 2, 3:
		return days(d.birthday())
	}
	return d.small(0)
}

// birthday is a day at which calendars are got wrong, or any.
func (d *draft) birthday() time.Time {
	day := func(y int, m time.Month, n int) time.Time { return time.Date(y, m, n, 0, 0, 0, 0, time.UTC) }
	listed := []time.Time{
		day(2000, 2, 29), day(2004, 2, 29), day(2008, 2, 28), day(2008, 3, 1), day(1900, 2, 28), day(1900, 3, 1),
		day(1970, 1, 1), day(1969, 12, 31), day(1999, 12, 31), day(2000, 1, 1), day(1, 1, 1), day(2038, 1, 19),
	}
	if i := d.index(len(listed) + 4); i < len(listed) {
		return listed[i]
	}
	return day(1920, 1, 1).AddDate(0, 0, d.filler.IntN(40_000))
}

// days is a date as an attribute: days since 1970 + 2^63.
func days(t time.Time) element {
	return plus(power(63), signed(t.Unix()/86_400))
}

// edge is a value at which bounds and widths end.
func (d *draft) edge() element {
	edges := []element{
		number(0), number(1), number(2), number(20), number(21), number(1 << 11), number(1<<32 - 1), number(1 << 32),
		number(1<<40 - 1), number(1 << 40), power(63), number(1<<64 - 1), power(64), plus(power(64), one()), power(128), power(252),
		signed(-1), signed(-2), minus(signed(0), power(32)), minus(signed(0), power(40)), minus(signed(0), power(64)),
	}
	return edges[d.index(len(edges))]
}

func number(n uint64) element { return fr.NewElement(n) }

func signed(n int64) (e element) { return *e.SetInt64(n) }

func power(n uint) (e element) { return *e.SetBigInt(new(big.Int).Lsh(big.NewInt(1), n)) }

func plus(a, b element) element { return *a.Add(&a, &b) }

func minus(a, b element) element { return *a.Sub(&a, &b) }

// integer is an element's value, if it is below 2^64.
func integer(e element) uint64 { return e.Uint64() }

// isInteger reports e < 2^64. An element's own BitLen is of another form.
func isInteger(e element) bool { return e.IsUint64() }
