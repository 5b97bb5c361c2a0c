package light_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// moving is a ledger that closes an epoch at every call for a part of its tree.
type moving struct {
	*world
	next   uint64
	blocks int // that are still to come
}

func (m *moving) move() {
	if m.blocks == 0 {
		return
	}
	m.blocks--
	m.world.block(11, m.world.commit(m.next, 40), m.world.revoke(m.next-2000))
	m.next += 40
}

func (m *moving) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	defer m.move()
	return m.world.Layer(ctx, from, max)
}

func (m *moving) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	m.move()
	return m.world.Bucket(ctx, number, root)
}

// TestReading_LayerOfManyEpochsHeals: pages of the layer and buckets that were
// read while epochs closed end as one tree.
func TestReading_LayerOfManyEpochsHeals(t *testing.T) {
	w := filled(t, 4500)
	m := &moving{world: w, next: 4500, blocks: 7}
	c := layered(t, w, m, t.TempDir(), light.Newest)
	follow(t, c)
	if m.blocks != 0 {
		t.Errorf("the ledger moved %d times less than it should", m.blocks)
	}
	whole := open(t, w, w, "")
	follow(t, whole)
	follow(t, c)
	// Everything from the anchor on is known.
	samePaths(t, whole, c, 4499, 4500, 4539, 4619)
	if err := c.Hold(7, 4499, 4600, 4700); err != nil {
		t.Fatal(err)
	}
	samePaths(t, whole, c, 4499, 4600, 4700, 4779)
	w.later()
	follow(t, c)
	m.blocks = 5
	if err := c.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	follow(t, whole)
	follow(t, c)
	samePaths(t, whole, c, 7, 4499, 4600, 4700, m.next-1)
}

// TestReading_BucketThatNeverStands: a node that replaces a bucket for ever is
// given up.
func TestReading_BucketThatNeverStands(t *testing.T) {
	w := filled(t, 3000)
	s := neverStanding{w}
	c := layered(t, w, s, t.TempDir(), light.Newest)
	if err := c.Sync(context.Background()); !errors.Is(err, light.ErrReplaced) {
		t.Error(err)
	}
}

type neverStanding struct{ *world }

func (neverStanding) Bucket(context.Context, uint64, [32]byte) ([]byte, error) {
	return nil, light.ErrReplaced
}

// TestReading_GrowsIntoLayers: a client that took everything goes on by layers
// when the ledger is large, from its own logs and without a gap.
func TestReading_GrowsIntoLayers(t *testing.T) {
	w := filled(t, 1500)
	w.block(1, w.tx(transaction.Withdraw, transaction.WithdrawalPayload([]elem{field.Of("v", rs(1))})))
	dir := t.TempDir()
	o := &observed{Source: w}
	reopen := func() *light.Client {
		c, err := light.Open(light.Config{Genesis: w.genesis, Source: o, Dir: dir, Clock: w.clock, Follow: light.Layers, Whole: 2000, Start: light.Newest})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := reopen()
	follow(t, c)
	if len(c.Log(0)) != 1500 {
		t.Fatal("it did not take everything")
	}
	c = reopen()
	w.block(1, w.commit(1500, 600), w.revoke(3))
	w.block(10)
	o.take()
	follow(t, c)
	if c.Log(0) != nil {
		t.Error("entries are still in memory")
	}
	calls, buckets := o.take()
	for _, call := range calls {
		if call == "log records 0 1500" || call == "anchor 1" {
			t.Errorf("it began anew: %q", call)
		}
	}
	whole := open(t, w, w, "")
	follow(t, whole)
	for _, c := range []*light.Client{c, reopen()} {
		if err := c.Hold(1, 3, 1499, 1501, 2099); err != nil {
			t.Fatal(err)
		}
		samePaths(t, whole, c, 1, 3, 1499, 1501, 2099)
		if got, err := c.RecordLog(0, 2101); err != nil || len(got) != 2101 || got[1500].Index != 1500 {
			t.Errorf("%d records, %v", len(got), err)
		}
		if got, err := c.WithdrawalLog(0, 1); err != nil || len(got) != 1 {
			t.Errorf("%d withdrawals, %v", len(got), err)
		}
		if records, withdrawals := c.Begins(); records+withdrawals != 0 {
			t.Errorf("it begins at %d and %d", records, withdrawals)
		}
	}
	if len(buckets) != 0 {
		t.Errorf("it read buckets: %q", buckets)
	}
}

// TestCacheOfLayers damages each file of a client of layers. What was damaged
// is found and read again, and the set of buckets is never drawn anew.
func TestCacheOfLayers(t *testing.T) {
	w := filled(t, 9000)
	dir := t.TempDir()
	c := layered(t, w, w, dir, light.Newest)
	follow(t, c)
	if err := c.Hold(5); err != nil {
		t.Fatal(err)
	}
	w.block(1, w.commit(9000, 30), w.tx(transaction.Withdraw, transaction.WithdrawalPayload([]elem{field.Of("v", rs(1))})))
	w.later()
	follow(t, c)
	if err := c.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	whole := open(t, w, w, "")
	follow(t, whole)
	samePaths(t, whole, layered(t, w, w, dir, light.Newest), 5, 9000)
	for _, name := range []string{"records", "withdrawals", "epochs", "directory", "anchor", "layer", "buckets"} {
		for how, damage := range map[string]func([]byte) []byte{
			"a bit":  func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"a half": func(b []byte) []byte { return b[:len(b)/2] },
			"all":    func([]byte) []byte { return nil },
		} {
			if testing.Short() && how != "a bit" {
				continue
			}
			t.Run(name+" "+how, func(t *testing.T) {
				copied := t.TempDir()
				if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(copied, name)
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, damage(b), 0o600); err != nil {
					t.Fatal(err)
				}
				c := layered(t, w, w, copied, 9000)
				_, _, err = c.Path(5)
				var unread *light.NotReadError
				if err == nil && name != "buckets" {
					t.Error("the damage was not seen")
				}
				if err != nil && !errors.Is(err, light.ErrNoHead) && !errors.As(err, &unread) {
					t.Errorf("untyped: %v", err)
				}
				follow(t, c)
				if got, err := c.RecordLog(9000, 9030); err != nil || len(got) != 30 {
					t.Errorf("%d records: %v", len(got), err)
				}
				samePaths(t, whole, layered(t, w, w, copied, 9000), 9000)
			})
		}
	}
	t.Run("the set", func(t *testing.T) {
		file := filepath.Join(dir, "set")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-1] ^= 0xff
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := light.Open(light.Config{Genesis: w.genesis, Source: w, Dir: dir, Clock: w.clock, Follow: light.Layers, Whole: 1, Start: 9000})
		if err == nil {
			err = c.Sync(context.Background())
		}
		if !errors.Is(err, light.ErrCache) {
			t.Errorf("another set is drawn without a word: %v", err)
		}
	})
}

