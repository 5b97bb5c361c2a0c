package registry_test

import (
	"context"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// verifiers are members of shared scopes; the last is in none.
var verifiers = []party{newParty(30), newParty(31), newParty(32)}

func withVerifiers(g *directory.Genesis) {
	for i, v := range verifiers {
		g.Directory.Authorities = append(g.Directory.Authorities, v.record(string('a'+rune(i)), directory.Verifier))
	}
	// A member that is no verifier, and one that was switched off.
	g.Directory.Scopes = []directory.Scope{
		{Name: "closed"},
		{Name: "study", Members: members(verifiers[0], verifiers[1], hospital)},
		{Name: "tender", Members: members(verifiers[0])},
	}
}

func spent(c *chain) []journal.Spend {
	c.t.Helper()
	entries, err := c.s.Log(context.Background(), journal.Spends, 0, registryMax)
	if err != nil {
		c.t.Fatal(err)
	}
	out := make([]journal.Spend, len(entries))
	for i, b := range entries {
		if out[i], err = journal.DecodeSpend(b); err != nil {
			c.t.Fatal(err)
		}
	}
	return out
}

const registryMax = 4096

func TestSpend(t *testing.T) {
	c := newChain(t, withVerifiers)
	study, tender := directory.Scope{Name: "study"}, directory.Scope{Name: "tender"}
	a, b := verifiers[0], verifiers[1]
	wantItems(t, "first", c.one(c.signed(a, transaction.Spend, spending(study, 1, 2, 1))), 0, 0, transaction.AlreadySpent)
	wantItems(t, "by another member", c.one(c.signed(b, transaction.Spend, spending(study, 2, 3))), transaction.AlreadySpent, 0)
	wantItems(t, "in another scope", c.one(c.signed(a, transaction.Spend, spending(tender, 1))), 0)
	s := spent(c)
	if len(s) != 4 {
		t.Fatalf("%d entries, want 4", len(s))
	}
	if x := s[1]; x.Scope != directory.ScopeID("study") || x.Nullifier != nullifier(2) || x.Member != a.id || x.Digest != [32]byte{2} || x.At != start+1 {
		t.Errorf("the log says %+v", x)
	}
	// An epoch, a rotated key and a scope that is closed and opened again
	// forget nothing.
	c.epoch()
	wantItems(t, "in the next epoch", c.one(c.signed(b, transaction.Spend, spending(study, 1))), transaction.AlreadySpent)
	closed := directory.Scope{Name: "study", Sequence: 1}
	wantCode(t, "the scope is closed", c.one(c.decree(transaction.SetScope, closed.Encode())), transaction.Executed)
	wantItems(t, "in a closed scope", c.one(c.signed(b, transaction.Spend, spending(study, 9))), transaction.NotMember)
	open := directory.Scope{Name: "study", Sequence: 2, Members: members(b)}
	wantCode(t, "and opened", c.one(c.decree(transaction.SetScope, open.Encode())), transaction.Executed)
	wantItems(t, "after that", c.one(c.signed(b, transaction.Spend, spending(study, 1, 9))), transaction.AlreadySpent, 0)
}

// TestAttack_NonMemberSpends has everybody who may not spend try to use up a
// patient's nullifier, which would lock the patient out of the scope.
func TestAttack_NonMemberSpends(t *testing.T) {
	c := newChain(t, withVerifiers)
	study := directory.Scope{Name: "study"}
	mixed := transaction.SpendPayload([]transaction.Spending{
		{Scope: directory.ScopeID("study"), Nullifier: nullifier(1)}, {Scope: directory.ScopeID("tender"), Nullifier: nullifier(1)},
		{Scope: directory.ScopeID("closed"), Nullifier: nullifier(1)}, {Scope: field.Uint(5), Nullifier: nullifier(1)},
	})
	wantItems(t, "a verifier outside of the scope", c.one(c.signed(verifiers[2], transaction.Spend, mixed)),
		transaction.NotMember, transaction.NotMember, transaction.NotMember, transaction.UnknownScope)
	wantItems(t, "a member of one of the scopes", c.one(c.signed(verifiers[1], transaction.Spend, mixed)),
		transaction.Accepted, transaction.NotMember, transaction.NotMember, transaction.UnknownScope)
	wantCode(t, "a member that is no verifier", c.one(c.signed(hospital, transaction.Spend, spending(study, 2))), transaction.NotInRole)
	wantCode(t, "a steward", c.one(c.signed(steward1, transaction.Spend, spending(study, 2))), transaction.NotInRole)
	wantCode(t, "a stranger", c.one(c.signed(stranger, transaction.Spend, spending(study, 2))), transaction.UnknownSigner)
	forged := c.signed(verifiers[0], transaction.Spend, spending(study, 2))
	forged.Sign(verifiers[0].id, verifiers[2].key)
	wantCode(t, "in a member's name", c.one(forged), transaction.BadSignature)
	out, _ := c.directory().Authority(verifiers[1].id)
	out.Sequence, out.Active = 1, false
	wantCode(t, "a member is switched off", c.one(c.govern(out, steward1, steward2)), transaction.Executed)
	wantCode(t, "a member that was switched off", c.one(c.signed(verifiers[1], transaction.Spend, spending(study, 2))), transaction.UnknownSigner)
	if s := spent(c); len(s) != 1 || s[0].Member != verifiers[1].id {
		t.Errorf("the log has %d entries, want the member's alone", len(s))
	}
	wantItems(t, "the patient's own answer", c.one(c.signed(verifiers[0], transaction.Spend, spending(study, 2))), 0)
}

// TestAttack_HundredSpendersOfOneNullifier: within a transaction, a block and
// across blocks one of a hundred succeeds, and the log names it to all others.
func TestAttack_HundredSpendersOfOneNullifier(t *testing.T) {
	var crowd []party
	c := newChain(t, func(g *directory.Genesis) {
		for i := range 100 {
			p := newParty(byte(110 + i))
			crowd = append(crowd, p)
			g.Directory.Authorities = append(g.Directory.Authorities, p.record("v"+string('0'+rune(i/10))+string('0'+rune(i%10)), directory.Verifier))
		}
		g.Directory.Scopes = []directory.Scope{{Name: "study", Members: members(crowd...)}}
	})
	study := directory.Scope{Name: "study"}
	winners := 0
	for round := range 5 { // the first block has the winner, at any place of it
		var txs [][]byte
		for i := range crowd {
			n := []uint64{1}
			if i%3 == 0 {
				n = []uint64{1, 1}
			}
			txs = append(txs, c.signed(crowd[(i*37+13)%100], transaction.Spend, spending(study, n...)).Encode())
		}
		for i, r := range c.block(txs...) {
			for _, code := range r.Items {
				switch code {
				case transaction.Accepted:
					winners++
					if s := spent(c); len(s) != 1 || s[0].Member != crowd[(i*37+13)%100].id {
						t.Errorf("round %d: the log does not name the winner", round)
					}
				case transaction.AlreadySpent:
				default:
					t.Fatalf("%v", code)
				}
			}
		}
	}
	if winners != 1 || c.view().State.Spends.Count != 1 {
		t.Errorf("%d winners and %d entries, want 1", winners, c.view().State.Spends.Count)
	}
}

// TestAttack_AuditRootTwice: a verifier that could anchor a second root for an
// epoch could show each auditor another past.
func TestAttack_AuditRootTwice(t *testing.T) {
	c := newChain(t, withVerifiers)
	a, b := verifiers[0], verifiers[1]
	anchor := func(by party, xs ...transaction.Anchor) transaction.Result {
		return c.one(c.signed(by, transaction.AuditRoot, transaction.AuditPayload(xs)))
	}
	at := func(epoch uint64, root byte) transaction.Anchor {
		return transaction.Anchor{Epoch: epoch, Root: [32]byte{root}}
	}
	wantItems(t, "twice in one transaction", anchor(a, at(0, 1), at(0, 2), at(1, 1)), 0, transaction.AlreadyAnchored, transaction.FutureEpoch)
	wantItems(t, "twice in two", anchor(a, at(0, 3)), transaction.AlreadyAnchored)
	wantItems(t, "another verifier's", anchor(b, at(0, 4)), 0)
	c.epoch()
	wantItems(t, "what had not closed is free", anchor(a, at(1, 5), at(0, 6), at(1<<62, 1)), 0, transaction.AlreadyAnchored, transaction.FutureEpoch)
	wantCode(t, "by a registrar", anchor(hospital, at(0, 1)), transaction.NotInRole)
	entries, err := c.s.Log(context.Background(), journal.Audits, 0, 9)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, want := range []journal.Audit{{Authority: a.id, Root: [32]byte{1}}, {Authority: b.id, Root: [32]byte{4}}, {Authority: a.id, Epoch: 1, Root: [32]byte{5}}} {
		got, err := journal.DecodeAudit(entries[i])
		if want.At = got.At; err != nil || got != want || got.At <= start {
			t.Errorf("entry %d: %+v, %v", i, got, err)
		}
	}
}

func TestQuotaOfSpendsAndRevocations(t *testing.T) {
	c := newChain(t, withVerifiers, func(g *directory.Genesis) { g.Directory.Parameters.Quota = 3 })
	study := directory.Scope{Name: "study"}
	a := verifiers[0]
	wantItems(t, "spends", c.one(c.signed(a, transaction.Spend, spending(study, 1, 1, 2, 3, 4, 1))),
		0, transaction.AlreadySpent, 0, 0, transaction.OverQuota, transaction.AlreadySpent)
	wantItems(t, "another member's", c.one(c.signed(verifiers[1], transaction.Spend, spending(study, 4))), 0)
	c.block(c.commit(hospital, 1, 2, 3).Encode(), c.credential(issuer, 4, 5, 6).Encode())
	c.epoch()
	c.block(c.credential(issuer, 7, 8).Encode())
	rev := func(by party, from, n uint64, opened bool) transaction.Result {
		var out []transaction.Revocation
		for i := from; i < from+n; i++ {
			r := transaction.Revocation{Index: i}
			if opened {
				r.RS = rs(i + 1)
			}
			out = append(out, r)
		}
		return c.one(c.signed(by, transaction.Revoke, transaction.RevocationPayload(out)))
	}
	wantItems(t, "an issuer's own", rev(issuer, 3, 5, false), 0, 0, 0, transaction.OverQuota, transaction.OverQuota)
	wantItems(t, "what is revoked says so", rev(issuer, 3, 1, false), transaction.AlreadyRevoked)
	wantItems(t, "a relay", rev(hospital, 0, 3, true), 0, 0, 0)
	wantItems(t, "a relay over its quota", rev(hospital, 6, 2, true), transaction.OverQuota, transaction.OverQuota)
	wantItems(t, "a stamp", c.one(c.stamped(transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 6, RS: rs(7)}}))), 0)
	c.epoch()
	wantItems(t, "in the next epoch", rev(issuer, 6, 2, false), transaction.AlreadyRevoked, 0)
}

// TestQuotasAreSeparate: what an authority has used of one kind takes nothing
// from another, whatever comes first.
func TestQuotasAreSeparate(t *testing.T) {
	all := newParty(40)
	study := directory.Scope{Name: "study", Members: members(all)}
	c := newChain(t, func(g *directory.Genesis) {
		g.Directory.Parameters.Quota = 1
		g.Directory.Authorities = append(g.Directory.Authorities, all.record("all", directory.Registrar|directory.Verifier))
		g.Directory.Scopes = []directory.Scope{study}
	})
	c.block(c.commit(hospital, 1).Encode(), c.commit(clinic, 2).Encode())
	for round, want := range []transaction.ItemCode{transaction.Accepted, transaction.OverQuota} {
		n := uint64(round)
		for what, x := range map[string]*transaction.Transaction{
			"leaf":       c.commit(all, 10+n),
			"withdrawal": c.signed(all, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{rs(n)})),
			"revocation": c.signed(all, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: n, RS: rs(n + 1)}})),
			"spend":      c.signed(all, transaction.Spend, spending(study, n)),
		} {
			wantItems(t, what, c.one(x), want)
		}
	}
}
