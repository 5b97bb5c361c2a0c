package registry_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A reader is what clients make of a chain by reading it: a tree built from the
// record log alone, and the bucket roots as the changes of the epochs say them.
type reader struct {
	*chain
	records journal.Replay
	read    uint64 // entries of the record log
	tree    *merkle.Tree
	roots   []byte
	logs    map[journal.Kind]*journal.Accumulator
	epochs  uint64
}

func newReader(c *chain) *reader {
	tree, err := merkle.NewTree(journal.Depth)
	if err != nil {
		c.t.Fatal(err)
	}
	r := &reader{chain: c, tree: tree, logs: map[journal.Kind]*journal.Accumulator{}}
	for _, k := range journal.Kinds() {
		r.logs[k] = journal.NewAccumulator()
	}
	return r
}

// rsOf are values to withdraw that no other call returns.
func rsOf(from, n uint64) (out []fr.Element) {
	for _, i := range span(from<<20, n) {
		out = append(out, rs(i))
	}
	return out
}

func (r *reader) entries(k journal.Kind, from, to uint64) (out [][]byte) {
	r.t.Helper()
	for from < to {
		b, err := r.s.Log(context.Background(), k, from, int(to-from))
		if err != nil {
			r.t.Fatal(err)
		}
		out, from = append(out, b...), from+uint64(len(b))
	}
	return out
}

// follow reads the epochs that have closed since it was called last, and holds
// the anchor of each and the roots of its buckets against the logs.
func (r *reader) follow() {
	r.t.Helper()
	for _, raw := range r.entries(journal.Epochs, r.epochs, r.view().State.Epoch+1) {
		e, err := directory.DecodeEpoch(raw)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, b := range r.entries(journal.Records, r.read, e.Records) {
			rec, err := journal.DecodeRecord(b)
			if err != nil {
				r.t.Fatal(err)
			}
			if err := errors.Join(r.records.Apply(rec), r.logs[journal.Records].Append(b)); err != nil {
				r.t.Fatal(err)
			}
		}
		r.read = e.Records
		for _, b := range r.entries(journal.Withdrawals, r.logs[journal.Withdrawals].Count(), e.Withdrawals) {
			if err := r.logs[journal.Withdrawals].Append(b); err != nil {
				r.t.Fatal(err)
			}
		}
		if err := r.logs[journal.Epochs].Append(raw); err != nil {
			r.t.Fatal(err)
		}
		if root, err := r.tree.Update(r.records.Take()); err != nil || root != e.Root {
			r.t.Fatalf("epoch %d: %v, or the rebuilt tree has another root", e.Number, err)
		}
		r.changes(e.Number)
		r.anchor(e)
		r.epochs++
	}
	if epoch, roots := r.layer(); epoch+1 != r.epochs || string(roots) != string(r.roots) {
		r.t.Fatalf("epoch %d: the layer is not what the changes of all epochs make", epoch)
	}
	for b := range uint64(len(r.roots) / field.Size) {
		if want := r.bucketRoot(b); string(want) != string(r.roots[b*field.Size:(b+1)*field.Size]) {
			r.t.Fatalf("bucket %d has another root than the rebuilt tree", b)
		}
	}
	if want := (r.tree.Len() + journal.BucketSize - 1) / journal.BucketSize; uint64(len(r.roots)) != want*field.Size {
		r.t.Fatalf("%d bytes of roots for %d leaves", len(r.roots), r.tree.Len())
	}
}

func (r *reader) changes(epoch uint64) {
	r.t.Helper()
	raw, err := r.s.Changes(context.Background(), epoch)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := journal.DecodeChanges(raw)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, x := range list {
		at := int(x.Bucket) * field.Size
		if at > len(r.roots) {
			r.t.Fatalf("epoch %d changes bucket %d before one below it has a leaf", epoch, x.Bucket)
		}
		root := x.Root.Bytes()
		r.roots = append(r.roots[:at], append(root[:], r.roots[min(len(r.roots), at+field.Size):]...)...)
	}
}

// anchor restores an epoch's anchor and holds it against the logs up to there.
func (r *reader) anchor(e directory.Epoch) {
	r.t.Helper()
	raw, err := r.s.Anchor(context.Background(), e.Number)
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := journal.DecodeAnchor(raw)
	if err != nil {
		r.t.Fatal(err)
	}
	if a.Epoch != e {
		r.t.Errorf("the anchor of epoch %d holds another one", e.Number)
	}
	for k, l := range map[journal.Kind]*journal.Accumulator{journal.Records: a.Records, journal.Withdrawals: a.Withdrawals, journal.Epochs: a.Epochs} {
		want, _ := r.logs[k].Log()
		if got, err := l.Log(); err != nil || got != want {
			r.t.Errorf("epoch %d: the anchor of %v does not have the log's root", e.Number, k)
		}
	}
}

// layer reads the whole layer in uneven steps.
func (r *reader) layer() (epoch uint64, roots []byte) {
	r.t.Helper()
	for {
		e, b, err := r.s.Layer(context.Background(), uint64(len(roots)/field.Size), 2)
		if err != nil {
			r.t.Fatal(err)
		}
		if epoch = e; len(b) == 0 {
			return epoch, roots
		}
		roots = append(roots, b...)
	}
}

// bucketRoot folds the leaves that the rebuilt tree has in a bucket.
func (r *reader) bucketRoot(b uint64) []byte {
	r.t.Helper()
	small, err := merkle.NewTree(journal.BucketHeight)
	if err != nil {
		r.t.Fatal(err)
	}
	var leaves []merkle.Leaf
	for i := range uint64(journal.BucketSize) {
		leaves = append(leaves, merkle.Leaf{Index: i, Value: r.tree.Leaf(b*journal.BucketSize + i)})
	}
	root, err := small.Update(leaves)
	if err != nil {
		r.t.Fatal(err)
	}
	v := root.Bytes()
	return v[:]
}

