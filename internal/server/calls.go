package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// calls is what every call goes through, whichever way it came: the gate, the
// log, and a net below the services.
type calls struct {
	gate  *gate
	log   *slog.Logger
	known map[string]bool // the methods that are served
}

func (c *calls) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	defer c.note(ctx, info.FullMethod, time.Now(), &err)
	if !strings.HasPrefix(info.FullMethod, healthService) {
		if !c.gate.enter() {
			return nil, stopping()
		}
		defer c.gate.leave()
	}
	defer c.catch(ctx, info.FullMethod, &err)
	return handler(ctx, request)
}

func (c *calls) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	ctx := stream.Context()
	defer c.note(ctx, info.FullMethod, time.Now(), &err)
	if feed(info.FullMethod) {
		// It ends by itself only with its caller. It is not waited for.
		var end context.CancelCauseFunc
		ctx, end = context.WithCancelCause(ctx)
		defer end(nil)
		ended := make(chan struct{})
		defer close(ended)
		go func() {
			select {
			case <-c.gate.closed:
				end(errStopping)
			case <-ended:
			}
		}()
		stream = &within{stream, ctx}
	} else {
		if !c.gate.enter() {
			return stopping()
		}
		defer c.gate.leave()
	}
	defer c.catch(ctx, info.FullMethod, &err)
	err = handler(service, stream)
	if errors.Is(context.Cause(ctx), errStopping) {
		err = stopping()
	}
	return err
}

var errStopping = errors.New("server: stopping")

// feed tells whether a stream goes on until its caller ends it: such methods
// are named Watch….
func feed(method string) bool { return strings.HasPrefix(path.Base(method), "Watch") }

// notServed answers calls that no service of this process has. The guard has
// let them pass.
func notServed(any, grpc.ServerStream) error {
	return refusal.New(codes.Unimplemented, refusal.NotServed, "this process does not serve that; another role of the same program may")
}

// note completes the error of a call and logs the call: never what was asked,
// nor by whom.
func (c *calls) note(ctx context.Context, method string, began time.Time, err *error) {
	if *err != nil && !stated(*err) {
		// A service answers with a status. What else comes out of it may quote a
		// store, a file or a witness.
		c.log.LogAttrs(ctx, slog.LevelError, "a call ended with an error that is not for its caller", slog.String("method", c.name(method)), slog.String("kind", fmt.Sprintf("%T", *err)))
	}
	*err = complete(*err)
	level := slog.LevelInfo
	if strings.HasPrefix(method, healthService) || refusal.Of(*err) == refusal.TooMany {
		level = slog.LevelDebug // or who calls without end writes the log without end
	}
	c.log.LogAttrs(ctx, level, "call", slog.String("method", c.name(method)), slog.String("code", status.Code(*err).String()), slog.Duration("took", time.Since(began)))
}

// name is a method's name for the log, where it is one of ours.
func (c *calls) name(method string) string {
	if c.known[method] {
		return method
	}
	return "unknown"
}

// catch makes an answer of a panic. What was panicked with may hold anything:
// only what Go itself says is logged, and where it was.
func (c *calls) catch(ctx context.Context, method string, err *error) {
	v := recover()
	if v == nil {
		return
	}
	*err = broken()
	c.log.LogAttrs(ctx, slog.LevelError, "a call broke", slog.String("method", c.name(method)), slog.String("panic", said(v)), slog.String("at", where()))
}

func said(v any) string {
	if e, ok := v.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", v)
}

// where lists the functions below a panic, without their arguments.
func where() string {
	const depth, skip = 24, 4
	frames := runtime.CallersFrames(pcs(depth, skip))
	var b strings.Builder
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s:%d ", f.Function, f.Line)
		if !more {
			return strings.TrimSpace(b.String())
		}
	}
}

func pcs(depth, skip int) []uintptr {
	p := make([]uintptr, depth)
	return p[:runtime.Callers(skip+1, p)]
}
