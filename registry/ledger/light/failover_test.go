package light_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// named is a source under a name of its own, which can be switched off.
type named struct {
	*liar
	name string
	off  error
}

func (n *named) Name() string { return n.name }

func (n *named) Checkpoint(ctx context.Context) ([]byte, error) {
	if n.off != nil {
		return nil, n.off
	}
	return n.liar.Checkpoint(ctx)
}

func several(t testing.TB, w *world, dir string, sources ...*named) (*light.Client, *light.Failover) {
	t.Helper()
	var all []light.Source
	for _, s := range sources {
		all = append(all, s)
	}
	f, err := light.NewFailover(all...)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, w, f, dir), f
}

func node(w *world, name string) *named { return &named{liar: &liar{Source: w}, name: name} }

func TestFailover(t *testing.T) {
	w := grow(t)
	a, b, c := node(w, "a"), node(w, "b"), node(w, "c")
	client, f := several(t, w, t.TempDir(), a, b, c)
	follow(t, client)
	if f.Name() != "a" {
		t.Errorf("%s is asked first", f.Name())
	}
	a.checkpoint = func(b []byte) []byte { return b[:10] }
	follow(t, client)
	if l := f.Lied(); f.Name() != "b" || len(l) != 1 || l[0].Source != "a" || l[0].Lie != light.Malformed {
		t.Errorf("%s is asked after a lie, %v lied", f.Name(), l)
	}
	b.off = errors.New("connection refused")
	follow(t, client)
	if l := f.Lied(); f.Name() != "c" || len(l) != 1 {
		t.Errorf("%s is asked after a silence, %v lied", f.Name(), l)
	}
	// One that was silent comes back, one that lied does not.
	b.off, c.off, a.checkpoint = nil, errors.New("connection refused"), nil
	follow(t, client)
	if f.Name() != "b" {
		t.Errorf("%s is asked", f.Name())
	}
	b.off = errors.New("connection refused")
	if err := client.Sync(context.Background()); !errors.Is(err, b.off) && !errors.Is(err, c.off) {
		t.Errorf("%v", err)
	}
	if e := evidence(t, client); len(e) != 1 || e[0].Source != "a" {
		t.Errorf("%+v", e)
	}
	for _, s := range [][]light.Source{{}, {nil}, {f}} {
		if _, err := light.NewFailover(s...); err == nil {
			t.Errorf("%v was put together", s)
		}
	}
}

// TestAttack_NodeHoldsBlocksBack: the node of one's choice stands still, and
// another one does not.
func TestAttack_NodeHoldsBlocksBack(t *testing.T) {
	w := grow(t)
	a, b := node(w, "a"), node(w, "b")
	old := w.checkpoint
	oldDir := w.dir
	now := w.clock()
	f, err := light.NewFailover(a, b)
	if err != nil {
		t.Fatal(err)
	}
	c, err := light.Open(light.Config{Genesis: w.genesis, Source: f, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	follow(t, c)
	w.block(100, w.commit(700, 1))
	now = w.clock()
	a.checkpoint = func([]byte) []byte { return old }
	a.directory = func([]byte) []byte { return oldDir }
	follow(t, c)
	if h, err := c.Head(); err != nil || h.Height != w.height+1 || f.Name() != "b" || len(f.Lied()) != 0 {
		t.Errorf("at height %d of %d, from %s, %v: %v", h.Height, w.height+1, f.Name(), f.Lied(), err)
	}
}

// TestAttack_TwoNodesTwoLedgers: validators sign one header for each of two
// nodes. Nobody can say which is true, so nothing is, and both are kept.
func TestAttack_TwoNodesTwoLedgers(t *testing.T) {
	w := grow(t)
	a, b := node(w, "a"), node(w, "b")
	dir := t.TempDir()
	client, _ := several(t, w, dir, a, b)
	follow(t, client)
	other := rival(t, w)
	b.checkpoint = func([]byte) []byte { return other.Encode() }
	wantLie(t, client.Sync(context.Background()), light.Fork)
	if _, err := client.Head(); !errors.Is(err, light.ErrNoHead) {
		t.Errorf("it goes on with one of them: %v", err)
	}
	b.checkpoint = nil
	wantLie(t, client.Sync(context.Background()), light.Fork)
	if e := evidence(t, client); len(e) != 1 || e[0].Source != "b" || len(e[0].Shown) != 2 {
		t.Errorf("%+v", e)
	}
}

// TestAttack_WitnessLies: a node that is only compared with lies, and costs
// nobody the synchronisation.
func TestAttack_WitnessLies(t *testing.T) {
	w := grow(t)
	a, b := node(w, "a"), node(w, "b")
	client, f := several(t, w, t.TempDir(), a, b)
	s := w.head().State
	b.checkpoint = func([]byte) []byte { return sign(t, w.genesis, s, w.height+1, w.time, 66).Encode() }
	follow(t, client)
	if l := f.Lied(); len(l) != 1 || l[0].Source != "b" || l[0].Lie != light.ForeignValidators {
		t.Errorf("%v", l)
	}
	// A witness that is ahead shows a header, which the other's must be later.
	c, d := node(w, "c"), node(w, "d")
	client, _ = several(t, w, t.TempDir(), c, d)
	ahead := s
	ahead.History[1] ^= 1
	d.checkpoint = func([]byte) []byte {
		return sign(t, w.genesis, ahead, w.height+2, w.time.Add(time.Second), w.signers...).Encode()
	}
	follow(t, client)
	w.block(1, w.commit(800, 1))
	d.off = errors.New("gone")
	wantLie(t, client.Sync(context.Background()), light.Fork)
}

func TestAllNodesLied(t *testing.T) {
	w := grow(t)
	a, b := node(w, "a"), node(w, "b")
	client, f := several(t, w, "", a, b)
	junk := func([]byte) []byte { return nil }
	a.checkpoint, b.checkpoint = junk, junk
	wantLie(t, client.Sync(context.Background()), light.Malformed)
	a.checkpoint, b.checkpoint = nil, nil
	if err := client.Sync(context.Background()); !errors.Is(err, light.ErrNobodyLeft) || !errors.Is(err, light.Malformed) {
		t.Errorf("a node that lied is asked again: %v", err)
	}
	if len(f.Lied()) != 2 {
		t.Errorf("%v", f.Lied())
	}
}
