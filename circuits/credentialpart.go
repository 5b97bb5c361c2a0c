package circuits

import (
	"github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/circuits/gadget/predicate"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// A Range is the public part of a range predicate.
type Range struct {
	Mask variable `gnark:"mask"`
	Lo   variable `gnark:"lo"`
	Hi   variable `gnark:"hi"`
}

// A Set is the public part of a value-set predicate.
type Set struct {
	Mask variable `gnark:"mask"`
	Root variable `gnark:"root"`
}

// A Link is the public part of a link to range 0.
type Link struct {
	Flag variable `gnark:"flag"`
	Off  variable `gnark:"off"`
}

// A SetPart is the private part of a value-set predicate.
type SetPart struct {
	Slot   slots
	Lo, Hi variable
	Path   merkle.Path
}

// CredentialPart is the private part of a credential: what its commitment
// hides, but for the holder and the schema, its place on the ledger, its
// issuer's place in the trust list, and the slots that the predicates speak of.
type CredentialPart struct {
	Expires, Salt variable
	Attributes    slots
	Issuer, Lock  variable
	Path          merkle.Path
	Trust         merkle.Path
	RangeSlots    [rangeCount]slots
	Sets          []SetPart
}

// tested is what a request asks of a credential: public inputs all.
type tested struct {
	root, until, trustRoot, schema variable
	ranges                         [rangeCount]Range
	sets                           []Set
	links                          []Link
}

// assert proves that a credential of this holder, issued by one of the trusted
// and not revoked, satisfies the predicates. The caller asserts now ≤ until.
func (c *CredentialPart) assert(p *parts, holder variable, q tested) {
	opening := append([]variable{holder, q.schema, c.Expires, c.Salt}, c.Attributes[:]...)
	cm := p.hash.Sum(poseidon.TagCredential, opening...)
	p.assertMember(p.hash.Sum(poseidon.TagLeafCredential, c.Issuer, cm, c.Lock), c.Path, q.root)
	p.assertTrusted(c.Issuer, c.Trust, q.trustRoot)
	p.assertOrder(q.until, c.Expires)

	var first variable // the slot of range 0, to which links tie the others
	link := 0
	tie := func(slot variable) {
		predicate.AssertLink(p.api, q.links[link].Flag, q.links[link].Off, slot, first, consent.LinkBias)
		link++
	}
	for i, r := range q.ranges {
		value, slot := predicate.AssertSlot(p.api, c.RangeSlots[i][:], r.Mask, c.Attributes[:])
		predicate.AssertWithin(p.api, r.Lo, value, r.Hi, predicate.ValueBits)
		if i == 0 {
			first = slot
		} else {
			tie(slot)
		}
	}
	for i, s := range q.sets {
		w := &c.Sets[i]
		value, slot := predicate.AssertSlot(p.api, w.Slot[:], s.Mask, c.Attributes[:])
		predicate.AssertInSet(p.api, p.hash, value, w.Lo, w.Hi, w.Path, s.Root)
		tie(slot)
	}
}
