package reference_test

import (
	"fmt"
	"math/big"

	"github.com/zkconsent/zkconsent/circuits/reference"
)

// An edit changes a draft before it is sealed, so that hashes and roots follow
// and one assertion decides, or after, so that they do not.
type edit struct {
	name  string
	after bool
	do    func(d *draft)
}

// menu lists the edits that a circuit has places for.
func menu(c reference.Circuit) (m []edit) {
	m = append(m, holderEdits(c)...)
	if c.Name != "enrol" {
		m = append(m, timeEdits(c)...)
		m = append(m, treeEdits(c)...)
	}
	if c.ProvesConsent() {
		m = append(m, consentEdits()...)
	}
	if c.ProvesCredential() {
		m = append(m, credentialEdits()...)
		for i := range reference.Ranges + c.Sets {
			m = append(m, choiceEdits(i)...)
			m = append(m, boundEdits(i)...)
		}
		for i := range c.Links() {
			m = append(m, linkEdits(i)...)
		}
		for i := range c.Sets {
			m = append(m, setEdits(i)...)
		}
	}
	return append(m, wireEdits()...)
}

// wireEdits put anything anywhere.
func wireEdits() (m []edit) {
	for _, sealed := range []bool{false, true} {
		when := map[bool]string{false: "before", true: "after"}[sealed]
		anywhere := func(what string, change func(d *draft, w, other *element)) {
			m = append(m, edit{"any wire " + when + ": " + what, sealed, func(d *draft) {
				places := wires(d.c, d.v)
				change(d, places[d.index(len(places))], places[d.index(len(places))])
			}})
		}
		anywhere("edge", func(d *draft, w, _ *element) { *w = d.edge() })
		anywhere("next", func(d *draft, w, _ *element) { *w = plus(*w, one()) })
		anywhere("last", func(d *draft, w, _ *element) { *w = minus(*w, one()) })
		anywhere("negated", func(d *draft, w, _ *element) { w.Neg(w) })
		anywhere("another's", func(d *draft, w, other *element) { *w = *other })
	}
	return m
}

func before(name string, do func(d *draft)) edit { return edit{name, false, do} }

func after(name string, do func(d *draft)) edit { return edit{name, true, do} }

func holderEdits(c reference.Circuit) []edit {
	m := []edit{
		before("α beyond 252 bits", func(d *draft) {
			// B has order ℓ, so that rk stays: 3ℓ and more are beyond 2^252.
			n := new(big.Int).Mul(order(), big.NewInt(int64(3+d.index(4))))
			a := &d.v.Holder.Alpha
			a.SetBigInt(n.Add(n, a.BigInt(new(big.Int)).Mod(a.BigInt(new(big.Int)), order())))
		}),
		before("α at an edge", func(d *draft) {
			l := order()
			edges := []*big.Int{
				big.NewInt(0), big.NewInt(1), new(big.Int).Sub(l, big.NewInt(1)), l, new(big.Int).Sub(l, d.ask),
				new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 252), big.NewInt(1)), new(big.Int).Lsh(big.NewInt(1), 252), big.NewInt(-1),
			}
			d.v.Holder.Alpha.SetBigInt(edges[d.index(len(edges))])
		}),
		before("ak neutral", func(d *draft) { d.ownAk, d.v.Holder.Ak = true, reference.Point{Y: one()} }),
		before("ak with torsion", func(d *draft) { d.ownAk, d.v.Holder.Ak = true, sum(multiple(d.ask), torsion(2+2*d.index(2))) }),
		before("ak torsion alone", func(d *draft) { d.ownAk, d.v.Holder.Ak = true, torsion(2+2*d.index(2)) }),
		before("ak off the curve", func(d *draft) {
			d.ownAk, d.v.Holder.Ak = true, multiple(d.ask)
			d.v.Holder.Ak.Y = plus(d.v.Holder.Ak.Y, one())
		}),
		before("ak anywhere", func(d *draft) { d.ownAk = true }),
		after("rk negated", func(d *draft) { d.v.Public.Rk.X.Neg(&d.v.Public.Rk.X) }),
		after("rk with torsion", func(d *draft) { d.v.Public.Rk = sum(d.v.Public.Rk, torsion(2+2*d.index(2))) }),
		after("α negated", func(d *draft) { d.v.Holder.Alpha.Neg(&d.v.Holder.Alpha) }),
		after("α and the order", func(d *draft) {
			var l element
			d.v.Holder.Alpha = plus(d.v.Holder.Alpha, *l.SetBigInt(order()))
		}),
		after("nullifier of another scope", func(d *draft) { d.v.Public.Scope = d.element() }),
		after("nullifier of another", func(d *draft) { d.v.Public.Nullifier = plus(d.v.Public.Nullifier, one()) }),
		after("another challenge", func(d *draft) { d.v.Public.Challenge = d.edge() }),
	}
	if c.Name == "enrol" {
		m = append(m, after("another holder", func(d *draft) { d.v.Public.Holder = d.element() }))
	}
	return m
}

