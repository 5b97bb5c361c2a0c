package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
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
	if n := r.slow.Taken(); n != 0 {
		t.Errorf("%d places are taken by calls that are over", n)
	}
	// A call whose end nobody tells of gives its place back with its time.
	cut := false
	x := r.begin("", func() { cut = true })
	x.late()
	x.mu.Lock()
	place := x.place
	x.timer.Reset(0)
	x.mu.Unlock()
	for ends := time.Now().Add(10 * time.Second); r.slow.Taken() > 0; time.Sleep(time.Millisecond) {
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

// TestAttack_SlowMessagesOfOneAddress: who sends many messages a byte at a time
// leaves places to those who have no faster network.
func TestAttack_SlowMessagesOfOneAddress(t *testing.T) {
	r := newReceivers(nil)
	cut := make(chan string, 2*maxSlow)
	late := func(from string) *passage {
		x := r.begin(from, func() { cut <- from })
		x.late()
		return x
	}
	for range maxSlow {
		defer late("192.0.2.1/32").end()
	}
	defer late("192.0.2.2/32").end()
	for range maxSlow - slowEach {
		if from := <-cut; from != "192.0.2.1/32" {
			t.Errorf("%s was cut off", from)
		}
	}
	if n := r.slow.Taken(); n != slowEach+1 {
		t.Errorf("%d places are taken", n)
	}
}

// TestAttack_AddressesInAnAnswer: why a body did not arrive is told without the
// addresses between which it did not.
func TestAttack_AddressesInAnAnswer(t *testing.T) {
	broken := &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}, Addr: &net.TCPAddr{IP: net.IPv4(10, 4, 5, 6)}, Err: os.ErrDeadlineExceeded}
	err := newStrict().NewDecoder(iotest.ErrReader(broken)).Decode(&zkconsentv1.SubmitRequest{})
	if err == nil || strings.Contains(err.Error(), "10.") {
		t.Errorf("%v", err)
	}
	large := &http.MaxBytesError{Limit: 1}
	if err := newStrict().NewDecoder(iotest.ErrReader(large)).Decode(&zkconsentv1.SubmitRequest{}); !errors.As(err, &large) {
		t.Errorf("too large: %v", err)
	}
}
