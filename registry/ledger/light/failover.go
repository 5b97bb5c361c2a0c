package light

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zkconsent/zkconsent/registry/journal"
)

// A Failover is several nodes of one ledger in the place of one. What a client
// takes in one synchronisation comes from one of them: answers of two nodes
// that stand at different heights would look like lies. When that one lies, it
// is not asked again in this session; when it is silent, or stale by the clock
// or by what another one shows, the next one has its turn. After each synchronisation the client holds its head against
// the newest headers of the others.
//
// Two headers of one height that the same validators signed leave nobody to
// believe: the client refuses everything from then on, and keeps both.
type Failover struct {
	sources []Source

	mu   sync.Mutex
	at   int
	lied []*LieError // by source; nil for one that did not
	last error       // why the last source was left
}

// ErrNobodyLeft reports a [Failover] all of whose nodes lied.
var ErrNobodyLeft = errors.New("light: every node that was named has lied in this session")

// NewFailover puts sources together, the preferred one first. Sources without
// a method Name() string cannot be told apart in reports.
func NewFailover(sources ...Source) (*Failover, error) {
	if len(sources) == 0 {
		return nil, errors.New("light: a Failover needs a source")
	}
	for _, s := range sources {
		if _, ok := s.(*Failover); ok || s == nil {
			return nil, errors.New("light: a source of a Failover is one node")
		}
	}
	return &Failover{sources: sources, lied: make([]*LieError, len(sources))}, nil
}

// Lied returns the lies for which sources are not asked any more.
func (f *Failover) Lied() (out []*LieError) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.lied {
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}

func (f *Failover) current() Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sources[f.at]
}

// others are the sources that may be asked besides one.
func (f *Failover) others(than Source) (out []Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, s := range f.sources {
		if s != than && f.lied[i] == nil {
			out = append(out, s)
		}
	}
	return out
}

// next leaves a source because of an error and tells whether another one may
// be asked. What is no source's fault leaves it in its place.
func (f *Failover) next(source Source, err error) bool {
	var silent *silence
	var lied *LieError
	if !errors.As(err, &silent) && !errors.As(err, &lied) {
		return false
	}
	f.retire(source, lied)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = err
	for i := range f.sources {
		if at := (f.at + 1 + i) % len(f.sources); f.lied[at] == nil {
			f.at = at
			return true
		}
	}
	return false
}

// retire remembers a lie that no honest node tells. A node may be stale, or
// behind the one that was asked before, and be well again later; and a client
// whose clock is wrong thinks it of all of them.
func (f *Failover) retire(source Source, e *LieError) {
	if e == nil || e.Lie == StaleHead || e.Lie == FutureHead || e.Lie == Backwards {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, s := range f.sources {
		if s == source && f.lied[i] == nil {
			f.lied[i] = e
		}
	}
}

// exhausted is ErrNobodyLeft when every source has lied.
func (f *Failover) exhausted() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.lied {
		if e == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", ErrNobodyLeft, f.last)
}

// failure is why no source was good: what the last one did, and the lies of
// those that are not asked any more.
func (f *Failover) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.last
	for _, e := range f.lied {
		if e != nil && !errors.Is(err, e) {
			err = fmt.Errorf("%w; %w", err, e)
		}
	}
	return err
}

// Name is the name of the node whose turn it is.
func (f *Failover) Name() string { return nameOf(f.current()) }

// Checkpoint asks the node whose turn it is, as do the other calls.
func (f *Failover) Checkpoint(ctx context.Context) ([]byte, error) {
	return f.current().Checkpoint(ctx)
}

// Directory returns the directory message.
func (f *Failover) Directory(ctx context.Context) ([]byte, error) { return f.current().Directory(ctx) }

// Log returns entries of a log.
func (f *Failover) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	return f.current().Log(ctx, k, from, max)
}

// Trail returns light blocks around changes of validators.
func (f *Failover) Trail(ctx context.Context, above uint64) ([][]byte, error) {
	return f.current().Trail(ctx, above)
}

// Layer returns roots of buckets.
func (f *Failover) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	return f.current().Layer(ctx, from, max)
}

// Changes returns the buckets that an epoch changed.
func (f *Failover) Changes(ctx context.Context, epoch uint64) ([]byte, error) {
	return f.current().Changes(ctx, epoch)
}

// Bucket returns the leaves of a bucket.
func (f *Failover) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	return f.current().Bucket(ctx, number, root)
}

// Anchor returns an epoch's anchor.
func (f *Failover) Anchor(ctx context.Context, epoch uint64) ([]byte, error) {
	return f.current().Anchor(ctx, epoch)
}

// Submit sends a transaction. It goes to one node: whether a silent one passed
// it on nobody knows, and the next synchronisation finds another node.
func (f *Failover) Submit(ctx context.Context, transaction []byte) ([]byte, error) {
	return f.current().Submit(ctx, transaction)
}
