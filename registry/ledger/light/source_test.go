package light_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func pub(seed byte) ed25519.PublicKey { return key(seed).Public().(ed25519.PublicKey) }

const (
	validatorSeed = 100
	registrarSeed = 1
)

// start is the time of the test ledger's genesis; its blocks are seconds later.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func testGenesis() *directory.Genesis {
	return &directory.Genesis{
		ChainID: "light-test", Time: uint64(start.Unix()),
		Directory: directory.Directory{
			Validators: []directory.Validator{{Key: pub(validatorSeed), Power: 10, Name: "Member"}},
			Parameters: directory.Parameters{Epoch: 10, MaxHeadAge: 60, Heartbeat: 6, Quota: 1 << 20, PowBits: 8, RevokeDelay: 60, TrustPeriod: 1 << 20},
			Authorities: []directory.Authority{{
				ID: directory.AuthorityID(pub(registrarSeed)), Key: pub(registrarSeed), URI: "https://example.org/r", Name: "R", Roles: directory.Registrar, Active: true,
			}},
		},
	}
}

// A world is a ledger without consensus: a real state machine, and headers
// that the test signs with the validator's key. As a Source it is honest.
type world struct {
	t       testing.TB
	genesis *directory.Genesis
	state   *registry.State
	height  uint64
	time    time.Time
	signers []byte // seeds of the validators of now, each of power 10
	name    string

	mu         sync.Mutex
	trail      []*directory.Head // the headers around changes of validators
	checkpoint []byte
	dir        []byte
	calls      []call
}

type call struct {
	log  journal.Kind
	from uint64
	max  int
}

func newWorld(t testing.TB) *world { return newWorldOf(t, testGenesis(), validatorSeed) }

// newWorldOf is a ledger whose first validators are those of the given seeds.
func newWorldOf(t testing.TB, g *directory.Genesis, seeds ...byte) *world {
	t.Helper()
	g.Directory.Validators = nil
	for _, seed := range seeds {
		g.Directory.Validators = append(g.Directory.Validators, directory.Validator{Key: pub(seed), Power: 10, Name: "Member"})
	}
	sort.Slice(g.Directory.Validators, func(i, j int) bool {
		return bytes.Compare(g.Directory.Validators[i].Key, g.Directory.Validators[j].Key) < 0
	})
	s, err := registry.Open("state", &registry.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{t: t, genesis: g, state: s, time: start, signers: seeds, name: "world"}
	if _, err := s.InitGenesis(w.genesis.Encode()); err != nil {
		t.Fatal(err)
	}
	return w
}

// block executes transactions some seconds after the last block and signs the
// state after it with the header of the next.
func (w *world) block(seconds int, txs ...[]byte) {
	w.t.Helper()
	w.height++
	w.time = w.time.Add(time.Duration(seconds) * time.Second)
	out, err := w.state.Apply(registry.Block{Height: w.height, Time: uint64(w.time.Unix()), Txs: txs})
	if err != nil {
		w.t.Fatal(err)
	}
	for i, r := range out.Results {
		if r.Code != transaction.Executed {
			w.t.Fatalf("transaction %d: %v: %s", i, r.Code, r.Reason)
		}
	}
	if err := w.state.Commit(); err != nil {
		w.t.Fatal(err)
	}
	v, err := w.state.View()
	if err != nil {
		w.t.Fatal(err)
	}
	h := sign(w.t, w.genesis, v.State, w.height+1, w.time, w.signers...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkpoint, w.dir = h.Encode(), v.Directory
}

// change makes two blocks: the header after the first is the last one of the
// validators of now, the header after the second is the first of the next ones.
func (w *world) change(next ...byte) {
	w.t.Helper()
	w.block(1)
	last := encodeHead(w.t, signed(w.genesis, w.head().State, w.height+1, w.time, votes{of: w.signers, next: next, by: w.signers}), w.head().State)
	w.mu.Lock()
	w.checkpoint, w.signers = last.Encode(), next
	w.mu.Unlock()
	w.block(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.trail); n == 0 || w.trail[n-1].Height < last.Height {
		w.trail = append(w.trail, last)
	}
	h, _ := directory.DecodeHead(w.checkpoint)
	w.trail = append(w.trail, h)
}

// sign builds a head whose header the given keys sign, each a validator of
// power 10.
func sign(t testing.TB, g *directory.Genesis, s directory.State, height uint64, at time.Time, seeds ...byte) *directory.Head {
	t.Helper()
	return encodeHead(t, signed(g, s, height, at, votes{of: seeds, next: seeds, by: seeds}), s)
}

// votes are those of some validators for a header that names the next ones.
type votes struct{ of, next, by []byte }

func validators(seeds []byte) *types.ValidatorSet {
	var vs []*types.Validator
	for _, seed := range seeds {
		vs = append(vs, types.NewValidator(cmted25519.PubKey(pub(seed)), 10))
	}
	return types.NewValidatorSet(vs)
}

func signed(g *directory.Genesis, s directory.State, height uint64, at time.Time, v votes) *types.LightBlock {
	vals := validators(v.of)
	digest := s.Digest()
	header := &types.Header{
		ChainID: g.ChainID, Height: int64(height), Time: at,
		LastBlockID:    blockID(bytes.Repeat([]byte{1}, 32)),
		LastCommitHash: bytes.Repeat([]byte{2}, 32), DataHash: bytes.Repeat([]byte{3}, 32),
		ValidatorsHash: vals.Hash(), NextValidatorsHash: validators(v.next).Hash(), ConsensusHash: bytes.Repeat([]byte{4}, 32),
		AppHash: digest[:], LastResultsHash: bytes.Repeat([]byte{5}, 32), EvidenceHash: bytes.Repeat([]byte{6}, 32),
		ProposerAddress: vals.Validators[0].Address,
	}
	header.Version.Block = 11
	commit := &types.Commit{Height: int64(height), BlockID: blockID(header.Hash())}
	for _, val := range vals.Validators {
		sig := types.NewCommitSigAbsent()
		for _, seed := range v.by {
			if bytes.Equal(val.PubKey.Bytes(), pub(seed)) {
				vote := &cmtproto.Vote{Type: cmtproto.PrecommitType, Height: int64(height), BlockID: commit.BlockID.ToProto(), Timestamp: at}
				sig = types.CommitSig{
					BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: val.Address, Timestamp: at,
					Signature: ed25519.Sign(key(seed), types.VoteSignBytes(g.ChainID, vote)),
				}
			}
		}
		commit.Signatures = append(commit.Signatures, sig)
	}
	return &types.LightBlock{SignedHeader: &types.SignedHeader{Header: header, Commit: commit}, ValidatorSet: vals}
}

func blockID(hash []byte) types.BlockID {
	return types.BlockID{Hash: hash, PartSetHeader: types.PartSetHeader{Total: 1, Hash: bytes.Repeat([]byte{7}, 32)}}
}

func encodeHead(t testing.TB, lb *types.LightBlock, s directory.State) *directory.Head {
	t.Helper()
	pb, err := lb.ToProto()
	if err != nil {
		t.Fatal(err)
	}
	b, err := pb.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return &directory.Head{State: s, Height: uint64(lb.Height), Time: uint64(lb.Time.Unix()), SignedHeader: b}
}

// light decodes a head's light block, to forge another one from.
func lightBlock(t testing.TB, h *directory.Head) *types.LightBlock {
	t.Helper()
	var pb cmtproto.LightBlock
	if err := pb.Unmarshal(h.SignedHeader); err != nil {
		t.Fatal(err)
	}
	lb, err := types.LightBlockFromProto(&pb)
	if err != nil {
		t.Fatal(err)
	}
	return lb
}

func (w *world) head() *directory.Head {
	w.t.Helper()
	h, err := directory.DecodeHead(w.checkpoint)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

func (w *world) Checkpoint(context.Context) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.checkpoint, nil
}

func (w *world) Directory(context.Context) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dir, nil
}

func (w *world) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	w.mu.Lock()
	w.calls = append(w.calls, call{k, from, max})
	w.mu.Unlock()
	return w.state.Log(ctx, k, from, min(max, 7)) // small answers, so that clients ask again
}

