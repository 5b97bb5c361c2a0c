package light_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// slow is a source that answers as late as a call permits.
type slow struct {
	light.Source
	checkpoint, log bool
	links           [][]byte // the trail, one at a time
}

func (s *slow) wait(ctx context.Context) error {
	select {
	case <-time.After(19 * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slow) Checkpoint(ctx context.Context) ([]byte, error) {
	if s.checkpoint {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Source.Checkpoint(ctx)
}

func (s *slow) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	if !s.log || k != journal.Records {
		return s.Source.Log(ctx, k, from, max)
	}
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Source.Log(ctx, k, from, 1)
}

func (s *slow) Trail(ctx context.Context, above uint64) ([][]byte, error) {
	if s.links == nil {
		return s.Source.Trail(ctx, above)
	}
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	if len(s.links) == 0 {
		return nil, nil
	}
	next := s.links[0]
	s.links = s.links[1:]
	return [][]byte{next}, nil
}

// TestAttack_SlowDrip: a node keeps a client busy with answers that are good,
// tiny and late, so that it never comes to another node.
func TestAttack_SlowDrip(t *testing.T) {
	w := grow(t)
	var links [][]byte
	s := w.head().State
	for h := uint64(1); h < 100; h++ {
		links = append(links, sign(t, w.genesis, s, h, start.Add(time.Duration(h)*time.Millisecond), w.signers...).SignedHeader)
	}
	strangers := sign(t, w.genesis, s, w.height+9, w.time, 66, 67).Encode()
	for name, x := range map[string]struct {
		at      int // where in the list of nodes
		source  light.Source
		atMost  time.Duration
		retired bool
	}{
		"entries of a log":                      {0, &slow{Source: w, log: true}, 3 * time.Minute, false},
		"a header that never comes":             {1, &slow{Source: w, checkpoint: true}, time.Minute, false},
		"light blocks to strangers":             {0, &slow{Source: &liar{Source: w, checkpoint: func([]byte) []byte { return strangers }}, links: links}, 3 * time.Minute, false},
		"light blocks, when it is held against": {1, &slow{Source: &liar{Source: w, checkpoint: func([]byte) []byte { return strangers }}, links: links}, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sources := []light.Source{node(w, "honest"), node(w, "also honest")}
				sources[x.at] = x.source
				f, err := light.NewFailover(sources...)
				if err != nil {
					t.Fatal(err)
				}
				c := open(t, w, f, "")
				begun := time.Now()
				follow(t, c)
				if took := time.Since(begun); took > x.atMost {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestAttack_NodeHidesWhatAnotherShows: a node stands still within the time
// that a head is believed, and hides what the ledger has meanwhile. Another
// node shows a younger header.
func TestAttack_NodeHidesWhatAnotherShows(t *testing.T) {
	w := grow(t)
	a, b, other := node(w, "a"), node(w, "b"), node(w, "c")
	old, oldDir := w.checkpoint, w.dir
	w.block(2*6+1, w.commit(700, 1))
	a.checkpoint = func([]byte) []byte { return old }
	a.directory = func([]byte) []byte { return oldDir }
	c, f := several(t, w, t.TempDir(), a, b)
	follow(t, c)
	if h, err := c.Head(); err != nil || h.Height != w.height+1 || f.Name() != "b" || len(f.Lied()) != 0 {
		t.Errorf("at height %d of %d, from %s, %v: %v", h.Height, w.height+1, f.Name(), f.Lied(), err)
	}
	// Who shows it and hands out nothing of it leaves no decision on the old one.
	silent := node(w, "d")
	silent.log = func(journal.Kind, uint64, [][]byte) [][]byte { return nil }
	c, _ = several(t, w, t.TempDir(), a, silent)
	wantLie(t, c.Sync(context.Background()), light.TruncatedLog)
	c, _ = several(t, w, t.TempDir(), a, silent, other)
	follow(t, c)
	if h, _ := c.Head(); h.Height != w.height+1 {
		t.Errorf("at height %d of %d", h.Height, w.height+1)
	}
}

// TestFailoverTellsOfLies: that the last node is away does not hide that the
// others lied.
func TestFailoverTellsOfLies(t *testing.T) {
	w := grow(t)
	a, b := node(w, "a"), node(w, "b")
	a.checkpoint = func(b []byte) []byte { return b[:10] }
	b.off = errors.New("connection refused")
	c, _ := several(t, w, "", a, b)
	err := c.Sync(context.Background())
	wantLie(t, err, light.Malformed)
	if !errors.Is(err, b.off) {
		t.Error(err)
	}
}

// TestAttack_FewerVotesForAKnownHeader: a node shows the header that a client
// knows with the votes of those alone whom the trail does not lead to. It is
// no reason to know less than before.
func TestAttack_FewerVotesForAKnownHeader(t *testing.T) {
	w := newWorldOf(t, testGenesis(), 10, 11, 12, 13)
	w.block(2, w.commit(0, 2))
	w.change(12, 13, 14, 15, 16, 17)
	for range 3 {
		w.block(2, w.commit(w.height*4, 2))
	}
	c := open(t, w, w, "")
	follow(t, c)
	before, err := c.Head()
	if err != nil || len(before.Trail) == 0 {
		t.Fatalf("%d links, %v", len(before.Trail), err)
	}
	few := encodeHead(t, signed(w.genesis, before.State, before.Height, w.time, votes{of: w.signers, next: w.signers, by: w.signers[1:]}), before.State)
	l := &liar{Source: w, checkpoint: func([]byte) []byte { return few.Encode() }}
	d, err := light.Open(light.Config{Genesis: w.genesis, Source: l, Clock: w.clock, Trusted: before.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	follow(t, d)
	if h, err := d.Head(); err != nil || len(h.Trail) != len(before.Trail) {
		t.Errorf("%d links, %v", len(h.Trail), err)
	}
}

// TestAttack_FrozenHeadUnderAYoungerRule: stewards have shortened how old a
// head may be. A node that stands still is believed no longer than they say.
func TestAttack_FrozenHeadUnderAYoungerRule(t *testing.T) {
	g := testGenesis()
	g.Directory.Parameters.Stewards = 1
	g.Directory.Authorities[0].Roles |= directory.Steward
	w := newWorldOf(t, g, validatorSeed)
	younger := g.Directory.Parameters
	younger.MaxHeadAge, younger.Heartbeat = 10, 5
	x := &transaction.Transaction{Genesis: directory.GenesisHash(g), Expiry: 100, Kind: transaction.SetParameters, Payload: younger.Encode(1)}
	if err := x.Approve(directory.AuthorityID(pub(registrarSeed)), key(registrarSeed)); err != nil {
		t.Fatal(err)
	}
	w.block(1, x.Encode())
	now := w.time
	c, err := light.Open(light.Config{Genesis: g, Source: w, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	follow(t, c)
	now = now.Add(10 * time.Second)
	follow(t, c)
	now = now.Add(time.Second)
	wantLie(t, c.Sync(context.Background()), light.StaleHead)
}
