package client_test

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// TestEveryCallHasARule: a method that is added is not repeated before somebody
// has thought about what that does.
func TestEveryCallHasARule(t *testing.T) {
	once := map[string]bool{"/zkconsent.v1.RegistryService/WatchWithdrawals": true}
	methods := 0
	for _, f := range []protoreflect.FileDescriptor{zkconsentv1.File_zkconsent_v1_registry_proto, zkconsentv1.File_zkconsent_v1_prover_proto, zkconsentv1.File_zkconsent_v1_verifier_proto} {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				methods++
				name := "/" + string(s.FullName()) + "/" + string(s.Methods().Get(j).Name())
				if want := !once[name] && !strings.HasSuffix(name, "/CreateRequest"); client.Repeatable(name, nil) != want {
					t.Errorf("%s is repeated: %v", name, !want)
				}
			}
		}
	}
	if methods < 20 {
		t.Errorf("%d methods", methods)
	}
	const create = zkconsentv1.VerifierService_CreateRequest_FullMethodName
	if client.Repeatable(create, &zkconsentv1.CreateRequestRequest{}) || !client.Repeatable(create, &zkconsentv1.CreateRequestRequest{IdempotencyKey: "0123456789abcdef"}) {
		t.Error("a creation is repeated if and only if it has a key")
	}
	if client.Repeatable("/zkconsent.v1.VerifierService/Unheard", nil) {
		t.Error("an unknown call is repeated")
	}
}

// A flaky service refuses its first calls.
func flaky(n int32, err error) (*service, *atomic.Int32) {
	var calls atomic.Int32
	return &service{before: func(context.Context, string, any) error {
		if calls.Add(1) <= n {
			return err
		}
		return nil
	}}, &calls
}

func TestRepetitions(t *testing.T) {
	busy := refusal.Later(codes.ResourceExhausted, refusal.Busy, time.Millisecond, "full")
	for name, c := range map[string]struct {
		fails int32
		err   error
		calls int32
		code  codes.Code
	}{
		"comes back":               {3, status.Error(codes.Unavailable, "x"), 4, codes.OK},
		"stays away":               {99, status.Error(codes.Unavailable, "x"), 4, codes.Unavailable},
		"busy for a while":         {2, busy, 3, codes.OK},
		"too large":                {99, status.Error(codes.ResourceExhausted, "too large"), 1, codes.ResourceExhausted},
		"refused":                  {99, refusal.New(codes.PermissionDenied, refusal.NotAllowed, "no"), 1, codes.PermissionDenied},
		"its own fault":            {99, refusal.New(codes.Internal, refusal.Broken, "no"), 1, codes.Internal},
		"asks to wait for an hour": {99, refusal.Later(codes.Unavailable, refusal.NoStore, time.Hour, "later"), 1, codes.Unavailable},
		"asks for a time before":   {1, refusal.Later(codes.Unavailable, refusal.NoStore, -time.Hour, "later"), 2, codes.OK},
		"a reason without end":     {99, refusal.New(codes.Internal, refusal.Reason(strings.Repeat("X", 5000)), "no"), 1, codes.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			s, calls := flaky(c.fails, c.err)
			v := client.NewVerifier(dial(t, quick(s.serve(t, nil))))
			_, err := v.ScopeStats(within(t, 20*time.Second), client.Scope{Rule: consent.Once, Context: "c"})
			if status.Code(err) != c.code || calls.Load() != c.calls {
				t.Errorf("%d calls, want %d: %v", calls.Load(), c.calls, err)
			}
			var e *client.Error
			if err != nil && (!errors.As(err, &e) || e.Attempts != int(c.calls) || e.Method != "VerifierService.ScopeStats") {
				t.Errorf("%#v", err)
			}
			if e != nil && len(e.Error()) > 800 {
				t.Errorf("an error of %d bytes", len(e.Error()))
			}
		})
	}
}

