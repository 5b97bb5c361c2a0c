package registry

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// A rebuild replays the logs of a snapshot as execution wrote them: leaves from
// their commitments, the tree at the close of each epoch, and what readers are
// given of it. It takes all epochs and withdrawals first, then the records.
// The tree stands in memory, 43 bytes for a leaf.
type rebuild struct {
	set  func(key, value []byte) error
	logs *logs // as far as they were replayed

	epochs      []directory.Epoch
	withdrawals [][]byte // entries

	tree    layers
	next    uint64 // index of the next leaf
	revoked bitmap
	closed  int           // epochs that the replay has closed
	changed []merkle.Leaf // since the tree was last hashed
	buckets []uint64      // changed since the last close
}

func newRebuild(records uint64, l *logs, set func(key, value []byte) error) *rebuild {
	b := &rebuild{set: set, logs: l}
	b.tree.reserve(min(records, 16<<20)) // more grows as it comes
	return b
}

type bitmap []uint64

func (b bitmap) has(n uint64) bool { return b[n/64]>>(n%64)&1 == 1 }
func (b bitmap) set(n uint64)      { b[n/64] |= 1 << (n % 64) }

func (b *rebuild) epoch(n uint64, entry []byte) error {
	e, err := directory.DecodeEpoch(entry)
	if err != nil {
		return err
	}
	if n > 0 {
		if last := b.epochs[n-1]; e.Records < last.Records || e.Withdrawals < last.Withdrawals || e.ClosedAt < last.ClosedAt {
			return fmt.Errorf("it does not follow the one before")
		}
	}
	if e.Number != n {
		return fmt.Errorf("it bears the number %d", e.Number)
	}
	b.epochs = append(b.epochs, e)
	return nil
}

func (b *rebuild) withdrawal(n uint64, entry []byte) error {
	w, err := journal.DecodeWithdrawal(entry)
	if err != nil {
		return err
	}
	b.withdrawals = append(b.withdrawals, entry)
	return b.set(withdrawnKey(w.V), number(n))
}

// records replays a page of the record log.
func (b *rebuild) records(ctx context.Context, page []snapshot.Record) error {
	leaves := leavesOfPage(page)
	for i, r := range page {
		n := b.logs[journal.Records].Count()
		if err := b.closeUpTo(ctx, n); err != nil {
			return err
		}
		rec := journal.Record{Revoked: true, Index: r.Index, RS: r.RS}
		switch {
		case !r.Revoked:
			if b.next >= merkle.Capacity(journal.Depth) {
				return untrue("records", "entry %d is beyond the tree", n)
			}
			rec = journal.Record{Kind: r.Kind, Index: b.next, Authority: r.Authority, Lock: r.Lock, Leaf: leaves[i]}
			if err := indexCommit(b.set, rec, place{at: n, cm: r.Commitment}); err != nil {
				return err
			}
			if b.next%64 == 0 {
				b.revoked = append(b.revoked, 0)
			}
			b.next++
		case r.Index >= b.next || b.revoked.has(r.Index):
			return untrue("records", "entry %d revokes leaf %d, which is not there or revoked", n, r.Index)
		default:
			b.revoked.set(r.Index)
		}
		if b.closed < len(b.epochs) { // what no epoch includes is not in the tree yet
			b.changed = append(b.changed, merkle.Leaf{Index: rec.Index, Value: rec.Leaf})
		}
		entry := rec.Encode()
		if err := b.set(logKey(journal.Records, n), entry); err != nil {
			return err
		}
		if err := b.logs[journal.Records].Append(entry); err != nil {
			return err
		}
	}
	return b.hash()
}

// leavesOfPage hashes the leaves of a page's commits on all processors.
func leavesOfPage(page []snapshot.Record) []fr.Element {
	out := make([]fr.Element, len(page))
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(page); i += workers {
				if r := page[i]; !r.Revoked {
					out[i] = consent.Leaf(r.Kind, r.Authority, r.Commitment, r.Lock)
				}
			}
		})
	}
	wg.Wait()
	return out
}