// orderEdits are about one x ≤ y of two times: y is moved against x, or x
// against y.
func orderEdits(name string, x, y func(d *draft) *element, moveY bool) (m []edit) {
	for _, move := range []struct {
		how string
		by  func(d *draft) element
	}{
		{"one short", func(*draft) element { return signed(-1) }},
		{"short", func(d *draft) element { return minus(number(0), plus(d.small(1<<40), one())) }},
		{"touching", func(*draft) element { return number(0) }},
		{"widest", func(*draft) element { return number(1<<40 - 1) }},
		{"too wide", func(*draft) element { return number(1 << 40) }},
		{"edge", (*draft).edge},
	} {
		m = append(m, before(name+": "+move.how, func(d *draft) {
			if moveY {
				*y(d) = plus(*x(d), move.by(d))
			} else {
				*x(d) = minus(*y(d), move.by(d))
			}
		}))
	}
	return m
}

func timeEdits(c reference.Circuit) (m []edit) {
	now, until := func(d *draft) *element { return &d.v.Public.Now }, func(d *draft) *element { return &d.v.Public.Until }
	m = append(m, orderEdits("now ≤ until", now, until, true)...)
	if c.ProvesConsent() {
		m = append(m, orderEdits("notBefore ≤ now", func(d *draft) *element { return &d.v.Consent.NotBefore }, now, false)...)
		m = append(m, orderEdits("until ≤ notAfter", until, func(d *draft) *element { return &d.v.Consent.NotAfter }, true)...)
		m = append(m, orderEdits("dataFrom ≤ qFrom", func(d *draft) *element { return &d.v.Consent.DataFrom }, func(d *draft) *element { return &d.v.Public.QFrom }, false)...)
		m = append(m, orderEdits("qTo ≤ dataTo", func(d *draft) *element { return &d.v.Public.QTo }, func(d *draft) *element { return &d.v.Consent.DataTo }, true)...)
	}
	if c.ProvesCredential() {
		m = append(m, orderEdits("until ≤ expires", until, func(d *draft) *element { return &d.v.Credential.Expires }, true)...)
	}
	// All times of the statement far from today, in order.
	return append(m, before("times from r−1 on", func(d *draft) {
		p := &d.v.Public
		by := minus(signed(-1), p.Now)
		for _, t := range []*element{&p.Now, &p.Until, &d.v.Consent.NotBefore, &d.v.Consent.NotAfter, &d.v.Credential.Expires} {
			*t = plus(*t, by)
		}
	}))
}

func treeEdits(c reference.Circuit) (m []edit) {
	sample := &draft{c: c, v: reference.New(c)}
	for i, tree := range sample.trees() {
		path := func(d *draft) reference.Path { return d.trees()[i].path }
		name := fmt.Sprintf("%s %d: ", tree.name, i)
		m = append(m,
			before(name+"position beyond a bit", func(d *draft) {
				p := path(d)
				p[d.index(len(p))].Position[d.index(2)] = []element{number(2), signed(-1), power(64), number(3)}[d.index(4)]
			}),
			after(name+"other position", func(d *draft) {
				p := path(d)
				at := &p[d.index(len(p))].Position[d.index(2)]
				*at = minus(one(), *at)
			}),
			after(name+"wrong sibling", func(d *draft) {
				p := path(d)
				at := &p[d.index(len(p))].Siblings[d.index(3)]
				*at = []element{number(0), plus(*at, one()), d.element()}[d.index(3)]
			}),
			after(name+"levels exchanged", func(d *draft) {
				p := path(d)
				k := d.index(len(p) - 1)
				p[k], p[k+1] = p[k+1], p[k]
			}),
		)
	}
	m = append(m,
		after("another root", func(d *draft) { d.v.Public.Root = plus(d.v.Public.Root, one()) }),
		after("another trust root", func(d *draft) { d.v.Public.TrustRoot = d.element() }),
		after("trust root is the record root", func(d *draft) { d.v.Public.TrustRoot = d.v.Public.Root }),
		after("paths exchanged", func(d *draft) {
			d.v.Consent.Path, d.v.Credential.Path = d.v.Credential.Path, d.v.Consent.Path
		}),
	)
	return m
}
