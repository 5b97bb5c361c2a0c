package server

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// gRPC hands a call on when its message is complete, and waits for that without
// a bound. A caller who sends one byte now and then would hold its stream and
// what it sent for ever.
const (
	slowAfter      = 2 * time.Second  // a message that takes longer is slow
	receiveTimeout = 15 * time.Second // and is not waited for longer than this
	maxSlow        = 128              // slow messages are waited for at once, each MaxMessage at most
)

// A caller who takes back more of its calls on one connection than these is cut
// off. To open calls and take them back at once costs it nothing, and us the
// work.
const (
	resetsPerSecond = 50
	resetsAtOnce    = 500
)

var errSlow = errors.New("server: the message does not come")

// receivers watches over the messages that are on their way, and counts the
// calls of each connection. It is the tap and the stats handler of the server
// for outsiders.
type receivers struct {
	listener *limited
	slow     chan struct{} // a place for each slow message
	after    time.Duration
	timeout  time.Duration
}

func newReceivers(l *limited) *receivers {
	return &receivers{l, make(chan struct{}, maxSlow), slowAfter, receiveTimeout}
}

// A reception is one message on its way.
type reception struct {
	by  *receivers
	cut context.CancelCauseFunc // ends its call

	mu    sync.Mutex
	over  bool
	slow  bool // has a place
	timer *time.Timer
}

type (
	receptionKey struct{}
	placeKey     struct{}
)

// tap sees a call before its message. It refuses names of methods that are
// none: what is routed and what the guard looks up must be one.
func (r *receivers) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	if m := info.FullMethodName; !strings.HasPrefix(m, "/") || strings.Count(m, "/") != 2 {
		return ctx, refusal.New(codes.PermissionDenied, refusal.NotAllowed, "the caller's roles do not include this call; its operator gives roles")
	}
	x := &reception{by: r}
	ctx, x.cut = context.WithCancelCause(ctx)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.timer = time.AfterFunc(r.after, x.late)
	return context.WithValue(ctx, receptionKey{}, x), nil
}

// late gives a message that takes long a place, if there is one, for a while.
func (x *reception) late() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	select {
	case x.by.slow <- struct{}{}:
		x.slow = true
		x.timer = time.AfterFunc(x.by.timeout-x.by.after, func() { x.cut(errSlow) })
	default:
		x.cut(errSlow)
	}
}

// end is called when the message is complete, and when its call is over.
func (x *reception) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	x.over = true
	x.timer.Stop()
	if x.slow {
		<-x.by.slow
	}
}

// TagConn finds the place of a connection.
func (r *receivers) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, placeKey{}, r.listener.of(info.RemoteAddr))
}

// HandleConn is nothing to it.
func (r *receivers) HandleConn(context.Context, stats.ConnStats) {}

// TagRPC adds nothing.
func (r *receivers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC follows a call.
func (r *receivers) HandleRPC(ctx context.Context, s stats.RPCStats) {
	x, _ := ctx.Value(receptionKey{}).(*reception)
	p, _ := ctx.Value(placeKey{}).(*placed)
	switch s := s.(type) {
	case *stats.Begin:
		if p != nil {
			p.enter()
		}
	case *stats.InPayload:
		if x != nil {
			x.end()
		}
	case *stats.End:
		if x != nil {
			x.end()
		}
		if p != nil {
			p.leave()
			if status.Code(s.Error) == codes.Canceled && !p.resets.Allow() {
				_ = p.Close()
			}
		}
	}
}