// TestAttack_WaitWithoutEnd: a service asks to wait for longer than anybody
// lives, in the largest numbers that there are. The caller is told that it is
// busy, at once, and waits for nothing.
func TestAttack_WaitWithoutEnd(t *testing.T) {
	for _, wait := range []time.Duration{365 * 24 * time.Hour, math.MaxInt64} {
		err := refusal.Later(codes.Unavailable, refusal.NoStore, wait, "later")
		s, calls := flaky(99, err)
		s.watch = func(uint64, func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error { return err }
		v := client.NewVerifier(dial(t, quick(s.serve(t, nil))))
		var e *client.Error
		if _, err := v.ScopeStats(within(t, 20*time.Second), client.Scope{Rule: consent.Once, Context: "c"}); !errors.As(err, &e) || e.Unwrap() != nil || e.RetryAfter <= 0 || calls.Load() != 1 {
			t.Errorf("%s: %d calls, %v", wait, calls.Load(), err)
		}
		if err := v.Withdrawals(within(t, 20*time.Second), 0, func(client.News) error { return nil }); !errors.As(err, &e) || e.Unwrap() != nil {
			t.Errorf("%s: %v", wait, err)
		}
	}
}

// TestOneRequestForOneCall: a creation whose answer is lost is sent again under
// the key of the first attempt, which the client draws.
func TestOneRequestForOneCall(t *testing.T) {
	var mu sync.Mutex
	keys := map[string]int{}
	s := &service{create: func(r *zkconsentv1.CreateRequestRequest) (*zkconsentv1.CreateRequestResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		keys[r.IdempotencyKey]++
		return nil, status.Error(codes.Unavailable, "the answer is lost")
	}}
	v := client.NewVerifier(dial(t, quick(s.serve(t, nil))))
	for range 2 {
		if _, err := v.CreateRequest(within(t, 20*time.Second), client.Asking{Policy: "p"}); status.Code(err) != codes.Unavailable {
			t.Fatal(err)
		}
	}
	if len(keys) != 2 {
		t.Errorf("%v: want one key for each call", keys)
	}
	for k, n := range keys {
		if n != 4 || len(k) < 16 {
			t.Errorf("key %q in %d attempts", k, n)
		}
	}
}

// TestEndedCalls: what a caller's context ends is told as that.
func TestEndedCalls(t *testing.T) {
	s := &service{before: func(ctx context.Context, _ string, _ any) error { <-ctx.Done(); return ctx.Err() }}
	v := client.NewVerifier(dial(t, quick(s.serve(t, nil))))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := v.Verify(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	// While it waits for the next attempt, too.
	s, _ = flaky(99, refusal.Later(codes.Unavailable, refusal.NoLedger, 10*time.Second, "later"))
	v = client.NewVerifier(dial(t, quick(s.serve(t, nil))))
	ctx, stop := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, stop)
	if _, err := v.Verify(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestReplicas(t *testing.T) {
	counting := func() (string, *atomic.Int32, func()) {
		s, calls := flaky(0, nil)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return s.serveOn(t, l, nil), calls, func() { l.Close() }
	}
	call := func(c client.Config, n int) {
		t.Helper()
		v := client.NewVerifier(dial(t, c))
		for range n {
			if _, err := v.Verify(within(t, 20*time.Second), []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, inA, _ := counting()
	b, inB, _ := counting()
	call(quick(a, b), 10)
	if inA.Load() != 5 || inB.Load() != 5 {
		t.Errorf("%d and %d calls, want turns", inA.Load(), inB.Load())
	}
	first := quick(a, b)
	first.Failover = true
	call(first, 10)
	if inA.Load() != 15 || inB.Load() != 5 {
		t.Errorf("%d and %d calls, want the first address alone", inA.Load(), inB.Load())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	for _, failover := range []bool{false, true} {
		before := inB.Load()
		c := quick(gone, b)
		c.Failover = failover
		call(c, 10)
		if n := inB.Load() - before; n != 10 {
			t.Errorf("failover %v: %d calls of 10 came", failover, n)
		}
	}
	// A caller that calls too often is not let in by the next replica.
	s, often := flaky(99, refusal.Later(codes.ResourceExhausted, refusal.TooMany, time.Hour, "slower"))
	before := inB.Load()
	v := client.NewVerifier(dial(t, func() client.Config { c := quick(s.serve(t, nil), b); c.Failover = true; return c }()))
	var e *client.Error
	if _, err := v.Verify(within(t, 20*time.Second), []byte("x")); !errors.As(err, &e) || e.Reason != client.TooMany || e.RetryAfter != time.Hour || often.Load() != 1 || inB.Load() != before {
		t.Errorf("%v", err)
	}
}
