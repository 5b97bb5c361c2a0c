package server

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/shares"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// gRPC hands a call on when its message is complete, and keeps an answer until
// its caller takes it, and waits for both without a bound. A caller who sends,
// or reads, a byte now and then would hold the message for ever.
const (
	slowAfter   = 2 * time.Second  // a message that takes longer is slow
	slowTimeout = 15 * time.Second // and is not waited for longer than this
	maxSlow     = 128              // slow messages are waited for at once
	slowEach    = maxSlow / 4      // of them from one neighbourhood
	largeAnswer = 16 << 10         // bytes; smaller ones are not watched

	slowestReader = 64 << 10 // bytes a second
)

// A caller who takes back more of its calls on one connection than these is cut
// off. To open calls and take them back at once costs it nothing, and us the
// work.
const (
	resetsPerSecond = 50
	resetsAtOnce    = 500
)

// receivers watches over the messages that are on their way, and counts the
// calls of each connection. It is the tap and the stats handler of the server
// for outsiders.
type receivers struct {
	listener *limited
	guard    *identity.Guard // nil refuses nobody
	slow     *shares.Places  // one for each slow message
}

func newReceivers(l *limited, g *identity.Guard) *receivers {
	return &receivers{l, g, shares.New(maxSlow, slowEach)}
}

// A passage is the time that one message takes.
type passage struct {
	slow *shares.Places
	from string // whose it is
	cut  func() // ends it

	arrived atomic.Bool // the message is complete

	mu    sync.Mutex
	over  bool
	place bool // it has one among the slow
	timer *time.Timer
}

// begin starts a passage, which end ends.
func (r *receivers) begin(from string, cut func()) *passage {
	x := &passage{slow: r.slow, from: from, cut: cut}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.timer = time.AfterFunc(slowAfter, x.late)
	return x
}

// late gives a message that takes long a place, if there is one, for a while.
func (x *passage) late() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	if x.slow.Take(x.from) {
		x.place = true
		x.timer = time.AfterFunc(slowTimeout-slowAfter, func() { x.cut(); x.end() })
		return
	}
	go x.cut()
}

// end may be called more than once, and of none.
func (x *passage) end() {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	x.over = true
	x.timer.Stop()
	if x.place {
		x.slow.Give(x.from)
	}
}

type (
	passageKey struct{}
	placeKey   struct{}
)

// tap sees a call before its message. It refuses names of methods that are
// none, since what is routed and what the guard looks up must be one, and what
// needs no look at the message to be refused.
func (r *receivers) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	if m := info.FullMethodName; !strings.HasPrefix(m, "/") || strings.Count(m, "/") != 2 {
		return ctx, refusal.New(codes.PermissionDenied, refusal.NotAllowed, "the caller's roles do not include this call; its operator gives roles")
	}
	if ctx.Err() != nil {
		// Its time is over before it begins: gRPC answers it by itself, and tells
		// nobody of its end.
		return ctx, nil
	}
	if r.guard != nil {
		if err := r.guard.Stranger(ctx, info.FullMethodName); err != nil {
			return ctx, err
		}
	}
	ctx, cut := context.WithCancel(ctx)
	from := ""
	if p, ok := ctx.Value(placeKey{}).(*placed); ok && p != nil {
		from = p.from
	}
	return context.WithValue(ctx, passageKey{}, r.begin(from, cut)), nil
}

// uncompressed takes no compressed message: a kilobyte of one may be a message
// of a thousand, and is unpacked before it is known who calls. Of the forms of
// compression, a library that sends traces brings gzip along.
type uncompressed struct{}

// Type is the form that it refuses.
func (uncompressed) Type() string { return gzip.Name }

// Do refuses.
func (uncompressed) Do(io.Reader) ([]byte, error) {
	return nil, errors.New("compressed messages are not taken; send them as they are")
}

// TagConn finds the place of a connection.
func (r *receivers) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, placeKey{}, r.listener.of(info.RemoteAddr, info.LocalAddr))
}

// HandleConn is nothing to it.
func (r *receivers) HandleConn(context.Context, stats.ConnStats) {}

// TagRPC adds nothing.
func (r *receivers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC follows a call.
func (r *receivers) HandleRPC(ctx context.Context, s stats.RPCStats) {
	x, _ := ctx.Value(passageKey{}).(*passage)
	p, _ := ctx.Value(placeKey{}).(*placed)
	switch s := s.(type) {
	case *stats.Begin:
		if p != nil {
			p.touch()
		}
	case *stats.InPayload:
		x.end()
		if p != nil && x != nil && !x.arrived.Swap(true) {
			p.enter()
		}
	case *stats.OutPayload:
		if p != nil {
			p.queue(s.WireLength)
		}
	case *stats.End:
		x.end()
		if p != nil {
			if x != nil && x.arrived.Load() {
				p.leave()
			}
			if status.Code(s.Error) == codes.Canceled && !p.resets.Allow() {
				_ = p.Close()
			}
		}
	}
}

// queue counts an answer that waits to be written. When as much has not gone
// out after a while, by which a telephone in a bad place has taken it, the
// connection is closed: what is queued would stay.
func (p *placed) queue(n int) {
	queued := p.queued.Add(int64(n))
	if n >= largeAnswer {
		ahead := max(queued-p.written.Load(), 0)
		time.AfterFunc(slowTimeout+time.Duration(ahead)*time.Second/slowestReader, func() {
			if p.written.Load() < queued {
				_ = p.Close()
			}
		})
	}
}

// Write counts what has gone out, with its frames.
func (p *placed) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	p.written.Add(int64(n))
	return n, err
}
