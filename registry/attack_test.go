package registry_test

import (
	"context"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestAttack_StampIsNotReused moves a stamp's work to what it was not done for.
func TestAttack_StampIsNotReused(t *testing.T) {
	// Enough bits that chance makes no stamp good.
	c := newChain(t, func(g *directory.Genesis) { g.Directory.Parameters.PowBits = 16 })
	pay := func(n uint64) []byte { return transaction.WithdrawalPayload([]fr.Element{rs(n)}) }
	x := c.tx(transaction.Withdraw, pay(1))
	if err := x.Stamp(context.Background(), 16); err != nil {
		t.Fatal(err)
	}
	wantItems(t, "the stamp", c.one(x), 0)
	wantCode(t, "the same again", c.one(x), transaction.Repeated)
	moved := func(change func(*transaction.Transaction)) transaction.Result {
		y := *x
		change(&y)
		return c.one(&y)
	}
	wantCode(t, "for another payload", moved(func(y *transaction.Transaction) { y.Payload = pay(2) }), transaction.BadStamp)
	wantCode(t, "for a later block", moved(func(y *transaction.Transaction) { y.Expiry++ }), transaction.BadStamp)
	wantCode(t, "for another kind", moved(func(y *transaction.Transaction) {
		y.Kind, y.Payload = transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{RS: rs(1)}})
	}), transaction.BadStamp)
	wantCode(t, "with an authority's name", moved(func(y *transaction.Transaction) {
		y.Signer, y.Signature = hospital.id, make([]byte, 64)
	}), transaction.BadSignature)
	for c.height <= x.Expiry {
		c.block()
	}
	wantCode(t, "when the ledger has forgotten it", c.one(x), transaction.Expired)
}

// TestAttack_FirstKeyComesBack has the thief of a key that was rotated away
// apply as a newcomer with it: its id would be the victim's.
func TestAttack_FirstKeyComesBack(t *testing.T) {
	c := newChain(t)
	d := c.directory()
	a, _ := d.Authority(hospital.id)
	old, fresh := a, newParty(77)
	a.Key, a.Sequence = fresh.pub(), a.Sequence+1
	wantCode(t, "rotation", c.one(c.govern(a, steward1, steward2)), transaction.Executed)
	newcomer := old
	newcomer.Sequence, newcomer.URI, newcomer.Name = 0, "https://example.org/thief", "thief"
	wantCode(t, "a newcomer with the old key", c.one(c.govern(newcomer, steward1, steward2)), transaction.NotGoverned)
	// The rotated key under a name of its own would be the same voice twice.
	second := fresh.record("second", directory.Registrar)
	wantCode(t, "a newcomer with the present key", c.one(c.govern(second, steward1, steward2)), transaction.NotGoverned)
	d = c.directory()
	if now, _ := d.Authority(hospital.id); !now.Key.Equal(fresh.pub()) || now.URI != old.URI {
		t.Errorf("the authority is %+v", now)
	}
}

// TestAttack_QuotaOfOneIsNobodyElses: what is refused takes no leaf, and a full
// quota refuses nobody else and no withdrawal.
func TestAttack_QuotaOfOneIsNobodyElses(t *testing.T) {
	c := newChain(t, func(g *directory.Genesis) { g.Directory.Parameters.Quota = 2 })
	wantItems(t, "duplicates in one batch", c.one(c.commit(hospital, 1, 1, 1, 2, 3)), 0, transaction.DuplicateLock, transaction.DuplicateLock, 0, transaction.OverQuota)
	wantItems(t, "more, in another transaction", c.one(c.commit(hospital, 4)), transaction.OverQuota)
	wantItems(t, "a known one", c.one(c.commit(hospital, 1)), transaction.DuplicateLock)
	wantItems(t, "of another authority", c.one(c.credential(issuer, 5)), 0)
	pay := func(n uint64) []byte { return transaction.WithdrawalPayload([]fr.Element{rs(n)}) }
	for n := range uint64(2) {
		wantItems(t, "a withdrawal", c.one(c.signed(hospital, transaction.Withdraw, pay(n))), 0)
	}
	wantItems(t, "over the registrar's quota", c.one(c.signed(hospital, transaction.Withdraw, pay(9))), transaction.OverQuota)
	wantItems(t, "by stamp", c.one(c.stamped(transaction.Withdraw, pay(9))), 0)
	// What was refused for the quota is not remembered: it may come again.
	c.epoch()
	wantItems(t, "in the next epoch", c.one(c.commit(hospital, 3)), 0)
}

// TestRevokedInTheBlockThatCloses closes the epoch in the very
// block of commit and revocation, and revokes again in the next ones.
func TestRevokedInTheBlockThatCloses(t *testing.T) {
	c := newChain(t)
	revoke := func(index, n uint64) []byte {
		return c.stamped(transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: index, RS: rs(n)}})).Encode()
	}
	rs := c.blockAt(start+600, c.commit(hospital, 1, 2).Encode(), revoke(0, 1))
	wantItems(t, "revoked in the closing block", rs[1], 0)
	if v := c.view(); v.State.Epoch != 1 || v.State.Records.Count != 3 {
		t.Fatalf("%+v", v.State)
	}
	a, _ := c.directory().Authority(hospital.id)
	if a.Live != 1 {
		t.Errorf("%d live leaves, want 1", a.Live)
	}
	root := c.view().State.Root
	wantItems(t, "revoked again", c.blockAt(start+601, revoke(0, 1))[0], transaction.AlreadyRevoked)
	wantItems(t, "the other one", c.blockAt(start+602, revoke(1, 2))[0], 0)
	if c.view().State.Root != root {
		t.Error("the root changed before the close")
	}
	c.blockAt(start + 1200)
	if a, _ := c.directory().Authority(hospital.id); a.Live != 0 || c.view().State.Root == root {
		t.Errorf("%d live leaves, want 0, under another root", a.Live)
	}
}
