package server

import (
	"bytes"
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
	r := newReceivers(nil, nil)
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
	r := newReceivers(nil, nil)
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

// TestAttack_BodyOfManyValues: what is costly to decode is refused before it is
// decoded, since only then it is known who calls.
func TestAttack_BodyOfManyValues(t *testing.T) {
	list := func(n int, value string) []byte {
		return []byte(`{"presentations":[` + strings.TrimSuffix(strings.Repeat(value+",", n), ",") + `]}`)
	}
	for name, c := range map[string]struct {
		body []byte
		good bool
	}{
		"as many as a call takes":   {list(256, `"AAAA"`), true},
		"as many as may be":         {list(maxValues, `""`), true},
		"one more":                  {list(maxValues+1, `""`), false},
		"half a million":            {list(1<<19-20, `""`), false},
		"commas in a text":          {[]byte(`{"presentations":["` + strings.Repeat(",", 5000) + `"]}`), false}, // base64 has none
		"commas behind an escape":   {append(list(maxValues, `""`), `,"\\",`...), false},
		"a text that ends in \\\\":  {[]byte(`{"presentations":["\\",` + strings.Repeat(`"",`, maxValues+1) + `""]}`), false},
		"a text with a quoted mark": {[]byte(`{"presentations":["\"",` + strings.Repeat(`"",`, maxValues+1) + `""]}`), false},
	} {
		err := newStrict().NewDecoder(bytes.NewReader(c.body)).Decode(&zkconsentv1.VerifyBatchRequest{})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	for body, want := range map[string]int{``: 1, `{}`: 1, `{"a":1,"b":2}`: 2, `["a,b",","]`: 2, `["\",\"",1]`: 2, `["\\",1]`: 2, `"\`: 1, `["\\\",",1]`: 2} {
		if got := values([]byte(body)); got != want {
			t.Errorf("%s: %d values, want %d", body, got, want)
		}
	}
}
