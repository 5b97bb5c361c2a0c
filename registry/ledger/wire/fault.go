package wire

import (
	"context"
	"errors"
	"time"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// askAgain is how long a caller waits before it asks a node again that could
// not answer: a block later it may.
const askAgain = 2 * time.Second

// fault is the one table from errors of a node to refusals. Errors of the store
// are not passed on: they name files of the node's machine.
func fault(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return refusal.New(codes.DeadlineExceeded, refusal.TooLate, "the node did not finish in time; a transaction may still be executed")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the call was cancelled")
	case errors.Is(err, light.ErrRange):
		return refusal.New(codes.OutOfRange, refusal.OutOfRange, "the ledger does not have this range")
	case errors.Is(err, light.ErrReplaced):
		return refusal.New(codes.Aborted, refusal.NoLongerThere, "the bucket has another root now; read the changes of the epochs since")
	case errors.Is(err, light.ErrBusy):
		return refusal.Later(codes.ResourceExhausted, refusal.Busy, askAgain, "the node holds as many transactions as it can; send again later")
	}
	return refusal.Later(codes.Unavailable, refusal.NoLedger, askAgain, "the node cannot answer; its operator finds the reason in its log")
}

// broken answers where a node said something that cannot be read.
func broken() error {
	return refusal.Later(codes.Unavailable, refusal.Broken, askAgain, "the node cannot answer; its operator finds the reason in its log")
}
