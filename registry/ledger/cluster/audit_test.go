package cluster_test

import (
	"bytes"
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/store"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// A finding is what an audit counted.
type finding struct {
	lost, forks int
	heads       int // of which two members showed one
	blocks      int // of which two members kept one
}

// audit holds a cluster against what was acknowledged, when nobody writes any
// more: a new light client of each member goes from the genesis to its head,
// finds everything, and heads of one height agree. Then the members stop, and
// every block that two of them kept is compared, and every state checked.
func (c *cluster) audit(a *tally) (f finding) {
	c.t.Helper()
	c.advance(3, 60*time.Second, c.all()...)
	for i, m := range c.members {
		l, err := light.Open(light.Config{Genesis: c.genesis, Source: m})
		if err != nil {
			c.t.Fatal(err)
		}
		if err := freshen(l, catchUp); err != nil {
			c.t.Errorf("%v: %v", m, err)
			continue
		}
		h, err := l.Head()
		if err != nil {
			c.t.Fatal(err)
		}
		c.witness.see(i, h)
		f.lost += a.missing(c.t, m.name, l)
	}
	c.witness.rest()
	f.heads, f.forks = c.witness.counts()
	c.each(func(m *member) { m.end(syscall.SIGTERM) })
	blocks, forks := c.compareBlocks()
	f.blocks, f.forks = blocks, f.forks+forks
	for _, m := range c.members {
		checkClean(c.t, m)
	}
	if f.heads == 0 || f.blocks == 0 {
		c.t.Errorf("%d heads and %d blocks were compared: the test shows little", f.heads, f.blocks)
	}
	return f
}

// missing counts what was acknowledged and is not in a verified client's logs.
func (a *tally) missing(t *testing.T, name string, l *light.Client) (lost int) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	records := map[fr.Element]light.Record{}
	for _, r := range l.Records(0) {
		records[r.Leaf] = r
	}
	leaf := func(n uint64) light.Record {
		s := sealed(n, 1)[0]
		return records[consent.Leaf(consent.KindConsent, hospital().ID, s.Commitment, s.Lock)]
	}
	gone := func(what string, n uint64) {
		t.Errorf("%s: %s %d was acknowledged and is gone", name, what, n)
		lost++
	}
	for first, size := range a.commits {
		for n := first; n < first+size; n++ {
			if r := leaf(n); r.Leaf.IsZero() {
				gone("record", n)
			}
		}
	}
	for _, n := range a.revoked {
		if r := leaf(n); !r.Revoked || r.Live {
			gone("revocation", n)
		}
	}
	withdrawn := map[fr.Element]bool{}
	for _, w := range l.Withdrawals(0) {
		withdrawn[w.V] = true
	}
	for _, n := range a.withdrawn {
		if !withdrawn[numbered("test-v", n)] {
			gone("withdrawal", n)
		}
	}
	return lost
}

// compareBlocks reads what stopped members kept, and holds the headers of each
// height against each other: they name the AppHash before and all the rest.
func (c *cluster) compareBlocks() (compared, forks int) {
	c.t.Helper()
	headers := map[int64][]byte{}
	for _, m := range c.members {
		db, err := dbm.NewGoLevelDB("blockstore", filepath.Join(string(m.home), "data"))
		if err != nil {
			c.t.Fatal(err)
		}
		blocks := store.NewBlockStore(db)
		for h := blocks.Base(); h <= blocks.Height(); h++ {
			meta := blocks.LoadBlockMeta(h)
			if meta == nil {
				continue
			}
			hash := meta.Header.Hash()
			switch known := headers[h]; {
			case known == nil:
				headers[h] = hash
			case bytes.Equal(known, hash):
				compared++
			default:
				forks++
				c.t.Errorf("%v kept another block of height %d", m, h)
			}
		}
		if err := db.Close(); err != nil {
			c.t.Fatal(err)
		}
	}
	return compared, forks
}

// checkClean reads all of a stopped member's state.
func checkClean(t *testing.T, m *member) {
	t.Helper()
	s, err := registry.Open(m.home.StateDir(), &registry.Options{ReadOnly: true})
	if err != nil {
		t.Errorf("%v: %v", m, err)
		return
	}
	defer s.Close()
	if _, err := s.Check(context.Background(), nil); err != nil {
		t.Errorf("%v: %v", m, err)
	}
}
