package registry_test

import (
	"testing"

	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestGovernanceMayTakeDays: approvals are collected by people, so what
// stewards approve lives longer than what a machine sends.
func TestGovernanceMayTakeDays(t *testing.T) {
	for _, x := range []struct {
		name  string
		ahead uint64
		want  transaction.Code
	}{
		{"as far ahead as a signer's", transaction.MaxAhead, transaction.Executed},
		{"beyond a signer's", transaction.MaxAhead + 1, transaction.Executed},
		{"the furthest", transaction.MaxAheadGoverned, transaction.Executed},
		{"one block further", transaction.MaxAheadGoverned + 1, transaction.TooFarAhead},
	} {
		c := newChain(t)
		a, _ := c.directory().Authority(hospital.id)
		a.Sequence++
		p := c.tx(transaction.SetAuthority, transaction.AuthorityPayload(a))
		p.Expiry = c.height + 1 + x.ahead
		for _, s := range []party{steward1, steward2} {
			if err := p.Approve(s.id, s.key); err != nil {
				t.Fatal(err)
			}
		}
		wantCode(t, x.name, c.one(p), x.want)
	}
}

// TestAttack_HeldBackDecision: whoever keeps an approved decision back until
// the stewards have thought better of it finds its sequence number taken.
func TestAttack_HeldBackDecision(t *testing.T) {
	c := newChain(t)
	a, _ := c.directory().Authority(clinic.id)
	a.Sequence++
	decide := func(name string, by ...party) *transaction.Transaction {
		a.Name = name
		p := c.tx(transaction.SetAuthority, transaction.AuthorityPayload(a))
		p.Expiry = c.height + transaction.MaxAheadGoverned/2
		for _, s := range by {
			if err := p.Approve(s.id, s.key); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	held := decide("held back", steward1, steward2)
	wantCode(t, "the later decision", c.one(decide("decided instead", steward2, steward3)), transaction.Executed)
	for range 3 {
		c.block()
	}
	wantCode(t, "the one held back", c.one(held), transaction.NotGoverned)
	if got, _ := c.directory().Authority(clinic.id); got.Name != "decided instead" {
		t.Errorf("the clinic is called %q", got.Name)
	}
}