// TestLayersAreTheRebuiltTree commits and revokes at random over many epochs.
// What readers get is the tree that the log alone makes, at every epoch.
func TestLayersAreTheRebuiltTree(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 4))
	fs := vfs.NewMem()
	c := newChainOn(t, fs, func(g *directory.Genesis) { g.Directory.Parameters.Quota = 1 << 20 })
	r := newReader(c)
	r.follow()
	next, rounds := uint64(0), 12
	if testing.Short() {
		rounds = 6
	}
	for round := range rounds {
		for range rnd.IntN(3) {
			n := uint64(rnd.IntN(900))
			c.one(c.commit(hospital, span(next, n+1)...))
			next += n + 1
			var gone []transaction.Revocation
			for range rnd.IntN(5) {
				i := rnd.Uint64N(next)
				gone = append(gone, transaction.Revocation{Index: i, RS: rs(i)})
			}
			if len(gone) > 0 {
				c.one(c.signed(hospital, transaction.Revoke, transaction.RevocationPayload(gone)))
			}
			c.one(c.signed(hospital, transaction.Withdraw, transaction.WithdrawalPayload(rsOf(next, uint64(1+rnd.IntN(3))))))
		}
		c.epoch()
		if round%3 == 0 { // sometimes two epochs at once, and from the disk
			c.epoch()
			c.s.Close()
			s, err := registry.Open("state", &registry.Options{FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			c.s = s
		}
		r.follow()
	}
	t.Logf("%d leaves in %d epochs", r.tree.Len(), r.epochs)
}

// TestBucketHasOneAnswerForItsName reads buckets by their roots: by the newest
// one it is the leaves; by an older one, another bucket's or none it is an
// error, never other leaves.
func TestBucketHasOneAnswerForItsName(t *testing.T) {
	c := newChain(t, func(g *directory.Genesis) { g.Directory.Parameters.Quota = 1 << 20 })
	ctx := context.Background()
	empty := merkle.Empty(journal.BucketHeight)
	if _, err := c.s.Bucket(ctx, 0, empty.Bytes()); !errors.Is(err, registry.ErrRange) {
		t.Errorf("a bucket without leaves: %v", err)
	}
	c.one(c.commit(hospital, span(0, 1100)...))
	c.epoch()
	r := newReader(c)
	r.follow()
	old := [field.Size]byte(r.roots)
	check := func() {
		t.Helper()
		for b := range uint64(len(r.roots) / field.Size) {
			leaves, err := c.s.Bucket(ctx, b, [field.Size]byte(r.roots[b*field.Size:]))
			if err != nil || len(leaves) != journal.BucketSize*field.Size {
				t.Fatalf("bucket %d: %d bytes, %v", b, len(leaves), err)
			}
			for i := range uint64(journal.BucketSize) {
				leaf := r.tree.Leaf(b*journal.BucketSize + i)
				if want := leaf.Bytes(); string(leaves[i*field.Size:(i+1)*field.Size]) != string(want[:]) {
					t.Fatalf("leaf %d of bucket %d is another", i, b)
				}
			}
		}
	}
	check()
	c.one(c.signed(hospital, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 7, RS: rs(7)}})))
	if _, err := c.s.Bucket(ctx, 0, old); err != nil {
		t.Errorf("before the epoch closes the root is still that: %v", err)
	}
	c.epoch()
	r.follow()
	check()
	for name, root := range map[string][field.Size]byte{"its old root": old, "the other bucket's root": [field.Size]byte(r.roots[field.Size:]), "no root": {}} {
		if _, err := c.s.Bucket(ctx, 0, root); !errors.Is(err, registry.ErrReplaced) {
			t.Errorf("by %s: %v", name, err)
		}
	}
	for _, b := range []uint64{2, journal.Buckets, 1 << 62} {
		if _, err := c.s.Bucket(ctx, b, old); !errors.Is(err, registry.ErrRange) {
			t.Errorf("bucket %d: %v", b, err)
		}
	}
}

func TestLayerReadsRefuseWhatIsNotThere(t *testing.T) {
	c := newChain(t)
	ctx := context.Background()
	if e, roots, err := c.s.Layer(ctx, 0, 10); e != 0 || len(roots) != 0 || err != nil {
		t.Errorf("the empty tree: epoch %d, %d bytes, %v", e, len(roots), err)
	}
	c.one(c.commit(hospital, 1))
	if _, roots, err := c.s.Layer(ctx, 0, 10); len(roots) != 0 || err != nil {
		t.Errorf("a leaf that no epoch includes shows: %v", err)
	}
	c.epoch()
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for name, read := range map[string]func() error{
		"a layer beyond the last bucket": func() error { _, _, err := c.s.Layer(ctx, 2, 1); return err },
		"a negative number of roots":     func() error { _, _, err := c.s.Layer(ctx, 0, -1); return err },
		"changes of an open epoch":       func() error { _, err := c.s.Changes(ctx, 2); return err },
		"changes of the last number":     func() error { _, err := c.s.Changes(ctx, 1<<64-1); return err },
		"the anchor of an open epoch":    func() error { _, err := c.s.Anchor(ctx, 2); return err },
	} {
		if err := read(); !errors.Is(err, registry.ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := c.s.Layer(cancelled, 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a read that nobody waits for went on: %v", err)
	}
	c.s.Close()
	if _, err := c.s.Anchor(ctx, 0); !errors.Is(err, registry.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
