package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// ErrReplaced reports a bucket whose root is not, or no longer, the one asked
// for: its leaves have changed, and the changes of the epochs since say how.
var ErrReplaced = errors.New("registry: the bucket has another root now")

// reading calls read with a view of the store in which no block is half done,
// and which Close waits for. A block that is being committed may be newer than
// the frame, so what is read says which epoch it belongs to.
func (s *State) reading(read func(r *pebble.Snapshot, f *frame) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.current()
	if err != nil {
		return err
	}
	snap := s.db.NewSnapshot()
	defer snap.Close()
	return read(snap, f)
}

// Layer returns the roots of the buckets from number from on, 32 bytes each and
// at most max of them (and at most [MaxRange]), in the newest epoch, whose
// number it tells. There are as many as hold a leaf; beyond them is ErrRange.
func (s *State) Layer(ctx context.Context, from uint64, max int) (epoch uint64, roots []byte, err error) {
	err = s.reading(func(r *pebble.Snapshot, _ *frame) error {
		e, err := newestEpoch(r)
		if err != nil {
			return err
		}
		epoch = e.Number
		count, err := buckets(r)
		if err != nil {
			return err
		}
		if from > count || max < 0 {
			return fmt.Errorf("%w: %d buckets from %d, there are %d", ErrRange, max, from, count)
		}
		end := min(count, from+uint64(min(max, MaxRange)))
		roots, err = readNodes(ctx, r, journal.BucketHeight, from, end)
		if err == nil && uint64(len(roots)) != (end-from)*field.Size {
			err = damaged("tree nodes", "buckets %d to %d are not all there", from, end)
		}
		return err
	})
	return epoch, roots, err
}

// Changes returns the buckets that an epoch's close wrote leaves into,
// ascending, each with its root from then on: 4 bytes and 32. It is ErrRange
// for an epoch that has not closed.
func (s *State) Changes(ctx context.Context, epoch uint64) (out []byte, err error) {
	err = s.reading(func(r *pebble.Snapshot, f *frame) error {
		if epoch > f.state.Epoch {
			return fmt.Errorf("%w: epoch %d has not closed, the newest is %d", ErrRange, epoch, f.state.Epoch)
		}
		it, err := r.NewIter(&pebble.IterOptions{LowerBound: numberKey(keyBucket, epoch), UpperBound: numberKey(keyBucket, epoch+1)})
		if err != nil {
			return err
		}
		defer it.Close()
		for it.First(); it.Valid(); it.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			out = append(append(out, it.Key()[1+8:]...), it.Value()...)
		}
		if err := it.Error(); err != nil {
			return err
		}
		if _, err := journal.DecodeChanges(out); err != nil {
			return damaged("changed buckets", "epoch %d: %v", epoch, err)
		}
		return nil
	})
	return out, err
}

// Bucket returns the leaves of one bucket, 32 bytes each, while its root in the
// newest epoch is root, and ErrReplaced after that: a name has one answer, for
// ever. A bucket that no leaf has reached is ErrRange.
func (s *State) Bucket(ctx context.Context, number uint64, root [field.Size]byte) (leaves []byte, err error) {
	err = s.reading(func(r *pebble.Snapshot, _ *frame) error {
		if number >= journal.Buckets {
			return fmt.Errorf("%w: bucket %d", ErrRange, number)
		}
		now, err := readNodes(ctx, r, journal.BucketHeight, number, number+1)
		switch {
		case err != nil:
			return err
		case len(now) == 0:
			return fmt.Errorf("%w: bucket %d", ErrRange, number)
		case string(now) != string(root[:]):
			return ErrReplaced
		}
		first := number * journal.BucketSize
		if leaves, err = readNodes(ctx, r, 0, first, first+journal.BucketSize); err != nil {
			return err
		}
		leaves = append(leaves, make([]byte, journal.BucketSize*field.Size-len(leaves))...)
		return nil
	})
	return leaves, err
}

// Anchor returns the anchor message of a closed epoch, from which a client
// reads on without the entries before it: see [journal.DecodeAnchor]. It is
// ErrRange for an epoch that has not closed.
func (s *State) Anchor(ctx context.Context, epoch uint64) (anchor []byte, err error) {
	err = s.reading(func(r *pebble.Snapshot, f *frame) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if epoch > f.state.Epoch {
			return fmt.Errorf("%w: epoch %d has not closed, the newest is %d", ErrRange, epoch, f.state.Epoch)
		}
		if anchor, err = get(r, numberKey(keyAnchor, epoch)); errors.Is(err, pebble.ErrNotFound) {
			return damaged("anchors", "that of epoch %d is missing", epoch)
		}
		return err
	})
	return anchor, err
}

// newestEpoch is the epoch of the tree that a reader sees.
func newestEpoch(r pebble.Reader) (e directory.Epoch, err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: []byte{keyEpoch}, UpperBound: []byte{keyEpoch + 1}})
	if err != nil {
		return e, err
	}
	defer it.Close()
	if !it.Last() {
		return e, errors.Join(it.Error(), damaged("epoch log", "empty"))
	}
	if e, err = directory.DecodeEpoch(it.Value()); err != nil {
		return e, damaged("epoch log", "%v", err)
	}
	return e, nil
}

// buckets is how many the tree has: the close of an epoch writes every node
// above its leaves, and leaves come without gaps.
func buckets(r pebble.Reader) (uint64, error) {
	groups, last, err := lastGroup(r, journal.BucketHeight)
	if groups == 0 || err != nil {
		return 0, err
	}
	return 4*(groups-1) + uint64(last.n), nil
}

// readNodes returns the nodes [from, end) of one layer, as many as are stored,
// which must be the first ones.
func readNodes(ctx context.Context, r pebble.Reader, height int, from, end uint64) ([]byte, error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: nodeKey(height, from/4), UpperBound: nodeKey(height, (end+3)/4)})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	out := make([]byte, 0, (end-from+8)*field.Size)
	next := from / 4
	for it.First(); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := uint64(len(it.Value()) / field.Size)
		if g, ok := groupIndex(it.Key()); !ok || g != next || n == 0 || n > 4 || len(out)%(4*field.Size) != 0 {
			return nil, damaged("tree nodes", "group %d of layer %d is missing or not one", next, height)
		}
		out = append(out, it.Value()...)
		next++
	}
	skip := min(int(from%4)*field.Size, len(out))
	return out[skip:min(len(out), skip+int(end-from)*field.Size)], it.Error()
}
