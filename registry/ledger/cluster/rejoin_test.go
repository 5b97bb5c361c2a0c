package cluster_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/zkconsent/zkconsent/internal/faulttest"
)

// TestFault_WipedMember takes everything from a member but its keys and what
// it signed last, as a new disk does. It comes back from the other members'
// blocks, signs again, and stands where they stand. Meanwhile its old clients
// refuse the old heads that it shows.
func TestFault_WipedMember(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
	const victim = 2
	c := newCluster(t, 4)
	a := newTally()
	stop := c.load(a)
	defer stop()
	c.advance(5, keepsOn, c.all()...)
	m := c.members[victim]
	m.end(syscall.SIGKILL)
	m.wipe()
	c.witness.excuse(victim)
	c.advance(2, keepsOn, c.others(victim)...)
	began := time.Now()
	m.start()
	c.advance(0, catchUp, victim)
	back := time.Since(began)
	c.awaitSignature(victim)
	signed := time.Since(began)
	stop()
	f := c.audit(a)
	faulttest.Row(t, "a member's disk is wiped, its keys kept", 1, faulttest.Count{Outcome: "acknowledged", N: a.count()}, faulttest.Count{Outcome: "lost", N: f.lost},
		faulttest.Count{Outcome: "forks", N: f.forks}, faulttest.Count{Outcome: "s until it kept up", N: seconds(back)}, faulttest.Count{Outcome: "s until it signed", N: seconds(signed)})
}

// wipe removes what a stopped member knows of the ledger. What it signed last
// stays with its keys: without that it might sign twice.
func (m *member) wipe() {
	m.t.Helper()
	for _, dir := range []string{"data", "state"} {
		entries, err := os.ReadDir(filepath.Join(string(m.home), dir))
		if err != nil {
			m.t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() == "priv_validator_state.json" {
				continue
			}
			if err := os.RemoveAll(filepath.Join(string(m.home), dir, e.Name())); err != nil {
				m.t.Fatal(err)
			}
		}
	}
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
