package proving

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
)

// long tells whether the tests run at the length that the tables in docs are
// made from.
func long() bool { return os.Getenv("ZKCONSENT_SERVICES") != "" }

// circuit is the one that faults are played with.
func circuit() consent.CircuitID {
	if long() {
		return consent.Claim
	}
	return consent.Enrol
}

// serves checks that a service takes and answers a request, with nothing left
// of what came before.
func (r *rig) serves() {
	r.t.Helper()
	eventually(r.t, "nobody works or waits", func() bool { f := r.service.Figures(); return f.Working == 0 && f.Waiting == 0 })
	if err := r.service.Ready(); err != nil {
		r.t.Errorf("not ready: %v", err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	c := drawn(r.t, circuit(), 77)
	got, err := r.client.Prove(as(ctx, "afterwards"), asked(c))
	if err != nil {
		r.t.Fatalf("afterwards: %v", err)
	}
	holds(r.t, verifyingKey(r.t, circuit()), c, got.Proof)
}

// heapPeak samples the heap until what it returns is called.
func heapPeak() (peak func() uint64) {
	stop, done := make(chan struct{}), make(chan struct{})
	var most uint64
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 { close(stop); <-done; return most }
}

// A thousand requests at once, of ten principals: as many as there are places
// are answered with proofs that hold, all others are told when to come again.
// Memory stays bounded, and afterwards the service serves.
func TestFault_QueueFlood(t *testing.T) {
	const flood = 1000
	r := newRig(t, Config{Workers: 2, Queue: 8, PerPrincipal: 3}, circuit())
	r.service.took.add(circuit(), 100*time.Millisecond)
	key := verifyingKey(t, circuit())
	c := drawn(t, circuit(), 1)
	open := r.prover.shut(t)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := heapPeak()
	var made, busy, other atomic.Int64
	var all sync.WaitGroup
	for i := range flood {
		all.Go(func() {
			got, err := r.client.Prove(as(t.Context(), fmt.Sprint("principal ", i%10)), asked(c))
			switch {
			case err == nil:
				made.Add(1)
				holds(t, key, c, got.Proof)
			case status.Code(err) == codes.ResourceExhausted && refusal.Of(err) == refusal.Busy && refusal.After(err) >= soonest:
				busy.Add(1)
			default:
				other.Add(1)
				t.Errorf("%v", err)
			}
		})
	}
	// The places are taken and held until all others have their refusal.
	eventually(t, "all but those with a place are refused", func() bool { return busy.Load()+other.Load() == flood-10 })
	open()
	all.Wait()
	grown := int64(peak()) - int64(before.HeapInuse)
	faulttest.Row(t, "1,000 requests at once, 10 places", flood, faulttest.Count{Outcome: "made and verified", N: int(made.Load())},
		faulttest.Count{Outcome: "told when to come again", N: int(busy.Load())}, faulttest.Count{Outcome: "answered otherwise", N: int(other.Load())},
		faulttest.Count{Outcome: "MiB more on the heap at most", N: int(max(0, grown>>20))})
	if made.Load() != 10 || busy.Load() != flood-10 {
		t.Errorf("%d made, %d refused", made.Load(), busy.Load())
	}
	if grown > 512<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	r.serves()
}

// Requests whose time ends while they wait: none of their proofs begins.
func TestFault_DeadlineStorm(t *testing.T) {
	const storm = 200
	r := newRig(t, Config{Workers: 1, Queue: storm, PerPrincipal: storm}, circuit())
	open := r.prover.shut(t)
	first := make(chan error, 1)
	go func() {
		_, err := r.client.Prove(as(t.Context(), "first"), asked(drawn(t, circuit(), 1)))
		first <- err
	}()
	eventually(t, "a proof begins", func() bool { return r.prover.begun.Load() == 1 })
	c := drawn(t, circuit(), 2)
	var late, other atomic.Int64
	var all sync.WaitGroup
	for i := range storm {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(as(t.Context(), fmt.Sprint(i%7)), time.Duration(50+i)*time.Millisecond)
			defer cancel()
			// The client's own clock may end the call before the service does.
			if _, err := r.client.Prove(ctx, asked(c)); status.Code(err) == codes.DeadlineExceeded {
				late.Add(1)
			} else {
				other.Add(1)
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	eventually(t, "nobody waits", func() bool { return r.service.Figures().Waiting == 0 })
	begun := r.prover.begun.Load() - 1
	open()
	if err := <-first; err != nil {
		t.Errorf("the one under way: %v", err)
	}
	faulttest.Row(t, "deadlines that end in the queue", storm, faulttest.Count{Outcome: "ended in time", N: int(late.Load())},
		faulttest.Count{Outcome: "answered otherwise", N: int(other.Load())}, faulttest.Count{Outcome: "proofs begun", N: int(begun)})
	if begun != 0 {
		t.Errorf("%d proofs were begun for nobody", begun)
	}
	r.serves()
}

// A request whose deadline the service itself sees.
func TestTooLateIsSaid(t *testing.T) {
	r := newRig(t, Config{Workers: 1}, consent.Enrol)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	_, err := r.service.Prove(ctx, asked(drawn(t, consent.Enrol, 1)))
	refusedWith(t, "too late", err, codes.DeadlineExceeded, refusal.TooLate)
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = r.service.Prove(ctx, asked(drawn(t, consent.Enrol, 1)))
	refusedWith(t, "cancelled", err, codes.Canceled, refusal.TooLate)
	if n := r.prover.begun.Load(); n != 0 {
		t.Errorf("%d proofs begun", n)
	}
}

// Clients that vanish while they wait, and one whose proof is under way: no
// proof begins for those who are gone.
func TestFault_ClientsGoneFromTheQueue(t *testing.T) {
	const gone = 60
	r := newRig(t, Config{Workers: 1, Queue: gone, PerPrincipal: gone + 1}, circuit())
	open := r.prover.shut(t)
	c := drawn(t, circuit(), 1)
	conn := r.dial()
	client := zkconsentv1.NewProverServiceClient(conn)
	var all sync.WaitGroup
	for i := range gone {
		all.Go(func() {
			if i%2 == 0 {
				client.Prove(t.Context(), asked(c))
				return
			}
			stream, err := client.ProveStream(t.Context(), &zkconsentv1.ProveStreamRequest{Statement: c.Statement.Encode(), Witness: c.Witness.EncodeSecret()})
			for err == nil {
				_, err = stream.Recv()
			}
		})
	}
	eventually(t, "one works and all others wait", func() bool { f := r.service.Figures(); return f.Working == 1 && f.Waiting == gone-1 })
	conn.Close() // the connection is gone, with everything on it
	all.Wait()
	eventually(t, "nobody waits", func() bool { return r.service.Figures().Waiting == 0 })
	open()
	eventually(t, "nobody works", func() bool { return r.service.Figures().Working == 0 })
	begun := r.prover.begun.Load()
	faulttest.Row(t, "clients gone while they wait", gone-1, faulttest.Count{Outcome: "proofs begun for them", N: int(begun - 1)})
	if begun != 1 {
		t.Errorf("%d proofs were begun, want the one that was under way", begun)
	}
	r.serves()
}

// Without a gate, with real proofs all along: what is accepted is answered.
func TestFault_FloodOfRealProofs(t *testing.T) {
	if !long() {
		t.Skip("set ZKCONSENT_SERVICES for the long run")
	}
	const flood, callers = 1000, 50
	r := newRig(t, Config{Workers: 2, Queue: 8, PerPrincipal: 3}, circuit())
	if err := r.service.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := verifyingKey(t, circuit())
	c := drawn(t, circuit(), 1)
	var made, busy atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for range flood / callers {
				got, err := r.client.Prove(as(t.Context(), fmt.Sprint(i)), asked(c))
				switch {
				case err == nil:
					made.Add(1)
					holds(t, key, c, got.Proof)
				case refusal.Of(err) == refusal.Busy && refusal.After(err) >= soonest:
					busy.Add(1)
				default:
					t.Errorf("%v", err)
				}
			}
		})
	}
	all.Wait()
	faulttest.Row(t, "1,000 claims of 50 callers, real proofs", flood, faulttest.Count{Outcome: "made and verified", N: int(made.Load())},
		faulttest.Count{Outcome: "told when to come again", N: int(busy.Load())})
	if made.Load() == 0 || made.Load()+busy.Load() != flood {
		t.Errorf("%d made, %d refused", made.Load(), busy.Load())
	}
	r.serves()
}
