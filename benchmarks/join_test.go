package benchmarks_test

import (
	"context"
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

// joinRuns of each measurement: fewer where one takes minutes.
func joinRuns(leaves uint64) int {
	if leaves > 200_000 {
		return 3
	}
	return 5
}

// TestLedgerJoin prints how long a new member takes, from the start of its
// process, until it serves a ledger that it took by a snapshot.
func TestLedgerJoin(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for a minute; run: make figures-ledger")
	}
	leaves := joinLeaves(t)
	ctx := within(t, 3*time.Minute+time.Duration(leaves)*time.Millisecond)
	// One snapshot, when all leaves are there: a commit takes two blocks.
	interval := 4*(leaves/4096) + 40
	every := fmt.Sprint("--snapshot-interval=", interval)
	home := ledger.Home(t.TempDir())
	r := found(t, home)
	r.give(home)
	listen := freePort(t)
	source := launch(t, home, "--p2p", listen, every)
	if err := r.fill(ctx, source, leaves, 4096); err != nil {
		t.Fatal(err)
	}
	if r.height >= interval {
		t.Fatalf("the snapshot of height %d has not all leaves, which end at %d", interval, r.height)
	}
	// Some blocks are above it.
	for r.height < interval+6 {
		if err := r.fill(ctx, source, r.records+1, 1); err != nil {
			t.Fatal(err)
		}
	}
	awaitSnapshot(ctx, t, home)
	blocks := &meter{to: listen}
	wire := &meter{to: source.Name()}
	p2p := peer(t, home, blocks.open(t))
	join := wire.open(t)

	unit, y := yardstick(t), newFsyncer(t)
	var took series
	for range joinRuns(leaves) {
		if err := measure(unit); err != nil {
			t.Fatal(err)
		}
		if err := y.round(4); err != nil {
			t.Fatal(err)
		}
		new := ledger.Home(t.TempDir())
		if _, err := new.Create(); err != nil {
			t.Fatal(err)
		}
		r.give(new)
		began := time.Now()
		p := launch(t, new, "--join", join, "--peer", p2p, every)
		took = append(took, time.Since(began))
		if err := r.settle(ctx, p); err != nil { // it has all records
			t.Fatal(err)
		}
		if err := same(ctx, source, p); err != nil {
			t.Fatal(err)
		}
		p.end(t)
	}
	for _, s := range []series{took, unit.took, y.took} {
		slices.Sort(s)
	}
	n := float64(joinRuns(leaves))
	mb := float64(blocks.bytes.Load()+wire.bytes.Load()) / n / 1e6
	rest := (took.median() - discovery).Seconds()
	rate := float64(r.records) / rest
	var b strings.Builder
	fmt.Fprintf(&b, "%s; a new member from the start of its process until it serves, by a snapshot of one other member over loopback, 1 s being %.0f of the yardstick; medians of %d runs (minimum–maximum), seconds. Yardstick, a multi-exponentiation of 2^14 points of G1 in the same run: %s ms; an fsync of 4 KiB: %s ms.\n\n", cpu(), 1/unit.took.median().Seconds(), joinRuns(leaves), unit.took, y.took)
	b.WriteString("| leaves | seconds | / yardstick | of these, waiting for offers of snapshots | MB transferred | bytes for each leaf | leaves per second of the rest | extrapolated to 10,000,000 leaves |\n|---:|---:|---:|---:|---:|---:|---:|---|\n")
	fmt.Fprintf(&b, "| %d | %s | %.0f | %.0f | %.1f | %.1f | %.0f | %.0f s, %.0f MB |\n", r.records, seconds(took), took.median().Seconds()/unit.took.median().Seconds(), discovery.Seconds(),
		mb, mb*1e6/float64(r.records), rate, discovery.Seconds()+1e7/rate, mb*1e7/float64(r.records))
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
	for range joinRuns(leaves) {
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
	fmt.Fprintf(&b, "%s; a registry's snapshot without consensus and network; medians of %d interleaved runs (minimum–maximum), seconds. Yardstick, a multi-exponentiation of 2^14 points of G1 in the same run: %s ms; an fsync of 4 KiB: %s ms.\n\n", cpu(), joinRuns(leaves), unit.took, y.took)
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
