package light_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// observed is a source that keeps what a node sees: every call with all that
// it says.
type observed struct {
	light.Source
	mu    sync.Mutex
	calls []string
}

func (o *observed) saw(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, fmt.Sprintf(format, args...))
}

func (o *observed) Checkpoint(ctx context.Context) ([]byte, error) {
	o.saw("checkpoint")
	return o.Source.Checkpoint(ctx)
}

func (o *observed) Directory(ctx context.Context) ([]byte, error) {
	o.saw("directory")
	return o.Source.Directory(ctx)
}

func (o *observed) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	o.saw("log %v %d %d", k, from, max)
	return o.Source.Log(ctx, k, from, max)
}

func (o *observed) Submit(ctx context.Context, tx []byte) ([]byte, error) {
	o.saw("submit %x", tx)
	return o.Source.Submit(ctx, tx)
}

func (o *observed) Trail(ctx context.Context, above uint64) ([][]byte, error) {
	o.saw("trail %d", above)
	return o.Source.Trail(ctx, above)
}

func (o *observed) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	o.saw("layer %d %d", from, max)
	return o.Source.Layer(ctx, from, max)
}

func (o *observed) Changes(ctx context.Context, epoch uint64) ([]byte, error) {
	o.saw("changes %d", epoch)
	return o.Source.Changes(ctx, epoch)
}

func (o *observed) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	o.saw("bucket %d %x", number, root)
	return o.Source.Bucket(ctx, number, root)
}

func (o *observed) Anchor(ctx context.Context, epoch uint64) ([]byte, error) {
	o.saw("anchor %d", epoch)
	return o.Source.Anchor(ctx, epoch)
}

// take returns the calls since the last one and forgets them.
func (o *observed) take() (all, buckets []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.calls {
		if strings.HasPrefix(c, "bucket ") {
			buckets = append(buckets, c)
		} else {
			all = append(all, c)
		}
	}
	o.calls = nil
	return all, buckets
}

// numbers are the buckets that calls name.
func numbers(t testing.TB, calls []string) (out []uint64) {
	t.Helper()
	for _, c := range calls {
		var n uint64
		if _, err := fmt.Sscanf(c, "bucket %d", &n); err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// revoke revokes leaves of a ledger whose items were committed in their order.
func (w *world) revoke(indices ...uint64) []byte {
	var out []transaction.Revocation
	for _, i := range indices {
		out = append(out, transaction.Revocation{Index: i, RS: field.Of("test-rs", rs(i))})
	}
	return w.tx(transaction.Revoke, transaction.RevocationPayload(out))
}

// filled is a ledger with n records in closed epochs.
func filled(t testing.TB, n uint64) *world {
	w := newWorld(t)
	for from := uint64(0); from < n; from += transaction.MaxItems {
		w.block(1, w.commit(from, min(transaction.MaxItems, n-from)))
		w.block(10)
	}
	return w
}

// layered opens a client that reads by layers from the first record on.
func layered(t testing.TB, w *world, s light.Source, dir string, start uint64) *light.Client {
	t.Helper()
	c, err := light.Open(light.Config{Genesis: w.genesis, Source: s, Dir: dir, Clock: w.clock, Follow: light.Layers, Whole: 1, Start: start})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// later lets a day pass, so that whatever is scheduled is due.
func (w *world) later() { w.block(24*3600 + 10) }

// samePaths compares a client of layers with one that has everything.
func samePaths(t testing.TB, whole, layers *light.Client, indices ...uint64) {
	t.Helper()
	for _, i := range indices {
		p, e, err := whole.Path(i)
		q, f, err2 := layers.Path(i)
		if errors.Is(err, light.ErrNoLeaf) && errors.Is(err2, light.ErrNoLeaf) {
			continue
		}
		if err != nil || err2 != nil || e != f || p.Index != q.Index || !slices.Equal(p.Siblings, q.Siblings) {
			t.Fatalf("leaf %d: %v and %v, epochs %d and %d", i, err, err2, e.Number, f.Number)
		}
	}
}

// TestReading_PathsOfLayersAreThoseOfEverything plays random histories with
// revocations to a client that has the whole tree, to one of layers from the
// first entry, one from an anchor, and one that is opened anew each time.
func TestReading_PathsOfLayersAreThoseOfEverything(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			w := newWorld(t)
			n := uint64(1 + r.IntN(3000))
			w.block(1, w.commit(0, n))
			w.block(10)
			whole, first, anchored := open(t, w, w, ""), layered(t, w, w, t.TempDir(), 0), layered(t, w, w, t.TempDir(), light.Newest)
			again := t.TempDir()
			revoked := map[uint64]bool{}
			for range 10 {
				for range 1 + r.IntN(2) {
					var txs [][]byte
					if k := uint64(r.IntN(900)); k > 0 {
						txs = append(txs, w.commit(n, k))
						n += k
					}
					if i := r.Uint64N(n); !revoked[i] && i+900 < n { // of an earlier block
						revoked[i] = true
						txs = append(txs, w.revoke(i))
					}
					w.block(1+r.IntN(11), txs...)
				}
				for _, c := range []*light.Client{whole, first, anchored, layered(t, w, w, again, light.Newest)} {
					if r.IntN(3) > 0 {
						follow(t, c)
					}
				}
			}
			w.block(11)
			last := layered(t, w, w, again, light.Newest)
			all := make([]uint64, 0, n+5)
			for i := range n + 5 {
				if i%7 == 0 || revoked[i] || i+20 > n {
					all = append(all, i)
				}
			}
			layers := []*light.Client{first, anchored, last}
			follow(t, whole)
			for _, c := range layers {
				follow(t, c)
				if err := c.Hold(all...); err != nil {
					t.Fatal(err)
				}
			}
			samePaths(t, whole, first, all...) // it knows every leaf
			w.later()
			follow(t, whole)
			for _, c := range layers {
				follow(t, c)
				if err := c.Tend(context.Background()); err != nil {
					t.Fatal(err)
				}
				samePaths(t, whole, c, all...)
			}
			last = layered(t, w, w, again, light.Newest)
			if err := last.Hold(all...); err != nil {
				t.Fatal(err)
			}
			samePaths(t, whole, last, all...)
		})
	}
}
