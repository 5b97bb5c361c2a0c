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

func (c *chain) distrust(who party, from, to uint64) transaction.Result {
	c.t.Helper()
	x := transaction.Distrusting{Sequence: uint64(len(c.directory().Distrusts)), Distrust: directory.Distrust{Authority: who.id, From: from, To: to}}
	return c.one(c.decree(transaction.DistrustRange, transaction.DistrustPayload(x)))
}

// TestAttack_ThiefDistrusted: a thief issues with a stolen key. The stewards
// switch it off and distrust the leaves of that time; honest leaves of before,
// and of others between them, stay.
func TestAttack_ThiefDistrusted(t *testing.T) {
	c := newChain(t, func(g *directory.Genesis) {
		for i := range g.Directory.Authorities { // one key for both kinds of leaves
			if a := &g.Directory.Authorities[i]; a.ID.Equal(&issuer.id) {
				a.Roles |= directory.Registrar
			}
		}
	})
	c.block(c.credential(issuer, 1, 2).Encode()) // honest: 0, 1
	c.epoch()
	c.block(c.credential(issuer, 3).Encode(), c.commit(hospital, 4).Encode(), c.commit(issuer, 5, 6).Encode(), c.credential(issuer2, 7).Encode()) // the thief's: 2, 4, 5
	revoke := transaction.RevocationPayload([]transaction.Revocation{{Index: 4, RS: rs(5)}})
	wantItems(t, "one is revoked already", c.one(c.stamped(transaction.Revoke, revoke)), 0)
	c.epoch()
	off, _ := c.directory().Authority(issuer.id)
	off.Sequence, off.Active = 1, false
	wantCode(t, "switched off", c.one(c.govern(off, steward1, steward2)), transaction.Executed)

	before := c.view().State
	wantCode(t, "by one steward", c.one(c.decree(transaction.DistrustRange, transaction.DistrustPayload(transaction.Distrusting{Distrust: directory.Distrust{Authority: issuer.id, From: 2, To: 9}}), steward1)), transaction.NotGoverned)
	wantCode(t, "distrust", c.distrust(issuer, 2, 1000), transaction.Executed)
	if s := c.view().State; s.Root != before.Root || s.Records.Count != before.Records.Count+2 {
		t.Errorf("%d entries more, want 2 and the root of before until the epoch closes", s.Records.Count-before.Records.Count)
	}
	d := c.directory().Distrusts
	if len(d) != 1 || d[0].Epoch != before.Epoch+1 || d[0].From != 2 || d[0].To != 1000 || d[0].Authority != issuer.id {
		t.Errorf("the directory says %+v", d)
	}
	entries, err := c.s.Log(context.Background(), journal.Records, before.Records.Count, 9)
	if err != nil {
		t.Fatal(err)
	}
	for i, index := range []uint64{2, 5} {
		if r, err := journal.DecodeRecord(entries[i]); err != nil || !r.Revoked || r.Index != index || !r.RS.IsZero() {
			t.Errorf("entry %d: %+v, %v", i, r, err)
		}
	}
	c.epoch()
	s := sealed(1, 2, 4, 7)
	leaf := func(k consent.Kind, by party, i int) fr.Element {
		return consent.Leaf(k, by.id, s[i].Commitment, s[i].Lock)
	}
	tree, err := merkle.NewTree(journal.Depth, leaf(consent.KindCredential, issuer, 0), leaf(consent.KindCredential, issuer, 1), fr.Element{},
		leaf(consent.KindConsent, hospital, 2), fr.Element{}, fr.Element{}, leaf(consent.KindCredential, issuer2, 3))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.view().State; got.Root != tree.Root() || got.Epoch != before.Epoch+1 {
		t.Error("the tree of the named epoch is not that of the honest leaves")
	}
	for _, w := range []struct {
		who  party
		live uint64
	}{{issuer, 2}, {hospital, 1}, {issuer2, 1}} {
		if a, _ := c.directory().Authority(w.who.id); a.Live != w.live {
			t.Errorf("%s has %d live leaves, want %d", a.Name, a.Live, w.live)
		}
	}
	wantCode(t, "the thief goes on", c.one(c.credential(issuer, 8)), transaction.UnknownSigner)
	wantItems(t, "nobody else is hindered", c.one(c.commit(hospital, 9)), 0)
}

// TestDistrustTouchesNothingElse: what it cannot find it leaves alone, and
// what comes later into its range is not revoked by it.
func TestDistrustTouchesNothingElse(t *testing.T) {
	c := newChain(t)
	c.one(c.commit(hospital, 1, 2))
	wantCode(t, "an authority without leaves there", c.distrust(issuer, 0, 2), transaction.Executed)
	wantCode(t, "beyond the last leaf", c.distrust(hospital, 1, 9), transaction.Executed)
	wantItems(t, "committed later, into the range", c.one(c.commit(hospital, 3)), 0)
	c.epoch()
	if a, _ := c.directory().Authority(hospital.id); a.Live != 2 {
		t.Errorf("%d live leaves, want 2", a.Live)
	}
	x := transaction.Distrusting{Sequence: 2, Distrust: directory.Distrust{Authority: hospital.id, From: 0, To: transaction.MaxDistrusted + 1}}
	wantCode(t, "too long a range", c.one(c.decree(transaction.DistrustRange, transaction.DistrustPayload(x))), transaction.Malformed)
	x.Distrust.To, x.Authority = 3, stranger.id
	wantCode(t, "an authority that is none", c.one(c.decree(transaction.DistrustRange, transaction.DistrustPayload(x))), transaction.NotGoverned)
	x.Authority, x.Epoch = hospital.id, 7
	raw := x.Distrust.Encode(x.Sequence)
	wantCode(t, "an epoch of one's own", c.one(c.decree(transaction.DistrustRange, raw)), transaction.Malformed)
}

// TestDistrustInTheBlockThatCloses: the epoch it names is the one that closes
// with its own block.
func TestDistrustInTheBlockThatCloses(t *testing.T) {
	c := newChain(t)
	x := transaction.Distrusting{Distrust: directory.Distrust{Authority: hospital.id, From: 0, To: 2}}
	r := c.blockAt(start+600, c.commit(hospital, 1, 2, 3).Encode(), c.decree(transaction.DistrustRange, transaction.DistrustPayload(x)).Encode())
	wantCode(t, "distrust", r[1], transaction.Executed)
	if v, d := c.view().State, c.directory(); v.Epoch != 1 || d.Distrusts[0].Epoch != 1 {
		t.Errorf("epoch %d, distrusted from %d on", v.Epoch, d.Distrusts[0].Epoch)
	}
	if a, _ := c.directory().Authority(hospital.id); a.Live != 1 {
		t.Errorf("%d live leaves, want 1", a.Live)
	}
}
