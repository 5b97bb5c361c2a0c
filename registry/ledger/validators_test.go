package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func testKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// governedNode runs a ledger of one validator and one steward.
func governedNode(t *testing.T) *Node { return governedOn(t, nil) }

func governedOn(t *testing.T, o *Options) *Node {
	t.Helper()
	home := Home(t.TempDir())
	v, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	pub := public(testKey(1))
	g := &directory.Genesis{
		ChainID: "members-test", Time: uint64(time.Now().Add(-time.Minute).Unix()),
		Directory: directory.Directory{
			Parameters:  directory.Parameters{Epoch: 600, MaxHeadAge: 60, Heartbeat: 1, Quota: 10, PowBits: 8, TrustPeriod: 1 << 20, Stewards: 1},
			Authorities: []directory.Authority{{ID: directory.AuthorityID(pub), Key: pub, URI: "https://example.org/s", Name: "Steward", Roles: directory.Steward, Active: true}},
			Validators:  []directory.Validator{{Key: v, Power: 10, Name: "First"}},
		},
	}
	if err := home.WriteGenesis(g); err != nil {
		t.Fatal(err)
	}
	n, err := Start(context.Background(), home, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	return n
}

// decree builds a transaction that the steward approved.
func decree(t *testing.T, n *Node, k transaction.Kind, payload []byte) []byte {
	t.Helper()
	x := &transaction.Transaction{Genesis: directory.GenesisHash(n.genesis), Expiry: 500, Nonce: uint64(time.Now().UnixNano()), Kind: k, Payload: payload}
	if err := x.Approve(directory.AuthorityID(public(testKey(1))), testKey(1)); err != nil {
		t.Fatal(err)
	}
	return x.Encode()
}

func (n *Node) mustSubmit(t *testing.T, raw []byte) transaction.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := n.submit(ctx, raw)
	if err != nil || r.Refused() != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	return r
}

func (n *Node) header(t *testing.T, height uint64) types.Header {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m := n.comet.BlockStore().LoadBlockMeta(int64(height)); m != nil {
			return m.Header
		}
	}
	t.Fatalf("no block %d", height)
	return types.Header{}
}

func (n *Node) members(t *testing.T) []directory.Validator {
	t.Helper()
	v, err := n.state.View()
	if err != nil {
		t.Fatal(err)
	}
	d, err := directory.DecodeDirectory(v.Directory)
	if err != nil {
		t.Fatal(err)
	}
	return d.Validators
}

// TestSetValidatorChangesWhoSigns adds a member and removes it. Consensus
// takes what the directory says, from the second block after on.
func TestSetValidatorChangesWhoSigns(t *testing.T) {
	n := governedNode(t)
	alone := n.header(t, 1).ValidatorsHash
	x := directory.Validator{Key: public(testKey(2)), Power: 1, Name: "Second"}
	h := n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode())).Height
	if a := n.header(t, h); !bytes.Equal(a.ValidatorsHash, alone) || !bytes.Equal(a.NextValidatorsHash, alone) {
		t.Error("the block of the decision is signed by others than before")
	}
	both := n.header(t, h+1).NextValidatorsHash
	if bytes.Equal(both, alone) || !bytes.Equal(n.header(t, h+1).ValidatorsHash, alone) || !bytes.Equal(n.header(t, h+2).ValidatorsHash, both) {
		t.Error("the new member does not sign from the second block after the decision on")
	}
	x.Power, x.Sequence = 0, 1
	h = n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode())).Height
	if !bytes.Equal(n.header(t, h+2).ValidatorsHash, alone) {
		t.Error("the removed member still signs")
	}
	if m := n.members(t); len(m) != 2 {
		t.Errorf("%d members on record, want 2", len(m))
	}
}

