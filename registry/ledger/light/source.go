package light

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkconsent/zkconsent/registry/journal"
)

// Errors of a [Source], in the process or across the wire.
var (
	ErrRange = errors.New("light: the node's log does not have this range")
	// ErrReplaced reports a bucket that has another root by now.
	ErrReplaced = errors.New("light: the node's bucket has another root now")
	ErrBusy     = errors.New("light: the node holds as many transactions as it can; send again later")
	// ErrUnknownOutcome reports a transaction whose fate nobody waited for. It
	// may be executed until its expiry; sending the same bytes again is safe.
	ErrUnknownOutcome = errors.New("light: stopped waiting for a transaction that may still be executed")
)

// A Source is a ledger node, in this process or across the wire, and is
// believed in nothing. All that it hands over are bytes. One with a method
// Name() string is called by that name where a lie is reported.
type Source interface {
	Trailer
	// Checkpoint returns the newest checkpoint message.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Directory returns the directory message of the newest checkpoint's state.
	Directory(ctx context.Context) ([]byte, error)
	// Log returns at least one and at most max entries of a log from a
	// position, where there are any.
	Log(ctx context.Context, log journal.Kind, from uint64, max int) ([][]byte, error)
	// Submit sends a transaction and returns its result message when its
	// block is committed and on disk.
	Submit(ctx context.Context, transaction []byte) ([]byte, error)
	TreeSource
}

// A TreeSource shows the record tree by layers (docs/spec.md §8). No method
// takes a leaf or its index.
type TreeSource interface {
	// Layer returns the roots of buckets of the newest epoch from a number on,
	// 32 bytes each: at least one and at most max where there are any.
	Layer(ctx context.Context, from uint64, max int) ([]byte, error)
	// Changes returns the buckets that an epoch's close changed, each with its
	// root from then on, as journal.DecodeChanges reads them.
	Changes(ctx context.Context, epoch uint64) ([]byte, error)
	// Bucket returns the leaves of one bucket, 32 bytes each, while its root is
	// the one named, and ErrReplaced after that.
	Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error)
	// Anchor returns the anchor message of a closed epoch.
	Anchor(ctx context.Context, epoch uint64) ([]byte, error)
}

// A Trailer hands out the light blocks around changes of validators
// (docs/spec.md §6.7).
type Trailer interface {
	// Trail returns at most [MaxLinks] of them, of MaxLinksBytes together
	// where they are more than one, by ascending height: the first ones above
	// a height, none where there are none.
	Trail(ctx context.Context, above uint64) ([][]byte, error)
}

// Bounds of one answer of a [Trailer].
const (
	MaxLinks      = 64
	MaxLinksBytes = 1 << 20
)

// dripTime bounds the time that all answers take together that have less in
// them than was asked for. Nodes give whole pages; one that hands out an entry
// at a time, each as late as a call permits, would hold a client for weeks.
const dripTime = 2 * time.Minute

var errDrip = errors.New("light: the node hands out a little at a time, and slowly")

// A drip is the time that short answers have taken so far.
type drip time.Duration

func (d *drip) took(t time.Duration, got, asked int) error {
	if got < asked {
		*d += drip(t)
	}
	if time.Duration(*d) > dripTime {
		return errDrip
	}
	return nil
}

// nameOf is how a source is called where it is reported.
func nameOf(s Source) string {
	if n, ok := s.(interface{ Name() string }); ok {
		return n.Name()
	}
	return "the node"
}

// A silence is a source's failure to answer, which is no lie.
type silence struct {
	about string
	err   error
}

func (e *silence) Error() string { return fmt.Sprintf("light: asking for %s: %v", e.about, e.err) }

func (e *silence) Unwrap() error { return e.err }