func (w *world) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	_, b, err := w.state.Layer(ctx, from, min(max, 2))
	return b, asSource(err)
}

func (w *world) Changes(ctx context.Context, epoch uint64) ([]byte, error) {
	b, err := w.state.Changes(ctx, epoch)
	return b, asSource(err)
}

func (w *world) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	b, err := w.state.Bucket(ctx, number, root)
	return b, asSource(err)
}

func (w *world) Anchor(ctx context.Context, epoch uint64) ([]byte, error) {
	b, err := w.state.Anchor(ctx, epoch)
	return b, asSource(err)
}

func asSource(err error) error {
	if errors.Is(err, registry.ErrReplaced) {
		return fmt.Errorf("%w: %w", light.ErrReplaced, err)
	}
	return err
}

func (w *world) Submit(context.Context, []byte) ([]byte, error) {
	return (&transaction.Result{Height: w.height}).Encode(), nil
}

func (w *world) Trail(_ context.Context, above uint64) (out [][]byte, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.trail {
		if h.Height > above && len(out) < 3 { // small answers here as well
			out = append(out, h.SignedHeader)
		}
	}
	return out, nil
}

func (w *world) Name() string { return w.name }

func (w *world) clock() time.Time { return w.time.Add(3 * time.Second) }

func rs(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func items(from, n uint64) []consent.Sealed {
	out := make([]consent.Sealed, n)
	for i := range out {
		b := rs(from + uint64(i))
		out[i] = consent.Sealed{Commitment: field.Of("test-cm", b), Lock: consent.Lock(field.Of("test-rs", b))}
	}
	return out
}

func (w *world) tx(k transaction.Kind, payload []byte) []byte {
	t := &transaction.Transaction{Genesis: directory.GenesisHash(w.genesis), Expiry: w.height + 100, Nonce: w.height, Kind: k, Payload: payload}
	t.Sign(directory.AuthorityID(pub(registrarSeed)), key(registrarSeed))
	return t.Encode()
}

func (w *world) commit(from, n uint64) []byte {
	return w.tx(transaction.CommitConsents, transaction.SealedPayload(items(from, n)))
}

// grow makes a ledger with records in the tree and pending, a revocation and
// withdrawals.
func grow(t testing.TB) *world {
	w := newWorld(t)
	w.block(1, w.commit(0, 20))
	w.block(10) // closes epoch 1
	w.block(1, w.tx(transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 3, RS: field.Of("test-rs", rs(3))}})))
	w.block(1, w.commit(20, 3))
	w.block(10) // closes epoch 2
	w.block(1, w.commit(23, 2), w.tx(transaction.Withdraw, transaction.WithdrawalPayload([]elem{field.Of("v", rs(1)), field.Of("v", rs(2))})))
	return w
}
