package registry_test

import (
	"context"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func TestLeafIsComputedFromSignerAndKind(t *testing.T) {
	c := newChain(t)
	wantItems(t, "consents", c.one(c.commit(hospital, 1, 2)), 0, 0)
	wantItems(t, "credential", c.one(c.credential(issuer, 1)), 0)
	c.epoch()
	s := sealed(1, 2)
	tree, err := merkle.NewTree(journal.Depth,
		consent.Leaf(consent.KindConsent, hospital.id, s[0].Commitment, s[0].Lock),
		consent.Leaf(consent.KindConsent, hospital.id, s[1].Commitment, s[1].Lock),
		consent.Leaf(consent.KindCredential, issuer.id, s[0].Commitment, s[0].Lock))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.view().State.Root; got != tree.Root() {
		t.Error("the root is not that of the leaves that the specification computes")
	}
	d := c.directory()
	for _, w := range []struct {
		who  party
		live uint64
	}{{hospital, 2}, {issuer, 1}, {clinic, 0}} {
		if a, _ := d.Authority(w.who.id); a.Live != w.live {
			t.Errorf("%s has %d live leaves, want %d", a.Name, a.Live, w.live)
		}
	}
}

func TestAttack_RegistrarMintsCredential(t *testing.T) {
	c := newChain(t)
	wantCode(t, "registrar commits a credential", c.one(c.credential(hospital, 1)), transaction.NotInRole)
	wantCode(t, "issuer commits a consent", c.one(c.commit(issuer, 1)), transaction.NotInRole)
	wantCode(t, "verifier commits a consent", c.one(c.commit(insurer, 1)), transaction.NotInRole)
	wantCode(t, "steward commits a credential", c.one(c.credential(steward1, 1)), transaction.NotInRole)
	if n := c.view().State.Records.Count; n != 0 {
		t.Errorf("%d records were written", n)
	}
}

func TestAttack_LockSniping(t *testing.T) {
	c := newChain(t)
	// The clinic copies lock and commitment 1 out of the hospital's batch and
	// is first. Neither is harmed.
	r := c.block(c.commit(clinic, 1).Encode(), c.commit(hospital, 1, 2).Encode())
	wantItems(t, "the copy", r[0], transaction.Accepted)
	wantItems(t, "the batch it was copied from", r[1], transaction.Accepted, transaction.Accepted)
	// The same authority is refused item by item, and the batch goes on.
	wantItems(t, "a repeated lock", c.one(c.commit(hospital, 2, 3)), transaction.DuplicateLock, transaction.Accepted)
	mixed := sealed(4, 5, 6)
	mixed[1].Commitment = mixed[0].Commitment
	wantItems(t, "a repeated commitment in the batch itself",
		c.one(c.signed(hospital, transaction.CommitConsents, transaction.SealedPayload(mixed))),
		transaction.Accepted, transaction.DuplicateCM, transaction.Accepted)
}

func TestLockIsRememberedAfterRevocation(t *testing.T) {
	c := newChain(t)
	c.one(c.commit(hospital, 1))
	c.one(c.signed(hospital, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 0, RS: rs(1)}})))
	c.epoch()
	wantItems(t, "after its revocation", c.one(c.commit(hospital, 1)), transaction.DuplicateLock)
}

func TestQuotaOfAnEpoch(t *testing.T) {
	c := newChain(t, func(g *directory.Genesis) { g.Directory.Parameters.Quota = 3 })
	wantItems(t, "first", c.one(c.commit(hospital, 1, 2)), 0, 0)
	wantItems(t, "over it", c.one(c.commit(hospital, 3, 4)), transaction.Accepted, transaction.OverQuota)
	wantItems(t, "another authority", c.one(c.commit(clinic, 4)), transaction.Accepted)
	w := transaction.WithdrawalPayload([]fr.Element{rs(1), rs(2), rs(3), rs(4)})
	wantItems(t, "withdrawals have a quota of their own", c.one(c.signed(hospital, transaction.Withdraw, w)), 0, 0, 0, transaction.OverQuota)
	wantItems(t, "a stamp has nobody's quota", c.one(c.stamped(transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{rs(4)}))), 0)
	c.epoch()
	wantItems(t, "next epoch", c.one(c.commit(hospital, 4, 5, 6, 7)), 0, 0, 0, transaction.OverQuota)
}

