package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// steward is who governs a test's ledger alone.
var steward = authority(3, "steward", directory.Steward)

func governed(g *directory.Genesis) {
	g.Directory.Parameters.Stewards, g.Directory.Parameters.Heartbeat = 1, 1
	a := append(g.Directory.Authorities, steward)
	sort.Slice(a, func(i, j int) bool { return a[i].ID.Cmp(&a[j].ID) < 0 })
	g.Directory.Authorities = a
}

// setPower decides a validator's power, and waits until the block of it and
// the two after, from where on the others sign.
func setPower(t testing.TB, c *light.Client, v *directory.Validator, power uint64) {
	t.Helper()
	ctx := short(t)
	v.Power = power
	x := &transaction.Transaction{Genesis: directory.GenesisHash(c.Genesis()), Expiry: 900, Nonce: uint64(time.Now().UnixNano()), Kind: transaction.SetValidator, Payload: v.Encode()}
	if err := x.Approve(steward.ID, key(3)); err != nil {
		t.Fatal(err)
	}
	r, err := c.Submit(ctx, x)
	if err != nil || r.Refused() != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	v.Sequence++
	for {
		if err := c.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		if h, err := c.Head(); err == nil && h.Height >= r.Height+2 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stolenKey reads the key with which a home signs, as a thief would.
func stolenKey(t testing.TB, home ledger.Home) ed25519.PrivateKey {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(string(home), "config", "priv_validator_key.json"))
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		Priv struct{ Value []byte } `json:"priv_key"`
	}
	if err := json.Unmarshal(b, &k); err != nil || len(k.Priv.Value) != ed25519.PrivateKeySize {
		t.Fatalf("%d bytes, %v", len(k.Priv.Value), err)
	}
	return k.Priv.Value
}

// forge signs a head after another one with stolen keys of equal power.
func forge(t testing.TB, after directory.Head, chain string, stolen []ed25519.PrivateKey) []byte {
	t.Helper()
	var pb cmtproto.LightBlock
	if err := pb.Unmarshal(after.SignedHeader); err != nil {
		t.Fatal(err)
	}
	lb, err := types.LightBlockFromProto(&pb)
	if err != nil {
		t.Fatal(err)
	}
	var vs []*types.Validator
	for _, k := range stolen {
		vs = append(vs, types.NewValidator(cmted25519.PubKey(k.Public().(ed25519.PublicKey)), 10))
	}
	set := types.NewValidatorSet(vs)
	h, state := *lb.Header, after.State
	state.History[0] ^= 1
	digest := state.Digest()
	h.Height, h.Time = h.Height+1, h.Time.Add(time.Second)
	h.ValidatorsHash, h.NextValidatorsHash, h.ProposerAddress, h.AppHash = set.Hash(), set.Hash(), set.Validators[0].Address, digest[:]
	commit := &types.Commit{Height: h.Height, BlockID: types.BlockID{Hash: h.Hash(), PartSetHeader: lb.Commit.BlockID.PartSetHeader}}
	for _, v := range set.Validators {
		for _, k := range stolen {
			if bytes.Equal(v.PubKey.Bytes(), k.Public().(ed25519.PublicKey)) {
				vote := &cmtproto.Vote{Type: cmtproto.PrecommitType, Height: h.Height, BlockID: commit.BlockID.ToProto(), Timestamp: h.Time}
				commit.Signatures = append(commit.Signatures, types.CommitSig{
					BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: v.Address, Timestamp: h.Time,
					Signature: ed25519.Sign(k, types.VoteSignBytes(chain, vote)),
				})
			}
		}
	}
	raw, err := light.EncodeLink(&types.LightBlock{SignedHeader: &types.SignedHeader{Header: &h, Commit: commit}, ValidatorSet: set})
	if err != nil {
		t.Fatal(err)
	}
	return (&directory.Head{State: state, Height: uint64(h.Height), Time: uint64(h.Time.Unix()), SignedHeader: raw}).Encode()
}

// shownHead is a node that shows a head of somebody's making.
type shownHead struct {
	light.Source
	head []byte
}

func (s shownHead) Checkpoint(context.Context) ([]byte, error) { return s.head, nil }

