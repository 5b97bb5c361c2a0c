package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

type callKey struct{}

// A call is what is known of a call from its begin to its end.
type call struct {
	method string // as the label has it
	trace  string
	begin  time.Time
}

// TraceID names the call of a context in the log and in traces; it is this
// process's own, and empty outside of a call.
func TraceID(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.trace
	}
	return ""
}

// calls counts and times calls. It is a stats handler, and no interceptor, so
// that it sees what is refused before any interceptor runs.
type calls struct{ m *Metrics }

// TagRPC implements [stats.Handler].
func (h *calls) TagRPC(ctx context.Context, i *stats.RPCTagInfo) context.Context {
	c := &call{method: h.m.methods.of(i.FullMethodName), begin: time.Now()}
	if s := trace.SpanContextFromContext(ctx); s.IsValid() {
		c.trace = s.TraceID().String()
	} else {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		c.trace = hex.EncodeToString(id[:])
	}
	return context.WithValue(ctx, callKey{}, c)
}

// HandleRPC implements [stats.Handler].
func (h *calls) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	switch s := s.(type) {
	case *stats.Begin:
		h.m.inFlight.WithLabelValues(c.method).Inc()
	case *stats.End:
		h.m.inFlight.WithLabelValues(c.method).Dec()
		h.m.calls.WithLabelValues(c.method, status.Code(s.Error).String()).Inc()
		h.m.callSeconds.WithLabelValues(c.method).Observe(s.EndTime.Sub(s.BeginTime).Seconds())
	}
}

// TagConn implements [stats.Handler].
func (h *calls) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements [stats.Handler].
func (h *calls) HandleConn(_ context.Context, s stats.ConnStats) {
	switch s.(type) {
	case *stats.ConnBegin:
		h.m.connections.Inc()
	case *stats.ConnEnd:
		h.m.connections.Dec()
	}
}