// TestAttack_MemberSignsTwice hands the node two votes of one member for two
// blocks of one height. The next block holds the evidence and takes its power.
func TestAttack_MemberSignsTwice(t *testing.T) {
	n := governedNode(t)
	liar := types.NewMockPVWithParams(cmted25519.PrivKey(testKey(2)), false, false)
	x := directory.Validator{Key: public(testKey(2)), Power: 1, Name: "Second"}
	h := n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode())).Height + 2
	header := n.header(t, h)
	power := []*types.Validator{types.NewValidator(cmted25519.PrivKey(testKey(2)).PubKey(), 1)}
	for _, v := range n.genesis.Directory.Validators {
		power = append(power, types.NewValidator(cmted25519.PubKey(v.Key), int64(v.Power)))
	}
	set := types.NewValidatorSet(power)
	index, _ := set.GetByAddress(power[0].Address)
	vote := func(of byte) *types.Vote {
		id := types.BlockID{Hash: bytes.Repeat([]byte{of}, 32), PartSetHeader: types.PartSetHeader{Total: 1, Hash: bytes.Repeat([]byte{of}, 32)}}
		v := &types.Vote{Type: cmtproto.PrecommitType, Height: int64(h), BlockID: id, Timestamp: header.Time, ValidatorAddress: power[0].Address, ValidatorIndex: index}
		p := v.ToProto()
		if err := liar.SignVote(n.genesis.ChainID, p); err != nil {
			t.Fatal(err)
		}
		v.Signature = p.Signature
		return v
	}
	e, err := types.NewDuplicateVoteEvidence(vote(1), vote(2), header.Time, set)
	if err != nil {
		t.Fatal(err)
	}
	n.header(t, h+1)
	if err := n.comet.EvidencePool().AddEvidence(e); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		m := n.members(t)
		at := slices.IndexFunc(m, func(v directory.Validator) bool { return v.Key.Equal(x.Key) })
		if m[at].Power == 0 && m[at].Sequence == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it still has its power: %+v", m[at])
		}
	}
	// The decision that gave it the power cannot be sent again, and the chain
	// goes on.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, sequence := range []uint64{0, 1} {
		x.Sequence = sequence
		if r, err := n.submit(ctx, decree(t, n, transaction.SetValidator, x.Encode())); err != nil || r.Code != transaction.NotGoverned {
			t.Errorf("sequence %d: %+v, %v", sequence, r, err)
		}
	}
	x.Sequence = 2
	n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode()))
}

// TestEvidenceIsTakenAsLongAsHeadsAreBelieved, also after the stewards changed
// for how long that is.
func TestEvidenceIsTakenAsLongAsHeadsAreBelieved(t *testing.T) {
	n := governedNode(t)
	age := func() time.Duration { return n.comet.EvidencePool().State().ConsensusParams.Evidence.MaxAgeDuration }
	n.header(t, 1)
	if got := age(); got != (1<<20)*time.Second {
		t.Errorf("%v, want the trust period", got)
	}
	p := n.genesis.Directory.Parameters
	for i, c := range []struct{ trust, want time.Duration }{{300 * time.Hour, 300 * time.Hour}, {1000 * time.Hour, longestEvidence}} {
		p.TrustPeriod = uint64(c.trust / time.Second)
		h := n.mustSubmit(t, decree(t, n, transaction.SetParameters, p.Encode(uint64(i+1)))).Height
		n.header(t, h+1)
		if got := age(); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
	all := n.comet.EvidencePool().State().ConsensusParams
	if all.Block.MaxBytes != maxBlockBytes || all.Version.App != appVersion {
		t.Errorf("the other parameters are %+v", all)
	}
}

// TestAttack_EvidenceAgeOfAnotherTime lets the stewards change for how long
// evidence is taken, and a node come by a backup from after that. No header
// signs the age. A node with the genesis's would refuse, for ever, a block with
// evidence that all others took: somebody who signed twice could stop every
// member that ever joined by a snapshot.
func TestAttack_EvidenceAgeOfAnotherTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	n := governedOn(t, &Options{Listen: "tcp://" + l.Addr().String()})
	p := n.genesis.Directory.Parameters
	p.TrustPeriod = uint64(300 * time.Hour / time.Second)
	n.mustSubmit(t, decree(t, n, transaction.SetParameters, p.Encode(1)))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	backup, home := filepath.Join(t.TempDir(), "backup"), Home(t.TempDir())
	if err := n.Backup(ctx, backup, nil); err != nil {
		t.Fatal(err)
	}
	if err := Restore(ctx, Restoring{From: backup, Home: home, Genesis: n.genesis}); err != nil {
		t.Fatal(err)
	}
	came, err := Start(ctx, home, &Options{Peers: []string{n.Address()}})
	if err != nil {
		t.Fatal(err)
	}
	defer came.Stop()
	age := func(n *Node) types.EvidenceParams { return n.comet.EvidencePool().State().ConsensusParams.Evidence }
	// The first block that it takes is judged before it is executed.
	if got := age(came); got.MaxAgeDuration < 300*time.Hour || got.MaxAgeNumBlocks < age(n).MaxAgeNumBlocks {
		t.Errorf("before the first block: %+v, the others' is %+v", got, age(n))
	}
	v, err := n.state.View()
	if err != nil {
		t.Fatal(err)
	}
	came.header(t, v.Height+1)
	came.header(t, v.Height+2)
	if got, want := age(came), age(n); got != want || want.MaxAgeDuration != 300*time.Hour {
		t.Errorf("%+v, the others' is %+v", got, want)
	}
}

