package light

import (
	"fmt"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// layers is what a client of a large ledger keeps in place of the whole tree:
// the logs on disk, the roots of all buckets, and some buckets.
type layers struct {
	anchor      []byte // the anchor message that it started from; none for the first entry
	records     *shelf
	withdrawals *shelf
	span        span
	crown       *crown             // of the newest epoch; nil until it is read
	held        map[uint64]*bucket // as they stand in the newest epoch
	set         bucketSet
}

// A span is the run of leaves that the entries since the anchor committed: all
// of those are known, without a bucket.
type span struct {
	first, next uint64
	known       bool // false while no commit has shown where the run begins
}

// take reads the next entry of the record log.
func (s *span) take(r *journal.Record) error {
	switch {
	case r.Revoked && s.known && r.Index >= s.next:
		return lie(ForgedEntry, "leaf %d revoked before it was committed", r.Index)
	case r.Revoked:
	case !s.known:
		s.first, s.next, s.known = r.Index, r.Index+1, true
	case r.Index != s.next:
		return lie(ForgedEntry, "leaf %d committed where index %d is next", r.Index, s.next)
	default:
		s.next++
	}
	if r.Index >= merkle.Capacity(journal.Depth) {
		return lie(ForgedEntry, "leaf %d is beyond the tree", r.Index)
	}
	return nil
}

// covers tells whether the log since the anchor has every leaf of a bucket.
func (s *span) covers(bucket uint64) bool {
	return s.known && bucket*journal.BucketSize >= s.first
}

// bare is how many of the first buckets the log since the anchor does not have
// whole, of all that there are.
func (s *span) bare(all uint64) uint64 {
	if !s.known {
		return all
	}
	return min(all, (s.first+journal.BucketSize-1)/journal.BucketSize)
}

// A NotReadError reports a leaf whose bucket has not been read yet. Reading it
// now would tell the node that its holder needs it now.
type NotReadError struct {
	Index uint64
	// At is when the next [Client.Tend] reads it; zero when nobody has told
	// the client to hold it (see [Client.Hold]).
	At time.Time
}

func (e *NotReadError) Error() string {
	if e.At.IsZero() {
		return fmt.Sprintf("light: the bucket of leaf %d is not held", e.Index)
	}
	return fmt.Sprintf("light: the bucket of leaf %d is not read yet; the next reading after %s brings it", e.Index, e.At.UTC().Format(time.RFC3339))
}

func (l *layers) path(index uint64) (merkle.Path, error) {
	n := index / journal.BucketSize
	if n >= l.crown.buckets() {
		return merkle.Path{}, fmt.Errorf("%w: %d", ErrNoLeaf, index)
	}
	b := l.held[n]
	if b == nil {
		e := &NotReadError{Index: index}
		if l.set.next != 0 && l.set.has(n) {
			e.At = time.Unix(int64(l.set.next), 0)
		}
		return merkle.Path{}, e
	}
	if b.leaves[index%journal.BucketSize].IsZero() {
		return merkle.Path{}, fmt.Errorf("%w: %d", ErrNoLeaf, index)
	}
	return b.path(l.crown, index)
}

func readShelf[T any](s *shelf, from, to uint64, decode func([]byte) (T, error)) (out []T, err error) {
	if from > to {
		return nil, ErrNotKept
	}
	err = s.read(from, to, func(_ uint64, entry []byte) error {
		e, err := decode(entry)
		out = append(out, e)
		return err
	})
	return out, err
}

// newest is the last of some epochs.
func newest(epochs []directory.Epoch) directory.Epoch { return epochs[len(epochs)-1] }