// TestAttack_EveryFounderLeft: to four members comes a fifth, and the four
// leave one after another. Clients follow, from the genesis and from the
// middle; a record's head verifies from the genesis alone; and the founders'
// keys, stolen together, convince nobody who was there.
func TestAttack_EveryFounderLeft(t *testing.T) {
	if testing.Short() {
		t.Skip("five real nodes")
	}
	var homes []ledger.Home
	var keys []ed25519.PublicKey
	for range 5 {
		home := ledger.Home(t.TempDir())
		k, err := home.Create()
		if err != nil {
			t.Fatal(err)
		}
		homes, keys = append(homes, home), append(keys, k)
	}
	g := newGenesis(keys[:4], time.Now(), governed)
	var nodes []*ledger.Node
	var peers []string
	for _, home := range homes {
		if err := home.WriteGenesis(g); err != nil {
			t.Fatal(err)
		}
		n, err := ledger.Start(context.Background(), home, &ledger.Options{Listen: "tcp://" + freePort(t), Peers: peers})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Stop() })
		nodes, peers = append(nodes, n), append(peers, n.Address())
	}
	fifth := nodes[4]
	old := client(t, g, fifth, t.TempDir())
	if err := old.Sync(short(t)); err != nil {
		t.Fatal(err)
	}
	middle := ""
	setPower(t, old, &directory.Validator{Key: keys[4], Name: "Fifth"}, 10)
	for i, k := range keys[:4] {
		setPower(t, old, &directory.Validator{Key: k, Name: "Member", Sequence: 1}, 0)
		if i == 1 {
			middle = t.TempDir()
			if err := client(t, g, fifth, middle).Sync(short(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Only the fifth is needed from now on.
	for _, n := range nodes[:4] {
		n.Stop()
	}
	if r, err := old.Submit(short(t), commit(g, 0, 1, sealed(0, 1))); err != nil || r.Refused() != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	var newest directory.Head
	for name, c := range map[string]*light.Client{"old": old, "fresh": client(t, g, fifth, ""), "from the middle": client(t, g, fifth, middle)} {
		if err := c.Sync(short(t)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		h, err := c.Head()
		if err != nil || len(c.Records(0)) != 1 {
			t.Fatalf("%s: %d records, %v", name, len(c.Records(0)), err)
		}
		if again, err := light.VerifyHead(g, h.Encode()); err != nil || again.Height != h.Height || len(h.Trail) == 0 {
			t.Errorf("%s: a head with %d links: %v", name, len(h.Trail), err)
		}
		bare := h
		bare.Trail = nil
		if _, err := light.VerifyHead(g, bare.Encode()); !errors.Is(err, light.ForeignValidators) {
			t.Errorf("%s: without its trail: %v", name, err)
		}
		t.Logf("%s: height %d, %d links, %d bytes", name, h.Height, len(h.Trail), len(h.Encode()))
		newest = h
	}
	var stolen []ed25519.PrivateKey
	for _, home := range homes[:4] {
		stolen = append(stolen, stolenKey(t, home))
	}
	forged := shownHead{fifth, forge(t, newest, g.ChainID, stolen)}
	if _, err := light.VerifyHead(g, forged.head); err != nil {
		t.Fatalf("the forgery is refused for another reason than that its signers left: %v", err)
	}
	dir := t.TempDir()
	if err := client(t, g, fifth, dir).Sync(short(t)); err != nil {
		t.Fatal(err)
	}
	c := client(t, g, forged, dir)
	if err := c.Sync(short(t)); !errors.Is(err, light.ForeignValidators) {
		t.Errorf("a client that saw them leave: %v, want ForeignValidators", err)
	}
	if l, err := c.Lies(); err != nil || len(l) != 1 {
		t.Errorf("%d lies are kept, %v", len(l), err)
	}
	late, err := light.Open(light.Config{Genesis: g, Source: forged, Clock: func() time.Time { return time.Now().Add((1<<20 + 60) * time.Second) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Sync(short(t)); !errors.Is(err, light.ErrTrustExpired) {
		t.Errorf("a client that did not look for too long: %v, want ErrTrustExpired", err)
	}
}
