package registry_test

import (
	"context"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestRefusesTransactions runs every refusal twice: at the mempool's door and
// in a block, where it must leave no trace.
func TestRefusesTransactions(t *testing.T) {
	secrets := func(n int) []byte {
		return transaction.WithdrawalPayload(make([]fr.Element, n))
	}
	for _, x := range []struct {
		name string
		want transaction.Code
		tx   func(c *chain) []byte
	}{
		{"no bytes", transaction.Malformed, func(*chain) []byte { return nil }},
		{"a trailing byte", transaction.Malformed, func(c *chain) []byte { return append(c.commit(hospital, 1).Encode(), 0) }},
		{"an item cut short", transaction.Malformed, func(c *chain) []byte {
			return c.signed(hospital, transaction.CommitConsents, make([]byte, 63)).Encode()
		}},
		{"a value above the modulus", transaction.Malformed, func(c *chain) []byte {
			p := transaction.SealedPayload(sealed(1))
			for i := range 32 {
				p[i] = 0xff
			}
			return c.signed(hospital, transaction.CommitConsents, p).Encode()
		}},
		{"4,097 items", transaction.Malformed, func(c *chain) []byte {
			return c.signed(hospital, transaction.Withdraw, secrets(4097)).Encode()
		}},
		{"a stamped commit", transaction.Malformed, func(c *chain) []byte {
			return c.stamped(transaction.CommitConsents, transaction.SealedPayload(sealed(1))).Encode()
		}},
		{"another ledger's", transaction.OtherLedger, func(c *chain) []byte {
			x := c.commit(hospital, 1)
			x.Genesis[0] ^= 1
			x.Sign(hospital.id, hospital.key)
			return x.Encode()
		}},
		{"expired", transaction.Expired, func(c *chain) []byte {
			x := c.commit(hospital, 1)
			x.Expiry = c.height
			x.Sign(hospital.id, hospital.key)
			return x.Encode()
		}},
		{"expiry too far ahead", transaction.TooFarAhead, func(c *chain) []byte {
			x := c.commit(hospital, 1)
			x.Expiry = c.height + 1 + transaction.MaxAhead + 1
			x.Sign(hospital.id, hospital.key)
			return x.Encode()
		}},
		{"unknown signer", transaction.UnknownSigner, func(c *chain) []byte { return c.commit(stranger, 1).Encode() }},
		{"inactive signer", transaction.UnknownSigner, func(c *chain) []byte { return c.commit(asleep, 1).Encode() }},
		{"not in role", transaction.NotInRole, func(c *chain) []byte { return c.credential(hospital, 1).Encode() }},
		{"another's key", transaction.BadSignature, func(c *chain) []byte {
			x := c.commit(hospital, 1)
			x.Sign(hospital.id, clinic.key)
			return x.Encode()
		}},
		{"a signature of another kind", transaction.BadSignature, func(c *chain) []byte {
			x := c.commit(hospital, 1)
			x.Signature = signed.Sign(hospital.key, signed.Request, x.Message())
			return x.Encode()
		}},
		{"changed after signing", transaction.BadSignature, func(c *chain) []byte {
			x := c.commit(hospital, 1)
			x.Payload = transaction.SealedPayload(sealed(2))
			return x.Encode()
		}},
		{"a stamp without work", transaction.BadStamp, func(c *chain) []byte {
			x := c.stamped(transaction.Withdraw, secrets(1))
			for x.CheckStamp(8) == nil {
				x.Nonce++
			}
			return x.Encode()
		}},
		{"a stamp for two items", transaction.BadStamp, func(c *chain) []byte { return c.stamped(transaction.Withdraw, secrets(2)).Encode() }},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newChain(t)
			c.block()
			before, raw := c.hash, x.tx(c)
			checked, err := c.s.CheckTx(raw)
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, "CheckTx", checked, x.want)
			wantCode(t, "executed", c.block(raw)[0], x.want)
			if c.hash != before {
				t.Error("a refused transaction changed the AppHash")
			}
		})
	}
}

func TestRefusesReplayUntilExpiry(t *testing.T) {
	c := newChain(t)
	raw := c.signed(hospital, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{rs(1)})).Encode()
	r := c.block(raw, raw)
	wantCode(t, "first", r[0], transaction.Executed)
	wantCode(t, "second in the same block", r[1], transaction.Repeated)
	for c.height < 100 {
		wantCode(t, "in a later block", c.block(raw)[0], transaction.Repeated)
	}
	wantCode(t, "after its expiry", c.block(raw)[0], transaction.Expired)
	c.block()
	if _, err := c.s.Check(context.Background(), nil); err != nil {
		t.Errorf("after the replay set forgot it: %v", err)
	}
}

