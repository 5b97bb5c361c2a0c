package light_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// layerLiar changes what an honest source says of the tree.
type layerLiar struct {
	liar
	layer   func([]byte) []byte
	changes func([]byte) []byte
	bucket  func([]byte) []byte
	anchor  func([]byte) []byte
}

func changed(b []byte, err error, change func([]byte) []byte) ([]byte, error) {
	if err == nil && change != nil {
		b = change(bytes.Clone(b))
	}
	return b, err
}

func (l *layerLiar) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	b, err := l.liar.Layer(ctx, from, max)
	return changed(b, err, l.layer)
}

func (l *layerLiar) Changes(ctx context.Context, epoch uint64) ([]byte, error) {
	b, err := l.liar.Changes(ctx, epoch)
	return changed(b, err, l.changes)
}

func (l *layerLiar) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	b, err := l.liar.Bucket(ctx, number, root)
	return changed(b, err, l.bucket)
}

func (l *layerLiar) Anchor(ctx context.Context, epoch uint64) ([]byte, error) {
	b, err := l.liar.Anchor(ctx, epoch)
	return changed(b, err, l.anchor)
}

// lastBit changes the last bit of an answer that has one.
func lastBit(b []byte) []byte {
	if len(b) > 0 {
		b[len(b)-1] ^= 1
	}
	return b
}

