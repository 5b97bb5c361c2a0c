package client

import (
	"context"
	"errors"
	"io"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// News is one message of a verifier about withdrawals.
type News struct {
	// Position is where to go on: everything before it was looked at.
	Position uint64
	// Withdrawn are answers that were relied on and must not be any more. There
	// may be none, and an answer may come more than once.
	Withdrawn []verifier.Standing
	// HeadTime is the time of the newest verified block. Where it stands still
	// the verifier does not see the ledger, and hears of no withdrawal.
	HeadTime consent.Time
}

// Withdrawals calls deal with every piece of news from a position of the
// ledger's withdrawals on, until ctx ends or deal returns an error, which it
// then returns. A stream that breaks off is taken up again after what deal dealt
// with last, so that nothing is left out; what deal had not finished comes again.
// When nothing has come for as long as the Config's Patience, and in as many
// attempts as it allows, Withdrawals gives up with an *Error.
func (v *Verifier) Withdrawals(ctx context.Context, from uint64, deal func(News) error) error {
	var own error
	failures, since := 0, time.Now()
	for {
		first := v.conn.first()
		l := &v.conn.lines[first]
		err := v.watch(ctx, l, from, func(n News) error {
			if own = deal(n); own == nil {
				from, failures, since = n.Position, 0, time.Now()
			}
			return own
		})
		if own != nil {
			return own
		}
		if errors.Is(err, ErrAnswer) {
			return err
		}
		e := failed(ctx, zkconsentv1.VerifierService_WatchWithdrawals_FullMethodName, l.address.text, err)
		failures++
		e.Attempts = failures
		ended := e.Code == codes.OK // an orderly end, as of a service that is being stopped
		if e.ended != nil || !ended && !e.passing() {
			return e
		}
		if ended {
			e.Code, e.Message = codes.Unavailable, "the service ended the stream"
		}
		v.conn.left(first)
		wait := max(e.RetryAfter, v.conn.backoff(failures))
		if failures >= v.conn.c.Attempts*len(v.conn.lines) || time.Since(since)+wait > v.conn.c.Patience {
			return e
		}
		if !sleep(ctx, wait) {
			e.ended = ctx.Err()
			return e
		}
	}
}

// watch reads one stream to its end, which is nil when it is an orderly one.
func (v *Verifier) watch(ctx context.Context, l *line, from uint64, deal func(News) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := zkconsentv1.NewVerifierServiceClient(l.conn).WatchWithdrawals(ctx, &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{From: from})
	if err != nil {
		return err
	}
	for {
		m, err := next(ctx, cancel, stream, v.conn.c.Patience)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := newsOf(m, from)
		if err != nil {
			return wrong("VerifierService.WatchWithdrawals", "%v", err)
		}
		if err := deal(n); err != nil {
			return err
		}
		from = n.Position
	}
}

// next receives one message, or gives up after a while: a stream on which
// nothing comes may be one that a machine between has forgotten.
func next[T any](ctx context.Context, cancel func(), stream grpc.ServerStreamingClient[T], patience time.Duration) (*T, error) {
	silent := time.AfterFunc(patience, cancel)
	m, err := stream.Recv()
	if !silent.Stop() && err != nil && status.Code(err) == codes.Canceled {
		return nil, status.Errorf(codes.Unavailable, "nothing came for %s", patience)
	}
	return m, err
}

// newsOf reads a message that must not lead back behind where the reader was.
func newsOf(m *zkconsentv1.VerifierServiceWatchWithdrawalsResponse, from uint64) (n News, err error) {
	n.Position = m.Position
	if m.Position < from {
		return n, errors.New("it leads back")
	}
	if err := moment(&n.HeadTime, m.HeadTime); err != nil {
		return n, err
	}
	for _, w := range m.Withdrawn {
		s := verifier.Standing{Withdrawn: true, Rule: consent.Rule(w.GetRule())}
		var nullifier [field.Size]byte
		if err := errors.Join(digits(s.RequestID[:], w.GetRequest()), digits(s.Digest[:], w.GetDigest()), digits(nullifier[:], w.GetNullifier()),
			ruleIn(s.Rule), moment(&s.Until, w.GetUntil()), moment(&s.Since, w.GetSince())); err != nil {
			return n, err
		}
		if s.Nullifier, err = field.Parse(nullifier[:]); err != nil {
			return n, err
		}
		n.Withdrawn = append(n.Withdrawn, s)
	}
	return n, nil
}
