package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// forgetful makes the home of a ledger on which evidence is soon too old.
func forgetful(t *testing.T) Home {
	t.Helper()
	home := Home(t.TempDir())
	v, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	pub := public(testKey(1))
	if err := home.WriteGenesis(&directory.Genesis{
		ChainID: "forgetful-test", Time: uint64(time.Now().Unix()),
		Directory: directory.Directory{
			Parameters:  directory.Parameters{Epoch: 600, MaxHeadAge: 60, Heartbeat: 8, Quota: 10, PowBits: 1, TrustPeriod: 240, Stewards: 1},
			Authorities: []directory.Authority{{ID: directory.AuthorityID(pub), Key: pub, URI: "https://example.org/s", Name: "Steward", Roles: directory.Steward, Active: true}},
			Validators:  []directory.Validator{{Key: v, Power: 1000, Name: "First"}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	return home
}

func startNode(t *testing.T, home Home, o *Options) *Node {
	t.Helper()
	n, err := Start(context.Background(), home, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	return n
}

// makeBlocks makes blocks up to a height, with withdrawals in them.
func (n *Node) makeBlocks(t *testing.T, upTo uint64) {
	t.Helper()
	for height, _, _ := n.board.newest(); height < upTo; height, _, _ = n.board.newest() {
		var v [32]byte
		binary.BigEndian.PutUint64(v[24:], height)
		x := &transaction.Transaction{Genesis: directory.GenesisHash(n.genesis), Expiry: height + 500, Kind: transaction.Withdraw, Payload: v[:]}
		if err := x.Stamp(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		n.mustSubmit(t, x.Encode())
	}
}

func verified(t *testing.T, n *Node) directory.Head {
	t.Helper()
	c, err := light.Open(light.Config{Genesis: n.genesis, Source: n})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	h, err := c.Head()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := light.VerifyHead(n.genesis, h.Encode()); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestOldBlocksGo prunes the blocks in which a validator came. The node starts
// again, and a client that knows nothing but the genesis follows it.
func TestOldBlocksGo(t *testing.T) {
	home := forgetful(t)
	o := &Options{RetainBlocks: 20}
	n := startNode(t, home, o)
	x := directory.Validator{Key: public(testKey(2)), Power: 1, Name: "Second"}
	changed := n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode())).Height
	n.makeBlocks(t, 85)
	height, _, _ := n.board.newest()
	base := uint64(n.chain.blocks.Base())
	if base <= changed+2 || base > height-30+1 {
		t.Fatalf("blocks from %d to %d are kept; the validators changed after %d, evidence is of 30 blocks", base, height, changed)
	}
	if n.chain.blocks.LoadBlock(int64(changed)) != nil || n.chain.blocks.LoadBlock(int64(base)) == nil {
		t.Error("an old block is still there, or a new one is not")
	}
	if h := verified(t, n); len(h.Trail) != 1 {
		t.Errorf("%d links", len(h.Trail))
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	n = startNode(t, home, o)
	if h := verified(t, n); len(h.Trail) != 1 || h.Height < height {
		t.Errorf("after the start: height %d, %d links", h.Height, len(h.Trail))
	}
	n.makeBlocks(t, 131)
	if again := uint64(n.chain.blocks.Base()); again <= base {
		t.Errorf("nothing is pruned after the start: from %d on", again)
	}
	links, err := n.Trail(context.Background(), 0)
	if err != nil || len(links) != 2 {
		t.Fatalf("%d light blocks, %v", len(links), err)
	}
	n.Stop()

	// Whoever damages the file is found at the start; another node heals it.
	b, err := os.ReadFile(home.TrailFile())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Check(context.Background(), home, nil); err != nil || r.Base == 1 || r.Base != uint64(n.chain.blocks.Base()) {
		t.Errorf("a pruned home: %+v, %v", r, err)
	}
	refused := func(what string) {
		t.Helper()
		var damage *registry.DamageError
		if _, err := Check(context.Background(), home, nil); !errors.As(err, &damage) || damage.Where != "trail" {
			t.Errorf("%s: the check says %v", what, err)
		}
		if m, err := Start(context.Background(), home, o); !errors.Is(err, ErrTrail) {
			if err == nil {
				m.Stop()
			}
			t.Errorf("%s: %v, want ErrTrail", what, err)
		}
	}
	if err := os.Remove(home.TrailFile()); err != nil {
		t.Fatal(err)
	}
	refused("no file, and no blocks to make it from")
	b[len(b)/2] ^= 1
	if err := os.WriteFile(home.TrailFile(), b, 0o644); err != nil {
		t.Fatal(err)
	}
	refused("a flipped bit")
	if err := home.WriteTrail(links[1:]); !errors.Is(err, ErrTrail) {
		t.Errorf("half a trail was taken: %v", err)
	}
	if err := home.WriteTrail(links[:1]); err != nil {
		t.Fatal(err) // a change that is not over: the rest must come
	}
	refused("the last light block missing")
	if err := home.WriteTrail(links); err != nil {
		t.Fatal(err)
	}
	verified(t, startNode(t, home, o))
}

// TestTrailIsMendedFromBlocks: a crash between a block and its light block
// leaves nothing out for long.
func TestTrailIsMendedFromBlocks(t *testing.T) {
	home := forgetful(t)
	n := startNode(t, home, nil)
	x := directory.Validator{Key: public(testKey(2)), Power: 1, Name: "Second"}
	n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode()))
	n.makeBlocks(t, 8)
	x.Sequence, x.Power = 1, 2
	n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode()))
	n.makeBlocks(t, 16)
	whole, _ := n.Trail(context.Background(), 0)
	if len(whole) != 4 {
		t.Fatalf("%d light blocks", len(whole))
	}
	n.Stop()
	for kept := range whole {
		if err := os.Remove(home.TrailFile()); err != nil {
			t.Fatal(err)
		}
		if kept > 0 {
			if err := home.WriteTrail(whole[:kept]); err != nil {
				t.Fatal(err)
			}
		}
		n := startNode(t, home, nil)
		got, err := n.Trail(context.Background(), 0)
		if err != nil || len(got) != len(whole) {
			t.Fatalf("%d of %d light blocks after %d were left: %v", len(got), len(whole), kept, err)
		}
		for i := range got {
			if string(got[i]) != string(whole[i]) {
				t.Errorf("light block %d is another one", i)
			}
		}
		n.Stop()
	}
}

// TestTrailFileEveryByte: no flipped bit in the file passes.
func TestTrailFileEveryByte(t *testing.T) {
	home := forgetful(t)
	n := startNode(t, home, nil)
	x := directory.Validator{Key: public(testKey(2)), Power: 1, Name: "Second"}
	n.mustSubmit(t, decree(t, n, transaction.SetValidator, x.Encode()))
	n.makeBlocks(t, 8)
	n.Stop()
	check := func() error {
		_, err := openTrail(home, n.genesis)
		return err
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(home.TrailFile())
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 1 << (i % 8)
		if err := os.WriteFile(home.TrailFile(), b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := check(); !errors.Is(err, ErrTrail) {
			t.Errorf("byte %d: %v", i, err)
		}
		b[i] ^= 1 << (i % 8)
	}
}

func TestRetention(t *testing.T) {
	for _, c := range []struct {
		r            retention
		height, want uint64
	}{
		{retention{}, 1000000, 0},
		{retention{evidence: 10}, 1000000, 0},
		{retention{blocks: 100}, 100, 0},
		{retention{blocks: 100}, 149, 50},
		{retention{blocks: 100, evidence: 1000}, 900, 0},
		{retention{blocks: 100, evidence: 1000}, 2000, 1000},
		{retention{blocks: 100, snapshot: func() uint64 { return 0 }}, 2000, 0},
		{retention{blocks: 100, snapshot: func() uint64 { return 555 }}, 2000, 550},
		{retention{blocks: 100, snapshot: func() uint64 { return 1990 }}, 2000, 1900},
	} {
		if got := c.r.from(c.height); got != c.want {
			t.Errorf("%+v at height %d: from %d on, want %d", c.r, c.height, got, c.want)
		}
	}
}

// FuzzDecodeTrail: the file has one form, and none is taken unverified.
func FuzzDecodeTrail(f *testing.F) {
	one := &trail{kept: []kept{{raw: []byte("light block")}, {raw: []byte{1}}}}
	f.Add(one.encode())
	f.Add((&trail{}).encode())
	f.Add([]byte{})
	g := &directory.Genesis{ChainID: "x", Directory: directory.Directory{Validators: []directory.Validator{{Key: public(testKey(1)), Power: 1}}}}
	first := light.Validators(g).Hash()
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, err := decodeTrail(b)
		if err != nil {
			return
		}
		again := &trail{genesis: g, first: first}
		for _, r := range raw {
			if again.take(r) == nil {
				t.Fatal("nobody signed it")
			}
			again.kept = append(again.kept, kept{raw: r})
		}
		if string(again.encode()) != string(b) {
			t.Fatal("another form")
		}
	})
}
