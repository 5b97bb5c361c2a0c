package cluster_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

const (
	verifiers   = 100
	sharedScope = "one benefit"
)

func verifierKey(i int) ed25519.PrivateKey {
	seed := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("verifier"), uint64(i)))
	return ed25519.NewKeyFromSeed(seed[:])
}

func withVerifiers(g *directory.Genesis) {
	s := directory.Scope{Name: sharedScope}
	for i := range verifiers {
		a := authority(verifierKey(i), fmt.Sprintf("verifier-%d", i), directory.Verifier)
		g.Directory.Authorities, s.Members = append(g.Directory.Authorities, a), append(s.Members, a.ID)
	}
	slices.SortFunc(s.Members, func(a, b fr.Element) int { return a.Cmp(&b) })
	g.Directory.Scopes = append(g.Directory.Scopes, s)
}

// TestFault_HundredVerifiersOneNullifier lets a hundred members of a shared
// scope spend the same nullifier at once, through all four nodes. One of them
// is told that it was the first. The log that a verified head signs names it,
// and tells every other whose presentation it was that came first.
func TestFault_HundredVerifiersOneNullifier(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
	rounds := faulttest.Rounds(1, 3, 10)
	c := newCluster(t, 4, withVerifiers)
	c.advance(2, keepsOn, c.all()...)
	won, lost := 0, 0
	for round := range uint64(rounds) {
		results := c.race(t, round)
		winner, height := -1, uint64(0)
		for i, r := range results {
			height = max(height, r.Height)
			switch {
			case r.Refused() != nil || len(r.Items) != 1:
				t.Errorf("verifier %d: %+v", i, r)
			case r.Items[0] == transaction.Accepted:
				won++
				winner = i
			case r.Items[0] == transaction.AlreadySpent:
				lost++
			default:
				t.Errorf("verifier %d: %v", i, r.Items[0])
			}
		}
		if winner < 0 || won != int(round)+1 {
			t.Fatalf("round %d: %d have won by now", round, won)
		}
		c.reach(height+1, keepsOn, c.all()...)
		for i := range c.members {
			of := spent(t, c, i, numbered("test-nullifier", round))
			if len(of) != 1 || of[0].Member != directory.AuthorityID(verifierKey(winner).Public().(ed25519.PublicKey)) || of[0].Digest != presented(round, winner) {
				t.Errorf("round %d: verifiers at %v find %+v, verifier %d has won", round, c.members[i], of, winner)
			}
		}
	}
	c.witness.rest()
	heads, forks := c.witness.counts()
	c.each(func(m *member) { m.end(syscall.SIGTERM) })
	blocks, more := c.compareBlocks()
	t.Logf("%d heads and %d blocks of two members compared", heads, blocks)
	faulttest.Row(t, fmt.Sprintf("%d verifiers, one nullifier, four members", verifiers), rounds,
		faulttest.Count{Outcome: "accepted", N: won}, faulttest.Count{Outcome: "told that it is spent, and by whom", N: lost}, faulttest.Count{Outcome: "forks", N: forks + more})
}

// presented is what a verifier answers for in a round.
func presented(round uint64, verifier int) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, round), uint64(verifier)))
}

// race sends all spends of a round at once, each until it has an answer.
func (c *cluster) race(t *testing.T, round uint64) []*transaction.Result {
	t.Helper()
	results := make([]*transaction.Result, verifiers)
	begin := make(chan struct{})
	var all sync.WaitGroup
	height := c.witness.height()
	ctx := within(t, time.Minute)
	for i := range results {
		x := &transaction.Transaction{Genesis: directory.GenesisHash(c.genesis), Expiry: height + 500, Nonce: round, Kind: transaction.Spend,
			Payload: transaction.SpendPayload([]transaction.Spending{{Scope: directory.ScopeID(sharedScope), Nullifier: numbered("test-nullifier", round), Digest: presented(round, i)}})}
		k := verifierKey(i)
		x.Sign(directory.AuthorityID(k.Public().(ed25519.PublicKey)), k)
		all.Go(func() {
			<-begin
			r, err := c.submit(ctx, i%len(c.members), x)
			if err != nil {
				t.Errorf("verifier %d: %v", i, err)
				r = &transaction.Result{Code: transaction.Expired}
			}
			results[i] = r
		})
	}
	close(begin)
	all.Wait()
	return results
}

// spent finds a nullifier in the spend log of a member, as far as its verified
// head signs it.
func spent(t *testing.T, c *cluster, i int, nullifier fr.Element) (of []journal.Spend) {
	t.Helper()
	h, err := c.reader(i).Head()
	if err != nil {
		t.Fatal(err)
	}
	acc := journal.NewAccumulator()
	for acc.Count() < h.State.Spends.Count {
		entries, err := c.members[i].Log(within(t, patience), journal.Spends, acc.Count(), int(h.State.Spends.Count-acc.Count()))
		if err != nil || len(entries) == 0 {
			t.Fatalf("%d entries of spends, %v", len(entries), err)
		}
		for _, e := range entries {
			if err := acc.Append(e); err != nil {
				t.Fatal(err)
			}
			s, err := journal.DecodeSpend(e)
			if err != nil {
				t.Fatal(err)
			}
			if s.Scope == directory.ScopeID(sharedScope) && s.Nullifier == nullifier {
				of = append(of, s)
			}
		}
	}
	if got, err := acc.Log(); err != nil || got != h.State.Spends {
		t.Fatalf("%v: the spend log is not the one that the head signs, %v", c.members[i], err)
	}
	return of
}
