package registry

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// MaxRange is the greatest number of log entries that one read returns.
const MaxRange = 4096

// A View is what a committed block left behind: immutable, and consistent in
// itself.
type View struct {
	Height    uint64
	Time      uint64 // unix seconds of the block
	State     directory.State
	Directory []byte // the directory message whose digest the state holds
}

// View returns the newest committed block's.
func (s *State) View() (View, error) {
	f, err := s.now()
	if err != nil {
		return View{}, err
	}
	return View{Height: f.height, Time: f.time, State: f.state, Directory: bytes.Clone(f.dirBytes)}, nil
}

// Genesis returns the genesis message.
func (s *State) Genesis() ([]byte, error) {
	f, err := s.now()
	if err != nil {
		return nil, err
	}
	return bytes.Clone(f.genesis), nil
}

// Log returns committed entries of a log from position from: at most max of
// them, and at most [MaxRange]. No call asks for an entry by what is in it, so
// that reading does not tell whose record one looks for (docs/spec.md §8).
func (s *State) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.current()
	if err != nil {
		return nil, err
	}
	if k < journal.Records || k > journal.Audits {
		return nil, fmt.Errorf("%w: %v", ErrRange, k)
	}
	count := k.Of(&f.state).Count
	if from > count || max < 0 {
		return nil, fmt.Errorf("%w: %d entries of %v from %d, it has %d", ErrRange, max, k, from, count)
	}
	end := min(count, from+uint64(min(max, MaxRange)))
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: logKey(k, from), UpperBound: logKey(k, end)})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	out := make([][]byte, 0, end-from)
	for it.First(); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out = append(out, bytes.Clone(it.Value()))
	}
	if err := it.Error(); err != nil {
		return nil, err
	}
	if uint64(len(out)) != end-from {
		return nil, damaged(k.String()+" log", "%d entries where %d belong", len(out), end-from)
	}
	return out, nil
}