// forgeAnchor makes an anchor whose ranges are well formed and of other logs.
func forgeAnchor(t testing.TB, which int, e func(*directory.Epoch)) func([]byte) []byte {
	return func(b []byte) []byte {
		a, err := journal.DecodeAnchor(b)
		if err != nil {
			t.Fatal(err)
		}
		logs := []*journal.Accumulator{a.Records, a.Withdrawals, journal.NewAccumulator()}
		for i, n := range []uint64{a.Epoch.Records, a.Epoch.Withdrawals, a.Epoch.Number} {
			if i != which && i < 2 {
				continue
			}
			logs[i] = journal.NewAccumulator()
			for j := range n {
				if err := logs[i].Append([]byte{byte(j), 7}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if e != nil {
			e(&a.Epoch)
		}
		return journal.EncodeAnchor(a.Epoch, logs[0], logs[1], logs[2])
	}
}

// TestAttack_LyingLayers has a node lie about the layers of the tree. Each lie
// has its name, nothing of it is kept, and an honest node heals it.
func TestAttack_LyingLayers(t *testing.T) {
	w := newWorld(t)
	w.block(1, w.commit(0, 2000), w.tx(transaction.Withdraw, transaction.WithdrawalPayload([]elem{{1}, {2}})))
	w.block(10)
	w.block(1, w.commit(2000, 1000))
	w.block(10)
	w.block(1, w.commit(3000, 10))
	held := func(k journal.Kind) func(journal.Kind, uint64, [][]byte) [][]byte {
		return func(got journal.Kind, _ uint64, e [][]byte) [][]byte {
			if got == k {
				return nil
			}
			return e
		}
	}
	for _, x := range []struct {
		name string
		lie  light.Lie
		liar layerLiar
	}{
		{"a forged root in the layer", light.ForgedLayer, layerLiar{layer: lastBit}},
		{"a layer without its last bucket", light.ForgedLayer, layerLiar{layer: func(b []byte) []byte {
			if len(b) == 32 { // the second page
				return nil
			}
			return b
		}}},
		{"a layer with a bucket too many", light.Malformed, layerLiar{layer: func(b []byte) []byte { return append(b, make([]byte, 4096*32)...) }}},
		{"a root that is no field element", light.Malformed, layerLiar{layer: func(b []byte) []byte {
			if len(b) > 0 {
				b[0] = 0xff
			}
			return b
		}}},
		{"an anchor of other records", light.ForgedAnchor, layerLiar{anchor: forgeAnchor(t, 0, nil)}},
		{"an anchor of other withdrawals", light.ForgedAnchor, layerLiar{anchor: forgeAnchor(t, 1, nil)}},
		{"an anchor of another epoch", light.ForgedAnchor, layerLiar{anchor: forgeAnchor(t, -1, func(e *directory.Epoch) { e.Root = field.Uint(4) })}},
		{"half an anchor", light.ForgedAnchor, layerLiar{anchor: func(b []byte) []byte { return b[:len(b)/2] }}},
		{"a wrong bucket", light.WrongBucket, layerLiar{bucket: lastBit}},
		{"half a bucket", light.WrongBucket, layerLiar{bucket: func(b []byte) []byte { return b[:len(b)/2] }}},
		{"records held back", light.TruncatedLog, layerLiar{liar: liar{log: held(journal.Records)}}},
		{"epochs held back", light.TruncatedLog, layerLiar{liar: liar{log: held(journal.Epochs)}}},
		{"a changed record after the anchor", light.ForgedAnchor, layerLiar{liar: liar{log: func(k journal.Kind, _ uint64, e [][]byte) [][]byte {
			if k == journal.Records && len(e) > 0 {
				e[0] = lastBit(bytes.Clone(e[0]))
			}
			return e
		}}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.liar.Source = w
			dir := t.TempDir()
			c := layered(t, w, &x.liar, dir, 2000)
			wantLie(t, c.Sync(context.Background()), x.lie)
			if _, err := c.Head(); !errors.Is(err, light.ErrNoHead) {
				t.Error("the client believed it")
			}
			if _, err := layered(t, w, w, dir, 2000).Head(); !errors.Is(err, light.ErrNoHead) {
				t.Error("the lie was kept")
			}
			x.liar = layerLiar{liar: liar{Source: w}}
			follow(t, c)
		})
	}
}

// TestAttack_LyingChanges has a client that follows by changes be told false
// ones.
func TestAttack_LyingChanges(t *testing.T) {
	w := filled(t, 3000)
	l := &layerLiar{liar: liar{Source: w}}
	c := layered(t, w, l, t.TempDir(), light.Newest)
	follow(t, c)
	whole := open(t, w, w, "")
	for i, lie := range []func([]byte) []byte{
		lastBit,
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { return b[:20] },
		func(b []byte) []byte { return append(b, b...) },
	} {
		w.block(1, w.commit(3000+uint64(i), 1), w.revoke(uint64(i)))
		w.block(10)
		l.changes = lie
		wantLie(t, c.Sync(context.Background()), light.ForgedChanges)
		if e, err := c.Newest(); err != nil || e.Number == w.head().State.Epoch {
			t.Errorf("it moved to epoch %d: %v", e.Number, err)
		}
		l.changes = nil
		follow(t, c)
		follow(t, whole)
		samePaths(t, whole, c, 3000+uint64(i))
	}
}

// TestAttack_LyingBucketOfTheSet: a node that gives another bucket at the
// scheduled reading is named, and nothing of that reading is used.
func TestAttack_LyingBucketOfTheSet(t *testing.T) {
	w := filled(t, 12_000)
	l := &layerLiar{liar: liar{Source: w}}
	c := layered(t, w, l, t.TempDir(), light.Newest)
	follow(t, c)
	if err := c.Hold(5); err != nil {
		t.Fatal(err)
	}
	w.later()
	follow(t, c)
	l.bucket = lastBit
	wantLie(t, c.Tend(context.Background()), light.WrongBucket)
	var unread *light.NotReadError
	if _, _, err := c.Path(5); !errors.As(err, &unread) {
		t.Error(err)
	}
	l.bucket = nil
	if err := c.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Path(5); err != nil {
		t.Error(err)
	}
}

// TestAttack_ValidatorsSignBucketThatRecordsDoNotHave has validators sign an
// epoch whose root holds a leaf that no record committed. A client of layers
// that knows the bucket from the log sees it and believes nothing more.
func TestAttack_ValidatorsSignBucketThatRecordsDoNotHave(t *testing.T) {
	w := filled(t, 1024)
	w.block(1, w.commit(1024, 5))
	w.block(10)
	l := &layerLiar{liar: liar{Source: w}}
	c := layered(t, w, l, t.TempDir(), 0)
	follow(t, c)
	if err := c.Hold(1024); err != nil {
		t.Fatal(err)
	}
	w.block(1, w.commit(1029, 1))
	w.block(10)
	forgeEpoch(t, w, l)
	wantLie(t, c.Sync(context.Background()), light.ForgedRoot)
	if _, _, err := c.Path(1024); !errors.Is(err, light.ErrNoHead) {
		t.Errorf("a path under a forged root: %v", err)
	}
}

// forgeEpoch has the validators sign another root of bucket 1, consistently in
// the newest epoch's entry and changes, as l then shows them.
func forgeEpoch(t testing.TB, w *world, l *layerLiar) {
	t.Helper()
	_, roots, err := w.state.Layer(context.Background(), 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	first, err := field.Parse(roots[:32])
	if err != nil {
		t.Fatal(err)
	}
	forged := field.Uint(9)
	p := merkle.Path{Index: 1, Siblings: make([][3]elem, journal.Depth-journal.BucketHeight)}
	for h := range p.Siblings {
		e := merkle.Empty(journal.BucketHeight + h)
		p.Siblings[h] = [3]elem{e, e, e}
	}
	p.Siblings[0][0] = first
	entries, err := w.state.Log(context.Background(), journal.Epochs, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	e, err := directory.DecodeEpoch(entries[len(entries)-1])
	if err != nil {
		t.Fatal(err)
	}
	e.Root = p.Root(forged)
	entries[len(entries)-1] = e.Encode()
	acc := journal.NewAccumulator()
	for _, b := range entries {
		if err := acc.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	s := w.head().State
	if s.Epochs, err = acc.Log(); err != nil {
		t.Fatal(err)
	}
	s.Root = e.Root
	w.checkpoint = sign(t, w.genesis, s, w.height+1, w.time, validatorSeed).Encode()
	l.log = func(k journal.Kind, from uint64, got [][]byte) [][]byte {
		if k == journal.Epochs {
			return entries[from:]
		}
		return got
	}
	l.changes = func([]byte) []byte { return journal.AppendChange(nil, journal.Change{Bucket: 1, Root: forged}) }
}