func TestGovernance(t *testing.T) {
	c := newChain(t)
	find := func(p party) directory.Authority {
		d := c.directory()
		a, ok := d.Authority(p.id)
		if !ok {
			t.Fatal("authority is gone")
		}
		a.Sequence++
		return a
	}
	newcomer := newParty(50)

	off := find(hospital)
	off.Active = false
	wantCode(t, "one steward of two", c.one(c.govern(off, steward1)), transaction.NotGoverned)
	wantCode(t, "an authority that is no steward", c.one(c.govern(off, steward1, hospital)), transaction.NotGoverned)
	forged := c.govern(off, steward1, steward2)
	forged.Signature[len(forged.Signature)-1] ^= 1
	wantCode(t, "a forged approval", c.one(forged), transaction.BadSignature)
	skip := off
	skip.Sequence++
	wantCode(t, "a skipped sequence number", c.one(c.govern(skip, steward1, steward2)), transaction.NotGoverned)
	twice := c.govern(off, steward1)
	twice.Signature = append(twice.Signature, twice.Signature...)
	wantCode(t, "one steward twice", c.one(twice), transaction.Malformed)
	theirs := find(hospital)
	theirs.Key = clinic.pub()
	wantCode(t, "a key that another has", c.one(c.govern(theirs, steward1, steward2)), transaction.NotGoverned)
	gone := find(steward3)
	gone.Active = false
	wantCode(t, "one steward of three leaves", c.one(c.govern(gone, steward1, steward2)), transaction.Executed)
	gone = find(steward2)
	gone.Active = false
	wantCode(t, "a steward without whom nobody can govern", c.one(c.govern(gone, steward1, steward2)), transaction.NotGoverned)

	joins := newcomer.record("newcomer", directory.Registrar)
	wrong := joins
	wrong.ID = stranger.id
	wantCode(t, "a newcomer with another id", c.one(c.govern(wrong, steward1, steward2)), transaction.NotGoverned)
	wantCode(t, "before it joins", c.one(c.commit(newcomer, 1)), transaction.UnknownSigner)
	wantCode(t, "a newcomer", c.one(c.govern(joins, steward1, steward2)), transaction.Executed)
	wantItems(t, "after it joined", c.one(c.commit(newcomer, 1)), 0)
}

func TestAttack_GovernanceReplay(t *testing.T) {
	c := newChain(t)
	d := c.directory()
	a, _ := d.Authority(hospital.id)
	set := func(active bool) *transaction.Transaction {
		a.Sequence++
		a.Active = active
		x := c.govern(a, steward1, steward2)
		wantCode(t, "set", c.one(x), transaction.Executed)
		return x
	}
	set(false)
	on := set(true)
	set(false)
	wantCode(t, "the same bytes", c.one(on), transaction.Repeated)
	// Another set of approvals is the same transaction.
	more := *on
	if err := more.Approve(steward3.id, steward3.key); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "with one more approval", c.one(&more), transaction.Repeated)
	for c.height <= on.Expiry {
		c.block()
	}
	again := *on
	again.Signature, again.Expiry = nil, c.height+50
	again.Approve(steward1.id, steward1.key)
	again.Approve(steward2.id, steward2.key)
	wantCode(t, "an old sequence number", c.one(&again), transaction.NotGoverned)
	wantCode(t, "the authority stays off", c.one(c.commit(hospital, 1)), transaction.UnknownSigner)
}

func TestAttack_StolenKeyAfterRotation(t *testing.T) {
	c := newChain(t)
	wantItems(t, "before", c.one(c.commit(hospital, 1)), 0)
	d := c.directory()
	a, _ := d.Authority(hospital.id)
	fresh := newParty(77)
	a.Key, a.Sequence = fresh.pub(), a.Sequence+1
	pending := c.commit(hospital, 2) // signed by the thief before, held back
	wantCode(t, "rotation", c.one(c.govern(a, steward1, steward2)), transaction.Executed)
	wantCode(t, "the thief's earlier transaction", c.one(pending), transaction.BadSignature)
	wantCode(t, "the thief's new one", c.one(c.commit(hospital, 3)), transaction.BadSignature)
	owner := party{id: hospital.id, key: fresh.key}
	wantItems(t, "the owner, under the same id", c.one(c.commit(owner, 4)), 0)
	wantItems(t, "what was committed is remembered", c.one(c.commit(owner, 1)), transaction.DuplicateLock)
}
