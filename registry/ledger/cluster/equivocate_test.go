package cluster_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// TestFault_ValidatorVotesTwice runs a validator's key on a second machine,
// which votes for two blocks at once. The others put the two votes into a
// block as evidence; the validator loses its power by it, under the directory
// that a verified head signs and in the headers, while the chain goes on.
func TestFault_ValidatorVotesTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
	convict(t, "a validator's key votes twice on purpose", func(c *cluster, culprit int) (rounds func() int, end func()) {
		f := newTwoFaced(t, c, culprit, c.others(culprit)...)
		return f.rounds, f.close
	})
}

// TestFault_ValidatorRunsTwice copies a validator's key to a second member's
// home without what it signed last, as a careless operator might who wants a
// spare. Both follow all rules; as soon as both propose, there are two votes.
func TestFault_ValidatorRunsTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
	convict(t, "a validator's key runs in two processes", func(c *cluster, culprit int) (rounds func() int, end func()) {
		m := c.copyOf(culprit)
		m.start()
		return func() int { return 1 }, func() { m.end(syscall.SIGKILL) }
	})
}

// copyOf makes a home with a member's validator key and a node key of its own.
func (c *cluster) copyOf(i int) *member {
	c.t.Helper()
	m, original := newMember(c.t, "second machine"), c.members[i]
	file := filepath.Join("config", "priv_validator_key.json")
	b, err := os.ReadFile(filepath.Join(string(original.home), file))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(string(m.home), file), b, 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := m.home.WriteGenesis(c.genesis); err != nil {
		c.t.Fatal(err)
	}
	for _, k := range c.others(i) {
		m.peers = append(m.peers, fmt.Sprintf("%s@%s", c.members[k].id, c.members[k].where()))
	}
	c.t.Cleanup(func() {
		if m.cmd != nil && !m.ended() {
			m.end(syscall.SIGKILL)
		}
	})
	return m
}

// convict lets a member's key sign twice under load, and sees it lose its power.
func convict(t *testing.T, fault string, begin func(c *cluster, culprit int) (rounds func() int, end func())) {
	t.Helper()
	const culprit = 3
	c := newCluster(t, 4)
	a := newTally()
	stop := c.load(a)
	defer stop()
	c.advance(2, keepsOn, c.all()...)
	began := time.Now()
	rounds, end := begin(c, culprit)
	for c.validator(t, 0, culprit).Power > 0 {
		if time.Since(began) > catchUp {
			t.Fatal("nobody has evidence of it")
		}
		time.Sleep(100 * time.Millisecond)
	}
	took := time.Since(began)
	end()
	before := a.count()
	c.advance(4, catchUp, c.all()...)
	if a.count() == before {
		t.Error("nothing was acknowledged afterwards")
	}
	left := uint64(0)
	for i := range c.members {
		v := c.validator(t, i, culprit)
		if v.Power != 0 || v.Sequence != 1 {
			t.Errorf("%v's directory: %+v", c.members[i], v)
		}
		left = max(left, v.Power)
	}
	stop()
	found := c.audit(a)
	evidence := 0
	for i := range c.members {
		evidence = c.convicted(t, i, cmted25519.PubKey(c.members[culprit].key).Address())
	}
	faulttest.Row(t, fault, rounds(), faulttest.Count{Outcome: "pieces of evidence in blocks", N: evidence}, faulttest.Count{Outcome: "power left", N: int(left)},
		faulttest.Count{Outcome: "s until it was gone", N: seconds(took)}, faulttest.Count{Outcome: "acknowledged", N: a.count()},
		faulttest.Count{Outcome: "lost", N: found.lost}, faulttest.Count{Outcome: "forks", N: found.forks})
}

// validator is a member's record in the directory of another one's verified head.
func (c *cluster) validator(t *testing.T, at, of int) directory.Validator {
	t.Helper()
	d, err := c.reader(at).Directory()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range d.Validators {
		if bytes.Equal(v.Key, c.members[of].key) {
			return v
		}
	}
	t.Fatalf("%v is not in the directory", c.members[of])
	return directory.Validator{}
}

// convicted counts the blocks of a stopped member with evidence against an
// address, and checks who signs from the second block after the first on.
func (c *cluster) convicted(t *testing.T, i int, address types.Address) (n int) {
	t.Helper()
	db, err := dbm.NewGoLevelDB("blockstore", filepath.Join(string(c.members[i].home), "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rest := light.Validators(c.genesis)
	if err := rest.UpdateWithChangeSet([]*types.Validator{{Address: address, PubKey: rest.Validators[index(rest, address)].PubKey, VotingPower: 0}}); err != nil {
		t.Fatal(err)
	}
	blocks := store.NewBlockStore(db)
	for h := blocks.Base(); h <= blocks.Height(); h++ {
		for _, e := range blocks.LoadBlock(h).Evidence.Evidence {
			d, ok := e.(*types.DuplicateVoteEvidence)
			if !ok || !bytes.Equal(d.VoteA.ValidatorAddress, address) {
				t.Errorf("%v: block %d has evidence that is not of two votes of the culprit: %v", c.members[i], h, e)
				continue
			}
			if n++; n > 1 {
				continue
			}
			if h+2 > blocks.Height() {
				t.Fatalf("%v ends at height %d, evidence is in block %d", c.members[i], blocks.Height(), h)
			}
			if next := blocks.LoadBlockMeta(h + 1).Header.NextValidatorsHash; !bytes.Equal(next, rest.Hash()) {
				t.Errorf("%v: the header after evidence names others for the next block than the three that are left", c.members[i])
			}
			if now := blocks.LoadBlockMeta(h + 2).Header.ValidatorsHash; !bytes.Equal(now, rest.Hash()) {
				t.Errorf("%v: two blocks after evidence it still signs", c.members[i])
			}
		}
	}
	if n == 0 {
		t.Errorf("%v has no block with evidence", c.members[i])
	}
	return n
}

func index(s *types.ValidatorSet, address types.Address) int32 {
	i, _ := s.GetByAddressMut(address)
	return i
}
