package light

import (
	"context"
	"errors"

	"github.com/zkconsent/zkconsent/registry/journal"
)

// Errors of a [Source], in the process or across the wire.
var (
	ErrRange = errors.New("light: the node's log does not have this range")
	ErrBusy  = errors.New("light: the node holds as many transactions as it can; send again later")
	// ErrUnknownOutcome reports a transaction whose fate nobody waited for. It
	// may be executed until its expiry; sending the same bytes again is safe.
	ErrUnknownOutcome = errors.New("light: stopped waiting for a transaction that may still be executed")
)

// A Source is a ledger node, in this process or across the wire, and is
// believed in nothing. All that it hands over are bytes.
type Source interface {
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
}
