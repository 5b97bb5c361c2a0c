package ledger

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// twice are two votes of a validator for two blocks of one height.
func twice(t *testing.T, n *Node, seed byte, height uint64) types.Evidence {
	t.Helper()
	header := n.header(t, height)
	set, err := n.chain.states.LoadValidators(int64(height))
	if err != nil {
		t.Fatal(err)
	}
	pv := types.NewMockPVWithParams(cmted25519.PrivKey(testKey(seed)), false, false)
	index, val := set.GetByAddress(pv.PrivKey.PubKey().Address())
	if val == nil {
		t.Fatalf("it is no validator of height %d", height)
	}
	vote := func(of byte) *types.Vote {
		h := bytes.Repeat([]byte{of}, 32)
		v := &types.Vote{Type: cmtproto.PrecommitType, Height: int64(height), BlockID: types.BlockID{Hash: h, PartSetHeader: types.PartSetHeader{Total: 1, Hash: h}},
			Timestamp: header.Time, ValidatorAddress: val.Address, ValidatorIndex: index}
		p := v.ToProto()
		if err := pv.SignVote(n.genesis.ChainID, p); err != nil {
			t.Fatal(err)
		}
		v.Signature = p.Signature
		return v
	}
	e, err := types.NewDuplicateVoteEvidence(vote(1), vote(2), header.Time, set)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// listening runs a governed ledger that others reach, in which a second
// validator has the power of one since the height that is returned.
func listening(t *testing.T) (n *Node, second uint64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	n = governedOn(t, &Options{Listen: "tcp://" + l.Addr().String(), SnapshotInterval: 5})
	x := directory.Validator{Key: public(testKey(2)), Power: 1, Name: "Second"}
	second = n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode())).Height + 2
	n.header(t, second+1)
	return n, second
}

func (n *Node) height(t *testing.T) uint64 {
	t.Helper()
	v, err := n.state.View()
	if err != nil {
		t.Fatal(err)
	}
	return v.Height
}

// restored is a home from a backup of a running node.
func restored(t *testing.T, ctx context.Context, n *Node) Home {
	t.Helper()
	backup, home := filepath.Join(t.TempDir(), "backup"), Home(t.TempDir())
	if err := n.Backup(ctx, backup, nil); err != nil {
		t.Fatal(err)
	}
	if err := Restore(ctx, Restoring{From: backup, Home: home, Genesis: n.genesis}); err != nil {
		t.Fatal(err)
	}
	return home
}

// convict hands a node the evidence, waits until it has taken the power and
// says at which height.
func convict(t *testing.T, n *Node, e types.Evidence) uint64 {
	t.Helper()
	if err := n.comet.EvidencePool().AddEvidence(e); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		m := n.members(t)
		if at := slices.IndexFunc(m, func(v directory.Validator) bool { return v.Key.Equal(public(testKey(2))) }); m[at].Power == 0 {
			return n.height(t)
		}
	}
	t.Fatal("the evidence is in no block")
	return 0
}

// follows waits until a node has taken a height.
func follows(t *testing.T, n *Node, height uint64) bool {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if n.height(t) >= height {
			return true
		}
	}
	return false
}

// TestAttack_EvidenceOfBeforeTheSnapshot keeps two votes of one height back
// until a node has come by a backup, or by a snapshot, of after that height.
// The block with the evidence is one that the others take: a node without the
// header to judge it by would stand still, for ever and without an error.
func TestAttack_EvidenceOfBeforeTheSnapshot(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	check := func(t *testing.T, n, came *Node, home Home, second uint64) {
		t.Helper()
		if base := uint64(came.chain.blocks.Base()); base != 0 && base <= second {
			t.Fatal("it has the blocks: the test shows nothing")
		}
		at := convict(t, n, twice(t, n, 2, second))
		if !follows(t, came, at+1) {
			t.Fatalf("it stands at %d, the evidence was in block %d", came.height(t), at)
		}
		if base := uint64(came.chain.blocks.Base()); base <= second {
			t.Fatal("it has the blocks: the test shows nothing")
		}
		if err := came.Stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(ctx, home, nil); err != nil {
			t.Errorf("a check of its home: %v", err)
		}
		findsRewritten(t, home, second)
	}
	t.Run("by a backup", func(t *testing.T) {
		n, second := listening(t)
		home := restored(t, ctx, n)
		came, err := Start(ctx, home, &Options{Peers: []string{n.Address()}, Join: []Member{n}})
		if err != nil {
			t.Fatal(err)
		}
		defer came.Stop()
		check(t, n, came, home, second)
	})
	t.Run("by a backup, and nobody asked for headers at first", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes twenty seconds")
		}
		n, second := listening(t)
		home := restored(t, ctx, n)
		came, err := Start(ctx, home, &Options{Peers: []string{n.Address()}})
		if err != nil {
			t.Fatal(err)
		}
		defer came.Stop()
		if !follows(t, came, n.height(t)) {
			t.Fatal("it does not follow")
		}
		at := convict(t, n, twice(t, n, 2, second))
		n.header(t, at+3)
		if h := came.height(t); h >= at {
			t.Fatalf("it took block %d, and has no header to judge it by", h)
		}
		if err := came.Stop(); err != nil {
			t.Fatal(err)
		}
		again, err := Start(ctx, home, &Options{Peers: []string{n.Address()}, Join: []Member{n}})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Stop()
		if !follows(t, again, at+3) {
			t.Errorf("it stands at %d with the headers, too", again.height(t))
		}
	})
	t.Run("by a snapshot", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes twenty seconds")
		}
		n, second := listening(t)
		n.header(t, second+9)
		home := Home(t.TempDir())
		if _, err := home.Create(); err != nil {
			t.Fatal(err)
		}
		if err := home.WriteGenesis(n.genesis); err != nil {
			t.Fatal(err)
		}
		came, err := Start(ctx, home, &Options{Peers: []string{n.Address()}, Join: []Member{n}, SnapshotInterval: 5})
		if err != nil {
			t.Fatal(err)
		}
		defer came.Stop()
		check(t, n, came, home, second)
	})
}
