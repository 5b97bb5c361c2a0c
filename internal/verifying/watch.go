package verifying

import (
	"context"
	"encoding/hex"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc"
)

const (
	// maxWithdrawn is how many answers one message carries.
	maxWithdrawn = 256
	// maxSent bounds the answers that a stream remembers to have sent. Beyond it
	// some are sent twice, as they may be.
	maxSent = 1 << 14
)

// A feed is one stream of withdrawn answers. While its consumer is slow it
// waits, with a message and a page of answers in its hands.
type feed struct {
	s      *Service
	ctx    context.Context
	stream grpc.ServerStreamingServer[zkconsentv1.VerifierServiceWatchWithdrawalsResponse]

	from uint64              // where the next walk begins
	seen verifier.Mark       // of the last walk
	sent map[answer]struct{} // what went out since from
	next []*zkconsentv1.WithdrawnAnswer
}

// An answer is one of a request's answers: with an idempotency key a request
// that was purged is made again under its id, and so has another one.
type answer struct {
	request [16]byte
	digest  [32]byte
}

// first tells whether an answer was not sent yet, and remembers it.
func (f *feed) first(a *verifier.Standing) bool {
	id := answer{a.RequestID, a.Digest}
	if _, out := f.sent[id]; out {
		return false
	}
	if len(f.sent) < maxSent {
		f.sent[id] = struct{}{}
	}
	return true
}

// WatchWithdrawals sends the standing answers that withdrawals from a position
// on meet, each soon after a verified head shows its withdrawal, and a message
// without any at least once in a heartbeat: the first of them when it has sent
// all that are known, by which a caller knows that it has them. Its position stays behind for as
// long as an answer may be accepted under an older head (docs/spec.md §12). It
// ends with a refusal when the ledger or the store cannot be asked: a silent
// stream would read as good news.
func (s *Service) WatchWithdrawals(r *zkconsentv1.VerifierServiceWatchWithdrawalsRequest, stream grpc.ServerStreamingServer[zkconsentv1.VerifierServiceWatchWithdrawalsResponse]) error {
	user := identity.From(stream.Context()).Name
	if !s.streams.take(user) {
		return busy("streams of withdrawals")
	}
	defer s.streams.release(user)
	s.c.Log.InfoContext(stream.Context(), "withdrawals are watched", "by", user, "from", r.From)
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(s.over, cancel)()
	f := &feed{s: s, ctx: ctx, stream: stream, from: r.From, sent: map[answer]struct{}{}}
	if err := f.run(); err != nil {
		if s.over.Err() != nil {
			return stopping()
		}
		return err
	}
	return nil
}

func (f *feed) run() error {
	look := time.NewTicker(f.s.c.Look)
	defer look.Stop()
	var walked, told time.Time
	for {
		mark, err := f.s.c.Verifier.Mark(f.ctx, f.from)
		if err != nil {
			return f.s.refuse(f.stream.Context(), err)
		}
		f.seen.Head = mark.Head
		switch {
		case walked.IsZero(), mark.Count > f.seen.Count, mark.Count > f.from && time.Since(walked) >= f.s.c.Sweep:
			sent, err := f.walk()
			if err != nil {
				return err
			}
			walked = time.Now()
			if sent && !told.IsZero() {
				told = walked
			}
		}
		if time.Since(told) >= f.s.c.Heartbeat {
			if err := f.send(); err != nil {
				return err
			}
			told = time.Now()
		}
		select {
		case <-look.C:
		case <-f.ctx.Done():
			return f.s.refuse(f.stream.Context(), f.ctx.Err())
		}
	}
}

// walk sends what is new among the answers, and then the position that was
// reached, if it is another one.
func (f *feed) walk() (sent bool, err error) {
	var broken error // of the stream: its own words are the transport's
	mark, err := f.s.c.Verifier.Withdrawn(f.ctx, f.from, func(a verifier.Standing) error {
		if !f.first(&a) {
			return nil
		}
		f.next = append(f.next, &zkconsentv1.WithdrawnAnswer{
			Request: hex.EncodeToString(a.RequestID[:]), Digest: hex.EncodeToString(a.Digest[:]), Nullifier: field.Hex(a.Nullifier),
			Rule: string(a.Rule), Until: int64(a.Until), Since: int64(a.Since),
		})
		if len(f.next) < maxWithdrawn {
			return nil
		}
		sent = true
		broken = f.send()
		return broken
	})
	if broken != nil {
		return sent, broken
	}
	if err != nil {
		return sent, f.s.refuse(f.stream.Context(), err)
	}
	moved := mark.Next != f.from
	if mark.Next == mark.Count {
		clear(f.sent) // no answer that was sent is met by what follows
	}
	f.from, f.seen = mark.Next, mark
	if !moved && len(f.next) == 0 {
		return sent, nil
	}
	return true, f.send()
}

// send sends the answers at hand with the position to go on from.
func (f *feed) send() error {
	m := &zkconsentv1.VerifierServiceWatchWithdrawalsResponse{Position: f.from, Withdrawn: f.next, HeadTime: int64(f.seen.Head)}
	f.next = nil
	return f.stream.Send(m)
}
