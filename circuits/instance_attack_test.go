package circuits_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	circuitmerkle "github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// The attacks of this file are the same few for each place where a circuit
// makes the same assertion: each predicate and slot, each level of each path.

// A predicate is one of a circuit's ranges, or after them one of its sets.
type predicate struct {
	name  string
	on    []consent.CircuitID
	index int // among ranges, or among sets
	set   bool
}

func predicates() []predicate {
	var out []predicate
	for i := range 4 {
		out = append(out, predicate{fmt.Sprintf("range %d: ", i), withAttribute, i, false})
	}
	return append(out, predicate{"set 0: ", withAttribute, 0, true}, predicate{"set 1: ", withTwoSets, 1, true})
}

// choice is the one-hot choice of a slot.
func (p predicate) choice(a frontend.Circuit) *[consent.Slots]frontend.Variable {
	if p.set {
		return &credentialOf(a).Sets[p.index].Slot
	}
	return &credentialOf(a).RangeSlots[p.index]
}

// choose replaces the choice.
func (p predicate) choose(at map[int]int) func(*circuittest.Case, frontend.Circuit) {
	return func(_ *circuittest.Case, a frontend.Circuit) {
		slots := p.choice(a)
		for i := range slots {
			slots[i] = at[i]
		}
	}
}

func (p predicate) mask(c *circuittest.Case) *uint16 {
	if p.set {
		return &c.Statement.Sets[p.index].Mask
	}
	return &c.Statement.Ranges[p.index].Mask
}

// masked makes everything plain and allows some slots.
func (p predicate) masked(mask uint16) func(c *circuittest.Case) {
	return then(func(c *circuittest.Case) { *p.mask(c) = mask })
}

// rawMask puts a mask that the native type cannot hold.
func (p predicate) rawMask(mask int) func(*circuittest.Case, frontend.Circuit) {
	return func(_ *circuittest.Case, a frontend.Circuit) {
		switch a := a.(type) {
		case *circuits.Eligibility:
			if p.set {
				a.Sets[p.index].Mask = mask
			} else {
				a.Ranges[p.index].Mask = mask
			}
		case *circuits.Claim:
			if p.set {
				a.Sets[p.index].Mask = mask
			} else {
				a.Ranges[p.index].Mask = mask
			}
		}
	}
}

// bounded asks for [lo, hi]; every attribute is 5.
func (p predicate) bounded(lo, hi uint64) func(c *circuittest.Case) {
	return then(func(c *circuittest.Case) {
		if p.set {
			c.Witness.Credential.Sets[p.index].Interval = consent.Interval{Lo: lo, Hi: hi}
		} else {
			c.Statement.Ranges[p.index].Lo, c.Statement.Ranges[p.index].Hi = lo, hi
		}
	})
}

func TestAttack_EveryPredicate(t *testing.T) { play(t, predicateAttacks) }

// A patient's insurer would read a value that no slot holds, or that of a slot
// that it did not ask about.
func predicateAttacks(testing.TB) (attacks, controls []attack) {
	for _, p := range predicates() {
		add := func(name string, before func(*circuittest.Case), raw func(*circuittest.Case, frontend.Circuit)) {
			attacks = append(attacks, attack{name: p.name + name, on: p.on, before: before, raw: raw})
		}
		for slot := range consent.Slots {
			add(fmt.Sprintf("two slots less slot %d", slot), plain,
				p.choose(map[int]int{slot: -1, (slot + 1) % consent.Slots: 1, (slot + 2) % consent.Slots: 1}))
		}
		add("two slots, one of them in the mask", p.masked(1<<3), p.choose(map[int]int{3: 1, 4: 1}))
		add("a slot outside the mask, the first that it lacks", p.masked(consent.AllSlots&^1), p.choose(map[int]int{0: 1}))
		add("a slot outside the mask, the last", p.masked(1), p.choose(map[int]int{10: 1}))
		add("a mask of twelve bits", plain, p.rawMask(1<<consent.Slots+1))
		add("below lo", p.bounded(6, 9), nil)
		add("above hi", p.bounded(1, 4), nil)
		controls = append(controls, attack{name: p.name + "at both bounds", on: p.on, before: p.bounded(5, 5)})
	}
	for i := range 5 {
		on := withAttribute
		if i == 4 {
			on = withTwoSets
		}
		attacks = append(attacks, attack{name: fmt.Sprintf("link %d: a flag of 2", i), on: on, before: plain, raw: func(_ *circuittest.Case, a frontend.Circuit) {
			switch a := a.(type) {
			case *circuits.Eligibility:
				a.Links[i].Flag, a.Links[i].Off = 2, consent.LinkBias
			case *circuits.Claim:
				a.Links[i].Flag, a.Links[i].Off = 2, consent.LinkBias
			}
		}})
	}
	return attacks, controls
}

