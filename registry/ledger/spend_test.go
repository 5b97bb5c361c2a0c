package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"sort"
	"sync"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestAttack_HundredVerifiersRace has a hundred verifiers of one scope spend
// one nullifier at the same moment. One succeeds, and the log names it.
func TestAttack_HundredVerifiersRace(t *testing.T) {
	const racers = 100
	keys := make([]ed25519.PrivateKey, racers)
	scope := directory.Scope{Name: "study"}
	home := newHome(t, func(g *directory.Genesis) {
		for i := range keys {
			keys[i] = ed25519.NewKeyFromSeed(append(bytes.Repeat([]byte{200}, 31), byte(i)))
			pub := keys[i].Public().(ed25519.PublicKey)
			id := directory.AuthorityID(pub)
			scope.Members = append(scope.Members, id)
			g.Directory.Authorities = append(g.Directory.Authorities, directory.Authority{
				ID: id, Key: pub, URI: fmt.Sprintf("https://example.org/v%d", i), Name: fmt.Sprint("v", i), Roles: directory.Verifier, Active: true,
			})
		}
		sort.Slice(scope.Members, func(i, j int) bool { return scope.Members[i].Cmp(&scope.Members[j]) < 0 })
		a := g.Directory.Authorities
		sort.Slice(a, func(i, j int) bool { return a[i].ID.Cmp(&a[j].ID) < 0 })
		g.Directory.Scopes = []directory.Scope{scope}
	})
	n := run(t, home)
	ctx := short(t)
	results := make([]*transaction.Result, racers)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, key := range keys {
		x := &transaction.Transaction{
			Genesis: directory.GenesisHash(n.Genesis()), Expiry: 500, Nonce: uint64(i), Kind: transaction.Spend,
			Payload: transaction.SpendPayload([]transaction.Spending{{Scope: directory.ScopeID("study"), Nullifier: field.Uint(7), Digest: [32]byte{byte(i)}}}),
		}
		x.Sign(directory.AuthorityID(key.Public().(ed25519.PublicKey)), key)
		wg.Go(func() {
			<-start
			results[i] = submit(ctx, n, x)
		})
	}
	close(start)
	wg.Wait()
	winner := -1
	for i, r := range results {
		switch {
		case r == nil || r.Code != transaction.Executed || len(r.Items) != 1:
			t.Fatalf("verifier %d: %+v", i, r)
		case r.Items[0] == transaction.Accepted && winner >= 0:
			t.Errorf("verifiers %d and %d both spent it", winner, i)
		case r.Items[0] == transaction.Accepted:
			winner = i
		case r.Items[0] != transaction.AlreadySpent:
			t.Errorf("verifier %d: %v", i, r.Items[0])
		}
	}
	entries, err := n.Log(ctx, journal.Spends, 0, 10)
	if err != nil || len(entries) != 1 || winner < 0 {
		t.Fatalf("%d entries, winner %d, %v", len(entries), winner, err)
	}
	if s, err := journal.DecodeSpend(entries[0]); err != nil || s.Member != directory.AuthorityID(keys[winner].Public().(ed25519.PublicKey)) || s.Digest != [32]byte{byte(winner)} {
		t.Errorf("the log names another one: %+v, %v", s, err)
	}
}

// submit returns nil where the node gave no result.
func submit(ctx context.Context, n *ledger.Node, x *transaction.Transaction) *transaction.Result {
	b, err := n.Submit(ctx, x.Encode())
	if err != nil {
		return nil
	}
	r, err := transaction.DecodeResult(b)
	if err != nil {
		return nil
	}
	return r
}