func TestWithdraw(t *testing.T) {
	c := newChain(t)
	pay := func(ns ...uint64) []byte {
		var vs []fr.Element
		for _, n := range ns {
			vs = append(vs, rs(n))
		}
		return transaction.WithdrawalPayload(vs)
	}
	wantItems(t, "by a registrar", c.one(c.signed(hospital, transaction.Withdraw, pay(1, 2, 1))), 0, 0, transaction.RepeatedSecret)
	wantItems(t, "relayed by any authority", c.one(c.signed(insurer, transaction.Withdraw, pay(3))), 0)
	wantItems(t, "by stamp", c.one(c.stamped(transaction.Withdraw, pay(4))), 0)
	wantItems(t, "by stamp, again", c.one(c.stamped(transaction.Withdraw, pay(4))), transaction.RepeatedSecret)
	entries, err := c.s.Log(context.Background(), journal.Withdrawals, 0, 10)
	if err != nil || len(entries) != 4 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, n := range []uint64{1, 2, 3, 4} {
		w, err := journal.DecodeWithdrawal(entries[i])
		if err != nil || w.V != rs(n) || w.At < start {
			t.Errorf("entry %d: %+v, %v", i, w, err)
		}
	}
}

func TestRevoke(t *testing.T) {
	c := newChain(t)
	c.block(c.commit(hospital, 1, 2, 3).Encode(), c.credential(issuer, 4, 5).Encode())
	c.epoch()
	before := c.view().State.Root
	rev := func(index, secret uint64) transaction.Revocation {
		return transaction.Revocation{Index: index, RS: rs(secret)}
	}
	key := func(index uint64) transaction.Revocation { return transaction.Revocation{Index: index} }
	do := func(by party, rs ...transaction.Revocation) transaction.Result {
		t.Helper()
		return c.one(c.signed(by, transaction.Revoke, transaction.RevocationPayload(rs)))
	}
	wantItems(t, "mixed", do(insurer, rev(0, 1), rev(0, 1), rev(1, 9), rev(99, 1)),
		transaction.Accepted, transaction.AlreadyRevoked, transaction.WrongRS, transaction.UnknownIndex)
	wantItems(t, "an issuer's key revokes what it issued", do(issuer, key(3)), transaction.Accepted)
	wantItems(t, "another issuer's does not", do(issuer2, key(4)), transaction.WrongRS)
	wantItems(t, "a registrar's key revokes no consent", do(hospital, key(1)), transaction.WrongRS)
	wantItems(t, "a stamp without rs revokes nothing",
		c.one(c.stamped(transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{key(4)}))), transaction.WrongRS)
	wantItems(t, "a stamp with rs does",
		c.one(c.stamped(transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{rev(2, 3)}))), transaction.Accepted)
	if c.view().State.Root != before {
		t.Error("the root changed before the epoch closed")
	}
	c.epoch()
	s := sealed(1, 2, 3, 4, 5)
	tree, _ := merkle.NewTree(journal.Depth,
		fr.Element{}, consent.Leaf(consent.KindConsent, hospital.id, s[1].Commitment, s[1].Lock), fr.Element{},
		fr.Element{}, consent.Leaf(consent.KindCredential, issuer.id, s[4].Commitment, s[4].Lock))
	if c.view().State.Root != tree.Root() {
		t.Error("revoked leaves are not zero in the tree")
	}
	d := c.directory()
	if a, _ := d.Authority(hospital.id); a.Live != 1 {
		t.Errorf("the hospital has %d live leaves, want 1", a.Live)
	}
}

func TestRevokedInTheEpochOfItsCommit(t *testing.T) {
	c := newChain(t)
	c.block(c.commit(hospital, 1).Encode(),
		c.stamped(transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 0, RS: rs(1)}})).Encode())
	c.epoch()
	if c.view().State.Root != merkle.Empty(journal.Depth) {
		t.Error("the leaf entered the tree")
	}
}

func TestEpochs(t *testing.T) {
	c := newChain(t)
	c.blockAt(start + 599)
	if e := c.view().State.Epoch; e != 0 {
		t.Errorf("epoch %d a second early", e)
	}
	c.blockAt(start + 600)
	c.blockAt(start + 1199)
	c.blockAt(start + 1900) // late: the next one counts from here
	c.blockAt(start + 2499)
	entries, err := c.s.Log(context.Background(), journal.Epochs, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []uint64{start, start + 600, start + 1900}
	if len(entries) != len(want) {
		t.Fatalf("%d epochs, want %d", len(entries), len(want))
	}
	for i, b := range entries {
		if e, err := directory.DecodeEpoch(b); err != nil || e.ClosedAt != want[i] || e.Number != uint64(i) {
			t.Errorf("epoch %d: %+v, %v", i, e, err)
		}
	}
}

func TestEveryBlockClosesWithTransactionsOnly(t *testing.T) {
	c := newChain(t, func(g *directory.Genesis) { g.Directory.Parameters.EveryBlock = true })
	c.block()
	c.one(c.commit(stranger, 1)) // refused: not a transaction that was executed
	if e := c.view().State.Epoch; e != 0 {
		t.Errorf("epoch %d without transactions", e)
	}
	c.one(c.commit(hospital, 1))
	if v := c.view().State; v.Epoch != 1 || v.Root == merkle.Empty(journal.Depth) {
		t.Errorf("epoch %d, want 1 with a new root", v.Epoch)
	}
}