// A tree is a path of a circuit with what stands at its ends.
type tree struct {
	name  string
	on    []consent.CircuitID
	depth int
	path  func(a frontend.Circuit) *circuitmerkle.Path
	end   func(c *circuittest.Case) (leaf fr.Element, p merkle.Path)
	root  func(a frontend.Circuit) *frontend.Variable
}

// trees are all paths but those of a claim's two records, which end in one
// root.
func trees() []tree {
	record := func(a frontend.Circuit) *frontend.Variable {
		if a, ok := a.(*circuits.Consent); ok {
			return &a.Root
		}
		return &a.(*circuits.Eligibility).Root
	}
	trust := func(a frontend.Circuit) *frontend.Variable {
		switch a := a.(type) {
		case *circuits.Consent:
			return &a.TrustRoot
		case *circuits.Eligibility:
			return &a.TrustRoot
		}
		return &a.(*circuits.Claim).TrustRoot
	}
	out := []tree{
		{"consent: ", []consent.CircuitID{consent.ConsentOnly}, circuits.RecordDepth,
			func(a frontend.Circuit) *circuitmerkle.Path { return &recordOf(a).Path },
			func(c *circuittest.Case) (fr.Element, merkle.Path) {
				r := c.Witness.Consent
				return consent.Leaf(consent.KindConsent, r.Authority, r.Opening.Commitment(), r.Lock), r.Path
			}, record},
		{"registrar: ", []consent.CircuitID{consent.ConsentOnly}, consent.TrustDepth,
			func(a frontend.Circuit) *circuitmerkle.Path { return &a.(*circuits.Consent).Trust },
			func(c *circuittest.Case) (fr.Element, merkle.Path) {
				return c.Witness.Consent.Authority, *c.Witness.Consent.Trust
			}, trust},
		{"credential: ", []consent.CircuitID{consent.Eligibility, consent.EligibilityWide}, circuits.RecordDepth,
			func(a frontend.Circuit) *circuitmerkle.Path { return &credentialOf(a).Path },
			func(c *circuittest.Case) (fr.Element, merkle.Path) {
				r := c.Witness.Credential
				return consent.Leaf(consent.KindCredential, r.Authority, r.Opening.Commitment(), r.Lock), r.Path
			}, record},
		{"issuer: ", withAttribute, consent.TrustDepth,
			func(a frontend.Circuit) *circuitmerkle.Path { return &credentialOf(a).Trust },
			func(c *circuittest.Case) (fr.Element, merkle.Path) {
				return c.Witness.Credential.Authority, c.Witness.Credential.Trust
			}, trust},
	}
	for i := range 2 {
		on, depth := []consent.CircuitID{consent.EligibilityWide, consent.ClaimWide}, consent.EligibilityWide.SetDepth()
		out = append(out, tree{fmt.Sprintf("set %d: ", i), on, depth,
			func(a frontend.Circuit) *circuitmerkle.Path { return &credentialOf(a).Sets[i].Path },
			func(c *circuittest.Case) (fr.Element, merkle.Path) {
				s := c.Witness.Credential.Sets[i]
				return poseidon.Sum(poseidon.TagInterval, field.Uint(s.Interval.Lo), field.Uint(s.Interval.Hi)), s.Path
			},
			func(a frontend.Circuit) *frontend.Variable {
				switch a := a.(type) {
				case *circuits.Eligibility:
					return &a.Sets[i].Root
				}
				return &a.(*circuits.Claim).Sets[i].Root
			}})
	}
	return out
}

// position is the bits of a node's place in one level of a path, of which one
// may be any number.
func position(p merkle.Path, level, forged, bit int, value uint64) (b [2]fr.Element) {
	b[0].SetUint64(p.Index >> (2 * level) & 1)
	b[1].SetUint64(p.Index >> (2*level + 1) & 1)
	if level == forged {
		b[bit].SetUint64(value)
	}
	return b
}

