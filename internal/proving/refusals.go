package proving

import (
	"context"
	"errors"
	"time"

	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/prover"
	"google.golang.org/grpc/codes"
)

// errPanic stands for a panic of the prover. What it panicked with may be a
// patient's.
var errPanic = errors.New("proving: the prover panicked")

// soonest is the least time after which a caller is asked to come again, and
// latest the greatest.
const (
	soonest = 100 * time.Millisecond
	latest  = 10 * time.Minute
)

// refused is the service's table: what each error becomes for the caller.
// Nothing of the error's own words goes out.
func refused(id consent.CircuitID, err error) error {
	var busy *busyError
	var shape *circuits.WitnessError
	switch {
	case errors.As(err, &busy) && busy.own:
		return refusal.Later(codes.ResourceExhausted, refusal.Busy, between(busy.after), "your own proofs take all places that one caller may have: wait for one of them, or call again later")
	case errors.As(err, &busy):
		return refusal.Later(codes.ResourceExhausted, refusal.Busy, between(busy.after), "no place is free in time: call again later")
	case errors.Is(err, errStopped):
		return refusal.New(codes.Unavailable, refusal.Stopping, "this service is being stopped: call another one, or again later")
	case errors.Is(err, ErrStarting):
		return refusal.Later(codes.Unavailable, refusal.Busy, 5*time.Second, "this service is still testing itself: call again later")
	case errors.Is(err, ErrSelfTest):
		return refusal.New(codes.Unavailable, refusal.Broken, "this service failed its own test: call another one, and tell its operator")
	case errors.Is(err, context.DeadlineExceeded):
		return refusal.New(codes.DeadlineExceeded, refusal.TooLate, "the call's time was over before the proof was made: call again with more time")
	case errors.Is(err, context.Canceled):
		return refusal.New(codes.Canceled, refusal.TooLate, "the call was cancelled")
	case errors.Is(err, prover.ErrNotSatisfied):
		return refusal.New(codes.FailedPrecondition, refusal.NotSatisfied, "the records do not prove the statement: compare the request with the records, and read the ledger again")
	case errors.As(err, &shape):
		return refusal.Field("witness", "not a witness of %s", id)
	}
	return refusal.New(codes.Internal, refusal.Broken, "the proof could not be made: tell the operator of this service")
}

// unread is what a message that could not be read becomes: the field at fault
// is named, and nothing of it quoted.
func unread(field string, err error) error {
	var at *tlv.Error
	if errors.As(err, &at) {
		return refusal.Field(field, "not the message of docs/spec.md §9.8: %s %s is not of its form", at.Message, at.Field)
	}
	return refusal.Field(field, "not the message of docs/spec.md §9.8")
}

func between(d time.Duration) time.Duration { return min(max(d, soonest), latest) }

// told is what of an error may stand in the operator's log: the words of those
// that carry no values, and of others nothing.
func told(err error) string {
	var keys *prover.KeyError
	switch {
	case errors.As(err, &keys):
		return keys.Error() // files and digests
	case errors.Is(err, prover.ErrSelfCheck):
		return prover.ErrSelfCheck.Error()
	case errors.Is(err, prover.ErrProving):
		return prover.ErrProving.Error()
	case errors.Is(err, prover.ErrNotSatisfied):
		return prover.ErrNotSatisfied.Error()
	case errors.Is(err, errPanic):
		return errPanic.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "out of time"
	}
	return "an error without a name; its words may carry values and are not written"
}
