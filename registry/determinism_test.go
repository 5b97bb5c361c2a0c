package registry_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// randomBlock is a block of random transactions, good and bad, for a chain at
// the given height. It depends on rnd alone.
func randomBlock(c *chain, rnd *rand.Rand) registry.Block {
	b := registry.Block{Height: c.height + 1, Time: c.time + uint64(rnd.IntN(300))}
	for range rnd.IntN(4) {
		by := []party{hospital, clinic, issuer, issuer2, insurer, asleep, stranger}[rnd.IntN(7)]
		n := func() uint64 { return uint64(rnd.IntN(200)) }
		var x *transaction.Transaction
		switch rnd.IntN(5) {
		case 0, 1:
			x = c.commit(by, span(n(), 1+uint64(rnd.IntN(9)))...)
		case 2:
			x = c.credential(by, span(n(), 1+uint64(rnd.IntN(9)))...)
		case 3:
			x = c.signed(by, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{rs(n()), rs(n())}))
		case 4:
			i := n() / 4
			x = c.signed(by, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: i, RS: rs(n())}, {Index: i}, {Index: i + 1, RS: rs(i + 1)}}))
		}
		b.Txs = append(b.Txs, x.Encode())
	}
	return b
}

func (c *chain) apply(b registry.Block) {
	c.t.Helper()
	c.blockAt(b.Time, b.Txs...)
}

func TestSameBlocksSameAppHash(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	a, b, fs := newChain(t), newChain(t), vfs.NewMem()
	c := newChainOn(t, fs) // closed and opened again, read, and staged twice
	for i := range 60 {
		block := randomBlock(a, rnd)
		a.apply(block)
		b.apply(block)
		if i%7 == 0 {
			if err := c.s.Close(); err != nil {
				t.Fatal(err)
			}
			s, err := registry.Open("state", &registry.Options{FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			c.s = s
		}
		if i%3 == 0 {
			other := registry.Block{Height: c.height + 1, Time: c.time + 5000, Txs: [][]byte{c.commit(hospital, span(900, 5)...).Encode()}}
			if _, err := c.s.Apply(other); err != nil {
				t.Fatal(err)
			}
			for _, k := range journal.Kinds() {
				if _, err := c.s.Log(context.Background(), k, 0, 5); err != nil {
					t.Fatal(err)
				}
			}
			for _, raw := range block.Txs {
				if _, err := c.s.CheckTx(raw); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.apply(block)
		if a.hash != b.hash || a.hash != c.hash {
			t.Fatalf("block %d: the states differ", i+1)
		}
	}
	if a.view().State.Records.Count == 0 || a.view().State.Epoch == 0 || a.view().State.Withdrawals.Count == 0 {
		t.Error("the random blocks did nothing")
	}
}

func TestIdleBlockLeavesAppHash(t *testing.T) {
	c := newChain(t)
	c.one(c.commit(hospital, 1))
	before := c.hash
	for range 5 {
		c.block()
	}
	if c.hash != before {
		t.Error("an empty block changed the AppHash: CometBFT would make blocks without end")
	}
	c.epoch()
	if c.hash == before {
		t.Error("an epoch closed and the AppHash stayed")
	}
}

func TestRefusesBlocksOutOfOrder(t *testing.T) {
	c := newChain(t)
	c.block()
	for name, b := range map[string]registry.Block{
		"the same height":    {Height: 1, Time: c.time},
		"a gap":              {Height: 3, Time: c.time},
		"time running back":  {Height: 2, Time: c.time - 1},
		"a time beyond 2^40": {Height: 2, Time: directory.MaxTime + 1},
	} {
		if _, err := c.s.Apply(b); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := c.s.Commit(); err != registry.ErrNotStaged {
		t.Errorf("Commit of nothing: %v", err)
	}
}

func TestGenesisOnce(t *testing.T) {
	c := newChain(t)
	g := testGenesis()
	if h, err := c.s.InitGenesis(g.Encode()); err != nil || h != c.hash {
		t.Errorf("the same genesis before the first block: %v", err)
	}
	g.Time++
	if _, err := c.s.InitGenesis(g.Encode()); err != registry.ErrGenesis {
		t.Errorf("another genesis: %v", err)
	}
	c.block()
	if _, err := c.s.InitGenesis(testGenesis().Encode()); err != registry.ErrHeight {
		t.Errorf("after the first block: %v", err)
	}
}