// hash brings the tree up to date with the leaves that changed.
func (b *rebuild) hash() error {
	if len(b.changed) == 0 {
		return nil
	}
	b.buckets = slices.Compact(append(b.buckets, bucketsOf(b.changed)...))
	_, err := merkle.Update(&b.tree, journal.Depth, b.changed)
	b.changed = b.changed[:0]
	return err
}

// closeUpTo closes the epochs that end where the record log has n entries.
func (b *rebuild) closeUpTo(ctx context.Context, n uint64) error {
	for ; b.closed < len(b.epochs) && b.epochs[b.closed].Records == n; b.closed++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := b.epochs[b.closed]
		if err := b.hash(); err != nil {
			return err
		}
		if root, err := b.tree.Get(journal.Depth, 0); err != nil || root != e.Root {
			return untrue("records", "the tree's root at the close of epoch %d is not the epoch's", e.Number)
		}
		slices.Sort(b.buckets)
		if err := noteBuckets(b.set, e.Number, &b.tree, slices.Compact(b.buckets)); err != nil {
			return err
		}
		b.buckets = b.buckets[:0]
		if err := b.withdraw(e.Withdrawals); err != nil {
			return err
		}
		if err := noteAnchor(b.set, e, b.logs); err != nil {
			return err
		}
		if err := b.logs[journal.Epochs].Append(e.Encode()); err != nil {
			return err
		}
	}
	return nil
}

// withdraw replays the withdrawal log up to its first n entries.
func (b *rebuild) withdraw(n uint64) error {
	if n > uint64(len(b.withdrawals)) {
		return untrue("epochs", "one counts %d withdrawals of %d", n, len(b.withdrawals))
	}
	for b.logs[journal.Withdrawals].Count() < n {
		if err := b.logs[journal.Withdrawals].Append(b.withdrawals[b.logs[journal.Withdrawals].Count()]); err != nil {
			return err
		}
	}
	return nil
}

// done replays what is left and returns the newest epoch.
func (b *rebuild) done(ctx context.Context) (e directory.Epoch, err error) {
	if err := b.closeUpTo(ctx, b.logs[journal.Records].Count()); err != nil {
		return e, err
	}
	if b.closed != len(b.epochs) || b.closed == 0 {
		return e, untrue("epochs", "%d of %d close within the record log", b.closed, len(b.epochs))
	}
	return b.epochs[b.closed-1], b.withdraw(uint64(len(b.withdrawals)))
}

// nodes writes the tree of the newest epoch. Leaves that no epoch includes yet
// are not in it.
func (b *rebuild) nodes(ctx context.Context) error {
	for h, layer := range b.tree[:journal.Depth] {
		for i := 0; i < len(layer); i += 4 {
			if i%(1<<16) == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			s := siblings{}
			s.n = copy(s.node[:], layer[i:])
			if err := b.set(nodeKey(h, uint64(i/4)), s.encode()); err != nil {
				return err
			}
		}
	}
	return nil
}

// markRevoked notes in the leaf index which leaves an entry of the log revokes.
func (b *rebuild) markRevoked(ctx context.Context, db *pebble.DB) error {
	batch := db.NewBatch()
	defer func() { batch.Close() }()
	for index := range b.next {
		if !b.revoked.has(index) {
			continue
		}
		raw, err := get(db, numberKey(keyLeaf, index))
		if err != nil {
			return err
		}
		p, err := decodePlace(raw)
		if err != nil {
			return err
		}
		p.revoked = true
		if err := batch.Set(numberKey(keyLeaf, index), p.encode(), nil); err != nil {
			return err
		}
		if batch.Len() < 1<<20 {
			continue
		}
		if err := firstError(ctx.Err, func() error { return batch.Commit(pebble.NoSync) }, batch.Close); err != nil {
			return err
		}
		batch = db.NewBatch()
	}
	return batch.Commit(pebble.NoSync)
}
