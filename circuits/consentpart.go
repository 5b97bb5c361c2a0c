package circuits

import (
	"github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/circuits/gadget/predicate"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// ConsentPart is the private part of a consent: what its commitment hides,
// but for the holder, the grantee and the policy, which come from elsewhere in
// the circuit, and its place on the ledger.
type ConsentPart struct {
	Purposes, Terms, Categories variable
	NotBefore, NotAfter         variable
	DataFrom, DataTo            variable
	Source, W, Salt             variable
	Authority, Lock             variable
	Path                        merkle.Path
}

// asked is what a request asks of a consent: public inputs all.
type asked struct {
	root, now, until            variable
	purpose, accepted, category variable
	qFrom, qTo, grantee, policy variable
	scope, watch                variable
}

// assert proves that a consent of this holder, registered and not revoked,
// permits what is asked. The caller asserts now ≤ until.
func (c *ConsentPart) assert(p *parts, holder variable, q asked) {
	cm := p.hash.Sum(poseidon.TagConsent, holder, q.grantee,
		c.Purposes, c.Terms, c.Categories, c.NotBefore, c.NotAfter, c.DataFrom, c.DataTo,
		q.policy, c.Source, c.W, c.Salt)
	p.assertMember(p.hash.Sum(poseidon.TagLeafConsent, c.Authority, cm, c.Lock), c.Path, q.root)
	predicate.AssertSubset(p.api, q.purpose, c.Purposes, maskBits)
	predicate.AssertSubset(p.api, q.category, c.Categories, maskBits)
	// Restrictions run the other way: the verifier must accept all of them.
	predicate.AssertSubset(p.api, c.Terms, q.accepted, termBits)
	p.assertOrder(c.NotBefore, q.now)
	p.assertOrder(q.until, c.NotAfter)
	p.assertOrder(c.DataFrom, q.qFrom)
	p.assertOrder(q.qTo, c.DataTo)
	p.api.AssertIsEqual(q.watch, p.hash.Sum(poseidon.TagWatch, c.W, q.scope))
}