// TestProposalHoldsOneDecision: of two decisions with one sequence number, and
// of two copies of one, a block holds one; who proposes more is refused.
func TestProposalHoldsOneDecision(t *testing.T) {
	n := governedNode(t)
	app := &application{state: n.state, board: n.board}
	named := func(name string, digest byte) []byte {
		x := directory.Named{Name: name}
		x.Digest.SetUint64(uint64(digest))
		return x.Encode()
	}
	one := decree(t, n, transaction.SetSchema, named("a", 1))
	rival := decree(t, n, transaction.SetSchema, named("a", 2))
	other := decree(t, n, transaction.SetTrustList, named("b", 1))
	ctx := context.Background()
	prepare := func(txs ...[]byte) [][]byte {
		t.Helper()
		r, err := app.PrepareProposal(ctx, &abci.RequestPrepareProposal{Txs: txs, MaxTxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return r.Txs
	}
	process := func(txs ...[]byte) bool {
		t.Helper()
		r, err := app.ProcessProposal(ctx, &abci.RequestProcessProposal{Txs: txs})
		if err != nil {
			t.Fatal(err)
		}
		return r.Status == abci.ResponseProcessProposal_ACCEPT
	}
	stamp := func(nonce uint64) []byte {
		var v [32]byte
		binary.BigEndian.PutUint64(v[24:], nonce)
		x := &transaction.Transaction{Genesis: directory.GenesisHash(n.genesis), Expiry: 500, Kind: transaction.Withdraw, Payload: v[:]}
		if err := x.Stamp(ctx, 8); err != nil {
			t.Fatal(err)
		}
		return x.Encode()
	}
	w := stamp(7)
	for name, c := range map[string]struct {
		asked [][]byte
		want  int
	}{
		"two rivals":                {[][]byte{one, rival}, 1},
		"two of different objects":  {[][]byte{one, other, rival}, 1},
		"two copies":                {[][]byte{w, w, stamp(8)}, 2},
		"a decision among others":   {[][]byte{w, one, stamp(8)}, 3},
		"one that is not a message": {[][]byte{w, {1, 2, 3}}, 1},
	} {
		got := prepare(c.asked...)
		if len(got) != c.want {
			t.Errorf("%s: %d proposed, want %d", name, len(got), c.want)
		}
		if !process(got...) {
			t.Errorf("%s: an honest proposal was refused", name)
		}
		if len(c.asked) != c.want && process(c.asked...) {
			t.Errorf("%s: what nobody honest proposes was accepted", name)
		}
	}
	// Both rivals in the mempool at once: one is executed, one answered.
	results := make(chan transaction.Result, 2)
	for _, raw := range [][]byte{one, rival} {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			r, _ := n.submit(ctx, raw)
			results <- r
		}()
	}
	a, b := <-results, <-results
	if a.Code == b.Code || a.Code != transaction.NotGoverned && b.Code != transaction.NotGoverned {
		t.Errorf("%+v and %+v, want one executed and one not governed", a, b)
	}
	n.mustSubmit(t, other)
}