// TestReading_Shelves reads pages of the logs across the marks in their files.
func TestReading_Shelves(t *testing.T) {
	w := filled(t, 10_000)
	c := layered(t, w, w, t.TempDir(), 0)
	follow(t, c)
	for _, x := range [][2]uint64{{0, 1}, {0, 10_000}, {4095, 4097}, {4096, 8192}, {8191, 8192}, {9999, 10_000}, {500, 500}} {
		got, err := c.RecordLog(x[0], x[1])
		if err != nil || uint64(len(got)) != x[1]-x[0] || len(got) > 0 && (got[0].Index != x[0] || got[len(got)-1].Index != x[1]-1) {
			t.Errorf("entries %v: %d, %v", x, len(got), err)
		}
	}
	for _, x := range [][2]uint64{{0, 10_001}, {1, 0}} {
		if _, err := c.RecordLog(x[0], x[1]); !errors.Is(err, light.ErrNotKept) {
			t.Errorf("entries %v: %v", x, err)
		}
	}
	d := layered(t, w, w, t.TempDir(), light.Newest)
	follow(t, d)
	if _, err := d.RecordLog(9999, 10_000); !errors.Is(err, light.ErrNotKept) {
		t.Errorf("an entry before the anchor: %v", err)
	}
	if at, _ := d.Begins(); at != 10_000 {
		t.Errorf("it begins at %d", at)
	}
	if _, err := d.WithdrawalLog(0, 0); err != nil {
		t.Error(err)
	}
}

// TestWithdrawalsWithoutRecordsAreRead: a wallet that lost its copy of the
// ledger has read all records, and not the withdrawals of the epochs since.
func TestWithdrawalsWithoutRecordsAreRead(t *testing.T) {
	w := filled(t, 3000)
	read := w.head().State
	w.block(11, w.tx(transaction.Withdraw, transaction.WithdrawalPayload([]elem{field.Of("v", rs(1))})))
	w.block(11, w.tx(transaction.Withdraw, transaction.WithdrawalPayload([]elem{field.Of("v", rs(2))})))
	w.block(11)
	c := layered(t, w, w, t.TempDir(), read.Records.Count)
	follow(t, c)
	records, withdrawals := c.Begins()
	if records > read.Records.Count || withdrawals > read.Withdrawals.Count {
		t.Errorf("it begins at record %d and withdrawal %d, a wallet has read %d and %d", records, withdrawals, read.Records.Count, read.Withdrawals.Count)
	}
	if l, err := c.WithdrawalLog(read.Withdrawals.Count, w.head().State.Withdrawals.Count); err != nil || len(l) != 2 {
		t.Errorf("%d withdrawals, %v", len(l), err)
	}
}
