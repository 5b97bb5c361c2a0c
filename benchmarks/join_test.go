package benchmarks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// discovery is how long CometBFT looks for snapshots before it takes one.
const discovery = 5 * time.Second

// joinLeaves is how many leaves there are to take: ZKCONSENT_LEAVES, or 100,000.
func joinLeaves(t testing.TB) uint64 {
	t.Helper()
	s := os.Getenv("ZKCONSENT_LEAVES")
	if s == "" {
		return 100_000
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// joinRuns of each measurement: one of a new member takes ten seconds and more.
const joinRuns = 3

// A host is a member with so many leaves and a snapshot of them, which new
// members take through meters.
type host struct {
	r         *registrar
	node      *process
	p2p, join string // for the new member
	blocks    *meter // to other nodes
	headers   *meter // to clients
	every     string
	took      series
}

func newHost(ctx context.Context, t *testing.T, leaves uint64) *host {
	t.Helper()
	// One snapshot, when all leaves are there: a commit takes two blocks.
	interval := 4*(leaves/4096) + 40
	home, listen := ledger.Home(t.TempDir()), freePort(t)
	h := &host{r: found(t, home), every: fmt.Sprint("--snapshot-interval=", interval)}
	h.r.give(home)
	h.node = launch(t, home, "--p2p", listen, h.every)
	if err := h.r.fill(ctx, h.node, leaves, 4096); err != nil {
		t.Fatal(err)
	}
	if h.r.height >= interval {
		t.Fatalf("the snapshot of height %d has not all leaves, which end at %d", interval, h.r.height)
	}
	for h.r.height < interval+6 { // who joins takes some blocks above it
		if err := h.r.fill(ctx, h.node, h.r.records+1, 1); err != nil {
			t.Fatal(err)
		}
	}
	awaitSnapshot(ctx, t, home)
	h.blocks, h.headers = &meter{to: listen}, &meter{to: h.node.Name()}
	h.p2p, h.join = peer(t, home, h.blocks.open(t)), h.headers.open(t)
	return h
}

// admit lets a new member join, which has everything when it serves.
func (h *host) admit(ctx context.Context, t *testing.T) {
	t.Helper()
	home := ledger.Home(t.TempDir())
	if _, err := home.Create(); err != nil {
		t.Fatal(err)
	}
	h.r.give(home)
	began := time.Now()
	p := launch(t, home, "--join", h.join, "--peer", h.p2p, h.every)
	h.took = append(h.took, time.Since(began))
	defer p.end(t)
	if err := h.r.settle(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := same(ctx, h.node, p); err != nil {
		t.Fatal(err)
	}
}

// transferred is what a new member took, in bytes.
func (h *host) transferred() float64 {
	return float64(h.blocks.bytes.Load()+h.headers.bytes.Load()) / float64(len(h.took))
}

// TestLedgerJoin prints how long a new member takes, from the start of its
// process, until it serves a ledger that it took by a snapshot.
func TestLedgerJoin(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for two minutes; run: make figures-ledger")
	}
	leaves := joinLeaves(t)
	ctx := within(t, 4*time.Minute+time.Duration(leaves)*time.Millisecond)
	small, large := newHost(ctx, t, 4096), newHost(ctx, t, leaves)
	unit, y := yardstick(t), newFsyncer(t)
	for range joinRuns {
		if err := errors.Join(measure(unit), y.round(4)); err != nil {
			t.Fatal(err)
		}
		small.admit(ctx, t)
		large.admit(ctx, t)
	}
	for _, s := range []series{small.took, large.took, unit.took, y.took} {
		slices.Sort(s)
	}
	more := float64(large.r.records - small.r.records)
	leaf := (large.took.median() - small.took.median()).Seconds() / more
	size := (large.transferred() - small.transferred()) / more
	beyond := 1e7 - float64(large.r.records)
	var b strings.Builder
	fmt.Fprintf(&b, "%s; a new member from the start of its process until it serves, by a snapshot of one other member over loopback; medians of %d interleaved runs (minimum–maximum), seconds. CometBFT waits %.0f s of them for offers of snapshots. Yardstick, a multi-exponentiation of 2^14 points of G1 in the same run: %s ms; an fsync of 4 KiB: %s ms.\n\n", cpu(), len(large.took), discovery.Seconds(), unit.took, y.took)
	b.WriteString("| leaves | seconds | / yardstick | MB transferred |\n|---:|---:|---:|---:|\n")
	for _, h := range []*host{small, large} {
		fmt.Fprintf(&b, "| %d | %s | %.0f | %.1f |\n", h.r.records, seconds(h.took), h.took.median().Seconds()/unit.took.median().Seconds(), h.transferred()/1e6)
	}
	fmt.Fprintf(&b, "\nFrom one row to the other: %.0f leaves a second, %.1f bytes a leaf. Extrapolated along this line, not measured: 10,000,000 leaves take %.0f s and %.0f MB.\n",
		1/leaf, size, large.took.median().Seconds()+leaf*beyond, (large.transferred()+size*beyond)/1e6)
	t.Log("\n" + b.String())
}

// TestLedgerRestore prints what the snapshot of a registry costs without
// consensus and network: to write it, to restore it, which verifies it, and to
// derive the whole state anew from what was restored.
func TestLedgerRestore(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for a minute; run: make figures-ledger")
	}
	leaves := joinLeaves(t)
	g := newGrowth(t, 600)
	for g.leaves < leaves {
		g.window()
	}
	unit, y := yardstick(t), newFsyncer(t)
	wrote, restored, checked := &task{}, &task{}, &task{}
	size := 0
	for range joinRuns {
		folder := snapshot.Folder(t.TempDir())
		var m *snapshot.Manifest
		var s *registry.State
		wrote.do = func() (err error) { m, err = g.snapshot(folder); return err }
		restored.do = func() (err error) { s, err = g.restore(t, folder, m); return err }
		checked.do = func() error { _, err := s.Check(t.Context(), nil); return err }
		for _, k := range []*task{unit, wrote, restored, checked} {
			if err := measure(k); err != nil {
				t.Fatal(err)
			}
		}
		if err := y.round(4); err != nil {
			t.Fatal(err)
		}
		size = 0
		for n := range m.Chunks {
			b, err := folder.Chunk(m, n)
			if err != nil {
				t.Fatal(err)
			}
			size += len(b)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []series{unit.took, y.took, wrote.took, restored.took, checked.took} {
		slices.Sort(s)
	}
	ratio := restored.took.median().Seconds() / unit.took.median().Seconds()
	var b strings.Builder
	fmt.Fprintf(&b, "%s; a registry's snapshot without consensus and network; medians of %d interleaved runs (minimum–maximum), seconds. Yardstick, a multi-exponentiation of 2^14 points of G1 in the same run: %s ms; an fsync of 4 KiB: %s ms.\n\n", cpu(), joinRuns, unit.took, y.took)
	b.WriteString("| leaves | write | restore, verified | restore / yardstick | full check after it | MB | bytes for each leaf | leaves restored per second | restore extrapolated to 10,000,000 leaves |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	rate := float64(g.leaves) / restored.took.median().Seconds()
	fmt.Fprintf(&b, "| %d | %s | %s | %.0f | %s | %.1f | %.1f | %.0f | %.0f s |\n", g.leaves, seconds(wrote.took), seconds(restored.took), ratio, seconds(checked.took),
		float64(size)/1e6, float64(size)/float64(g.leaves), rate, 1e7/rate)
	t.Log("\n" + b.String())
}

func (g *growth) snapshot(to snapshot.Folder) (*snapshot.Manifest, error) {
	x, err := g.s.Export()
	if err != nil {
		return nil, err
	}
	defer x.Close()
	m, err := x.Write(g.t.Context(), to, nil, nil)
	if err != nil {
		return nil, err
	}
	return m, to.Add(m)
}

func (g *growth) restore(t *testing.T, from snapshot.Folder, m *snapshot.Manifest) (*registry.State, error) {
	s, err := registry.Open(t.TempDir(), &registry.Options{})
	if err != nil {
		return nil, err
	}
	r, err := s.Restore(g.message, m)
	if err != nil {
		return nil, err
	}
	for n := range m.Chunks {
		b, err := from.Chunk(m, n)
		if err != nil {
			return nil, err
		}
		if err := r.Apply(t.Context(), n, b); err != nil {
			return nil, err
		}
	}
	return s, r.Finish(t.Context())
}

// awaitSnapshot waits until a node has written its first snapshot.
func awaitSnapshot(ctx context.Context, t *testing.T, home ledger.Home) {
	t.Helper()
	for {
		list, err := home.Snapshots().List()
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("no snapshot came")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// same says whether two nodes show the same state.
func same(ctx context.Context, doors ...door) error {
	var first directory.State
	for i, d := range doors {
		b, err := d.Checkpoint(ctx)
		if err != nil {
			return err
		}
		h, err := directory.DecodeHead(b)
		if err != nil {
			return err
		}
		if i == 0 {
			first = h.State
		} else if h.State.Digest() != first.Digest() {
			return fmt.Errorf("at height %d the states differ", h.Height)
		}
	}
	return nil
}

func measure(k *task) error {
	start := time.Now()
	err := k.do()
	k.took = append(k.took, time.Since(start))
	return err
}

func seconds(s series) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median().Seconds(), s[0].Seconds(), s[len(s)-1].Seconds())
}

// A meter relays connections to an address and counts what passes either way.
type meter struct {
	to    string
	bytes atomic.Int64
}

func (m *meter) open(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go m.relay(in)
		}
	}()
	return l.Addr().String()
}

func (m *meter) relay(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", m.to)
	if err != nil {
		return
	}
	defer out.Close()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			io.Copy(counting{pair[0], &m.bytes}, pair[1])
			done <- struct{}{}
		}()
	}
	<-done
}

type counting struct {
	io.Writer
	n *atomic.Int64
}

func (c counting) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n.Add(int64(n))
	return n, err
}
