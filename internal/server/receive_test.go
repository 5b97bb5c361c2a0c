package server

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/tap"
)

// TestAttack_CallsThatAreOverBeforeTheyBegin: gRPC ends a call whose caller
// gives it no time without a word to anybody who counts calls. Such calls held
// the places of slow messages for ever, and every patient with a slow network
// was cut off from then on.
func TestAttack_CallsThatAreOverBeforeTheyBegin(t *testing.T) {
	t.Parallel()
	r := newReceivers(nil)
	for range 2 * maxSlow {
		ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
		if _, err := r.tap(ctx, &tap.Info{FullMethodName: "/zkconsent.v1.RegistryService/Submit"}); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	time.Sleep(slowAfter + 500*time.Millisecond) // it cannot fail for being late
	if n := len(r.slow); n != 0 {
		t.Errorf("%d places are taken by calls that are over", n)
	}
	// A call whose end nobody tells of gives its place back with its time.
	cut := false
	x := r.begin(func() { cut = true })
	x.late()
	x.mu.Lock()
	place := x.place
	x.timer.Reset(0)
	x.mu.Unlock()
	for ends := time.Now().Add(10 * time.Second); len(r.slow) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(ends) {
			t.Fatal("a slow message that was cut off keeps its place")
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !place || !cut || !x.over {
		t.Errorf("it had a place: %v, was cut off: %v, is over: %v", place, cut, x.over)
	}
}