// children are what the circuit puts in order, whatever the numbers in the
// place of bits: sums of the node and its siblings, of which none need be the
// node.
func children(node fr.Element, s [3]fr.Element, b [2]fr.Element) (c [4]fr.Element) {
	var is0, is1, is3 fr.Element
	is3.Mul(&b[0], &b[1])
	is1.Sub(&b[0], &is3)
	one := fr.One()
	is0.Add(&one, &is3)
	is0.Sub(&is0, &b[0]).Sub(&is0, &b[1])
	// sum is x + k·(y − z).
	sum := func(x, k, y, z fr.Element) fr.Element {
		y.Sub(&y, &z)
		y.Mul(&y, &k)
		return *x.Add(&x, &y)
	}
	c[0] = sum(s[0], is0, node, s[0])
	c[3] = sum(s[2], is3, node, s[2])
	c[1] = sum(sum(s[1], is0, s[0], s[1]), is1, node, s[1])
	c[2] = node
	c[2].Add(&c[2], &s[0]).Add(&c[2], &s[1]).Add(&c[2], &s[2]).Sub(&c[2], &c[0]).Sub(&c[2], &c[1]).Sub(&c[2], &c[3])
	return c
}

// climb is the node that the circuit computes above the first levels of a path.
func climb(leaf fr.Element, p merkle.Path, levels, forged, bit int, value uint64) fr.Element {
	node := leaf
	for i, s := range p.Siblings[:levels] {
		c := children(node, s, position(p, i, forged, bit, value))
		node = poseidon.Node(c[0], c[1], c[2], c[3])
	}
	return node
}

func TestAttack_EveryPosition(t *testing.T) { play(t, positionAttacks) }

// A record that was never registered would pass under a root whose tree holds
// sums of it and of others.
func positionAttacks(t testing.TB) (attacks, controls []attack) {
	for _, tree := range trees() {
		at := func(level, bit int, value uint64) func(*circuittest.Case, frontend.Circuit) {
			return func(c *circuittest.Case, a frontend.Circuit) {
				leaf, p := tree.end(c)
				tree.path(a).Positions[level][bit] = value
				*tree.root(a) = climb(leaf, p, tree.depth, level, bit, value)
			}
		}
		for level := range tree.depth {
			for bit := range 2 {
				attacks = append(attacks, attack{name: fmt.Sprintf("%sbit %d of level %d is 2", tree.name, bit, level), on: tree.on, raw: at(level, bit, 2)})
				controls = append(controls, attack{name: fmt.Sprintf("%sbit %d of level %d is 1", tree.name, bit, level), on: tree.on, raw: at(level, bit, 1)})
			}
		}
	}
	on := []consent.CircuitID{consent.ClaimWide}
	for _, record := range []string{"consent", "credential"} {
		for level := range circuits.RecordDepth {
			for bit := range 2 {
				attacks = append(attacks, attack{
					name: fmt.Sprintf("a claim's %s: bit %d of level %d is 2", record, bit, level),
					on:   on, after: apart, raw: inClaim(t, record == "credential", level, bit),
				})
			}
		}
	}
	return attacks, controls
}

const top = circuits.RecordDepth - 1

// apart registers a claim's records anew until they are under different
// children of the root.
func apart(c *circuittest.Case) {
	for c.Witness.Consent.Path.Index>>(2*top) == c.Witness.Credential.Path.Index>>(2*top) {
		c.Seal()
	}
}

// inClaim forges the path of one of a claim's records, and gives the other one
// a path to the same root.
func inClaim(t testing.TB, credential bool, level, bit int) func(*circuittest.Case, frontend.Circuit) {
	return func(c *circuittest.Case, circuit frontend.Circuit) {
		a := circuit.(*circuits.Claim)
		r, o := c.Witness.Consent, c.Witness.Credential
		leaf, p, path := consent.Leaf(consent.KindConsent, r.Authority, r.Opening.Commitment(), r.Lock), r.Path, &a.Record.Path
		otherLeaf, otherP, other := consent.Leaf(consent.KindCredential, o.Authority, o.Opening.Commitment(), o.Lock), o.Path, &a.Credential.Path
		if credential {
			leaf, p, path, otherLeaf, otherP, other = otherLeaf, otherP, other, leaf, p, path
		}
		node, beside := climb(leaf, p, top, level, bit, 2), climb(otherLeaf, otherP, top, -1, 0, 0)
		for _, kept := range []int{-1, 0, 2} {
			s := p.Siblings[top]
			if kept >= 0 {
				s[kept] = beside
			}
			c := children(node, s, position(p, top, level, bit, 2))
			at := slices.Index(c[:], beside)
			if at < 0 {
				continue
			}
			path.Positions[level][bit] = 2
			for k := range s {
				path.Siblings[top][k] = s[k]
			}
			other.Positions[top] = [2]frontend.Variable{at & 1, at >> 1}
			for k, v := range slices.Delete(slices.Clone(c[:]), at, at+1) {
				other.Siblings[top][k] = v
			}
			a.Root = poseidon.Node(c[0], c[1], c[2], c[3])
			return
		}
		t.Error("the other record has no place under the root")
	}
}
