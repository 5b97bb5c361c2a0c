package ledger

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// newcomer is a provider for an empty home that reads from a running node.
func newcomer(t *testing.T, n *Node, interval uint64) *stateProvider {
	t.Helper()
	home := Home(t.TempDir())
	if _, err := home.Create(); err != nil {
		t.Fatal(err)
	}
	if err := home.WriteGenesis(n.genesis); err != nil {
		t.Fatal(err)
	}
	kept, err := openTrail(home, n.genesis)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newStateProvider(n.genesis, kept, []Member{n})
	if err != nil {
		t.Fatal(err)
	}
	p.interval = interval
	return p
}

// TestAttack_SnapshotsThatNeverWere has a peer offer snapshots of heights that
// the ledger has not come to, and of heights after which nobody takes one.
// Consensus tries the greatest height first: whoever waited for each of them
// would never join.
func TestAttack_SnapshotsThatNeverWere(t *testing.T) {
	n := startNode(t, forgetful(t), nil)
	p := newcomer(t, n, 2)
	n.makeBlocks(t, 5)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	start := time.Now()
	for range 10 {
		for _, height := range []uint64{3, 1000, 1 << 30, 1 << 40, 1<<64 - 2} {
			if _, err := p.AppHash(ctx, height); !errors.Is(err, errNoSnapshot) {
				t.Errorf("height %d: %v", height, err)
			}
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("fifty offers took %v", took)
	}
	want := n.header(t, 3).AppHash
	if got, err := p.AppHash(ctx, 2); err != nil || !bytes.Equal(got, want) {
		t.Errorf("a true one: %x, %v", got, err)
	}
}

// TestAttack_SnapshotThatFillsTheDisk offers the true state with more entries
// beside it than any ledger has. They would be refused at the end; the peer is
// refused before the first of them is fetched.
func TestAttack_SnapshotThatFillsTheDisk(t *testing.T) {
	n := startNode(t, forgetful(t), nil)
	p := newcomer(t, n, 2)
	n.makeBlocks(t, 5)
	x, err := n.state.Export()
	if err != nil {
		t.Fatal(err)
	}
	m, err := x.Write(context.Background(), snapshot.Folder(t.TempDir()), nil, nil)
	if err := errors.Join(err, x.Close()); err != nil {
		t.Fatal(err)
	}
	n.makeBlocks(t, m.Height+3)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	state, err := registry.Open(t.TempDir(), &registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	p.interval = 0
	app := &application{state: state, board: newBoard(), joining: &joining{genesis: n.genesis.Encode(), provider: p, state: state}}
	offer := func(m *snapshot.Manifest) abci.ResponseOfferSnapshot_Result {
		t.Helper()
		hash, err := p.AppHash(ctx, m.Height)
		if err != nil {
			t.Fatal(err)
		}
		d := m.Digest()
		r, err := app.OfferSnapshot(ctx, &abci.RequestOfferSnapshot{AppHash: hash,
			Snapshot: &abci.Snapshot{Height: m.Height, Format: snapshot.Format, Chunks: uint32(len(m.Chunks)), Hash: d[:], Metadata: m.Encode()}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Result
	}
	big := *m
	big.Auxiliary = 3 << 30
	big.Chunks = make([][32]byte, len(big.Places()))
	if got := offer(&big); got != abci.ResponseOfferSnapshot_REJECT_SENDER {
		t.Errorf("%d entries in %d chunks: %v", big.Auxiliary, len(big.Chunks), got)
	}
	if got := offer(m); got != abci.ResponseOfferSnapshot_ACCEPT {
		t.Errorf("the true one: %v", got)
	}
}
