package verifying

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/policy"
	"google.golang.org/grpc/codes"
)

// How long a caller waits before it sends a call again.
const (
	afterBusy  = time.Second
	afterAway  = 2 * time.Second
	afterFull  = time.Minute
	afterStops = 5 * time.Second
)

// refuse is the one table from errors of the verifier to refusals. ctx is the
// call's: when that is over, nothing else matters. What callers are told does
// not depend on the words of an error; the operator's log has those.
func (s *Service) refuse(ctx context.Context, err error) error {
	var request *consent.RequestError
	var text *tlv.Error
	var doc *policy.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return refusal.New(codes.Canceled, refusal.TooLate, "the call was cancelled")
	case ctx.Err() != nil:
		return refusal.New(codes.DeadlineExceeded, refusal.TooLate, "the call's time was over before the answer was there; send it again with more")
	case s.over.Err() != nil:
		return stopping()
	case errors.Is(err, verifier.ErrNotFound):
		return refusal.New(codes.NotFound, refusal.Unknown, "there is none; it may have expired")
	case errors.Is(err, verifier.ErrReused):
		return refusal.New(codes.AlreadyExists, refusal.Reused, "this idempotency key was used for a request that asks something else; draw a new one")
	case errors.Is(err, verifier.ErrPosition):
		return refusal.New(codes.OutOfRange, refusal.OutOfRange, "the ledger's log of withdrawals does not reach this position; go on from the one that the stream gave last")
	case errors.As(err, &request) && request.Field == "context":
		return refusal.Field("context", "%s", request.Reason)
	case errors.As(err, &text) && text.Field == "context":
		return refusal.Field("context", "%s", text.Reason)
	case errors.As(err, &text) && text.Field == "return":
		return refusal.Field("return_address", "%s", text.Reason)
	case errors.As(err, &request), errors.As(err, &doc), errors.As(err, &text):
		s.trouble.note(ctx, "a policy makes no request that the ledger's rules of today accept", err)
		return refusal.New(codes.FailedPrecondition, refusal.NoLongerThere,
			"the policy asks for something that the ledger's directory no longer names; its operator has to renew it")
	case errors.Is(err, verifier.ErrStaleHead), errors.Is(err, verifier.ErrSource), errors.Is(err, verifier.ErrNoLedger):
		s.trouble.note(ctx, "undecided: the ledger cannot be seen", err)
		return refusal.Later(codes.Unavailable, refusal.NoLedger, afterAway, "nothing can be decided while the ledger cannot be seen; send the call again")
	case errors.Is(err, verifier.ErrStoreFull):
		s.trouble.note(ctx, "undecided: the store is full", err)
		return refusal.Later(codes.Unavailable, refusal.NoStore, afterFull, "nothing can be kept; the verifier's operator has to make room")
	case errors.Is(err, verifier.ErrStoreAway):
		s.trouble.note(ctx, "undecided: the store cannot be asked", err)
		return refusal.Later(codes.Unavailable, refusal.NoStore, afterAway, "nothing can be decided while the verifier's store cannot be asked; send the call again")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		s.trouble.note(ctx, "undecided: a decision took too long", err)
		return refusal.Later(codes.Unavailable, refusal.Busy, afterAway, "the decision took too long; send the call again")
	}
	s.trouble.note(ctx, "undecided", err)
	return refusal.New(codes.Internal, refusal.Broken, "the verifier has a fault; its operator finds it in the log")
}

func stopping() error {
	return refusal.Later(codes.Unavailable, refusal.Stopping, afterStops, "the verifier is being stopped; send the call again, to another one if there is one")
}

func busy(what string) error {
	return refusal.Later(codes.ResourceExhausted, refusal.Busy, afterBusy, "the verifier deals with as many %s as it can; send the call again", what)
}

// troubleEvery is how often one trouble is logged: with a ledger away, every
// call is in trouble.
const troubleEvery = 10 * time.Second

// trouble tells the operator why calls are refused, a few times and not once a
// call.
type trouble struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]*telling // by message, of which there are as many as in the source
}

type telling struct {
	at      time.Time
	between int
}

func (t *trouble) note(ctx context.Context, message string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told == nil {
		t.told = map[string]*telling{}
	}
	last := t.told[message]
	if last == nil {
		last = &telling{}
		t.told[message] = last
	}
	if !last.at.IsZero() && time.Since(last.at) < troubleEvery {
		last.between++
		return
	}
	t.log.WarnContext(ctx, message, "error", err, "others", last.between)
	*last = telling{at: time.Now()}
}
