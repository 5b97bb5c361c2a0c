package cluster_test

import (
	"bytes"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/store"
	"github.com/zkconsent/zkconsent/internal/faulttest"
)

// TestFault_WipedMember takes everything from a member but its keys and what
// it signed last, as a new disk does, under load. One comes back by all blocks
// since the genesis, another by a snapshot that it verifies. Each signs again,
// and stands where the others stand; meanwhile its old clients refuse the old
// heads that it shows.
func TestFault_WipedMember(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute")
	}
	c := newCluster(t, 4)
	a := newTally()
	stop := c.load(a)
	defer stop()
	c.advance(5, keepsOn, c.all()...)
	ways := []struct {
		fault  string
		victim int
		join   bool
	}{
		{"a member's disk is wiped; back by blocks", 2, false},
		{"a member's disk is wiped; back by a snapshot", 3, true},
	}
	type row struct {
		acknowledged int
		back, signed time.Duration
	}
	var rows []row
	for _, w := range ways {
		var r row
		before := a.count()
		m, rest := c.members[w.victim], c.others(w.victim)
		if w.join {
			c.reach(snapshotEvery+5, 2*catchUp, rest...)
			for _, i := range rest {
				m.join = append(m.join, c.members[i].wire().Name())
			}
		}
		m.end(syscall.SIGKILL)
		if err := m.home.Reset(); err != nil {
			t.Fatal(err)
		}
		c.witness.excuse(w.victim)
		c.advance(2, keepsOn, rest...)
		began := time.Now()
		m.start()
		c.advance(0, catchUp, w.victim)
		r.back = time.Since(began)
		c.awaitSignature(w.victim)
		r.signed = time.Since(began)
		r.acknowledged = a.count() - before
		rows = append(rows, r)
	}
	stop()
	f := c.audit(a)
	for i, w := range ways {
		if first := c.firstBlock(w.victim); (first > 1) != w.join {
			t.Errorf("%s: its first block is %d", w.fault, first)
		}
		r := rows[i]
		faulttest.Row(t, w.fault, 1, faulttest.Count{Outcome: "acknowledged", N: r.acknowledged}, faulttest.Count{Outcome: "lost", N: f.lost}, faulttest.Count{Outcome: "forks", N: f.forks},
			faulttest.Count{Outcome: "s until it kept up", N: seconds(r.back)}, faulttest.Count{Outcome: "s until it signed", N: seconds(r.signed)})
	}
}

// firstBlock is the lowest height of a block that a stopped member has.
func (c *cluster) firstBlock(i int) int64 {
	c.t.Helper()
	db, err := dbm.NewGoLevelDB("blockstore", filepath.Join(string(c.members[i].home), "data"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	return store.NewBlockStore(db).Base()
}

// awaitSignature waits until another member shows a header that a member signed.
func (c *cluster) awaitSignature(i int) {
	c.t.Helper()
	address := cmted25519.PubKey(c.members[i].key).Address()
	for end := time.Now().Add(catchUp); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		h, err := c.reader(c.others(i)[0]).Head()
		if err != nil {
			c.t.Fatal(err)
		}
		var lb cmtproto.LightBlock
		if err := lb.Unmarshal(h.SignedHeader); err != nil {
			c.t.Fatal(err)
		}
		for _, s := range lb.SignedHeader.Commit.Signatures {
			if s.BlockIdFlag == cmtproto.BlockIDFlagCommit && bytes.Equal(s.ValidatorAddress, address) {
				return
			}
		}
	}
	c.t.Fatalf("%v signs no header", c.members[i])
}
