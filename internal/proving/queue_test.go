package proving

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// enters takes a place that must be there.
func enters(t testing.TB, q *queue, principal string) *ticket {
	t.Helper()
	k, _, err := q.enter(context.Background(), principal, time.Second)
	if err != nil {
		t.Fatalf("%s: %v", principal, err)
	}
	return k
}

func works(k *ticket) bool {
	select {
	case <-k.ready:
		return true
	default:
		return false
	}
}

// Principals take turns: one request of B does not wait for five of A.
func TestPrincipalsTakeTurns(t *testing.T) {
	q := newQueue(1, 20, 10)
	at := enters(t, q, "A")
	var as []*ticket
	for range 5 {
		as = append(as, enters(t, q, "A"))
	}
	b := enters(t, q, "B")
	c := enters(t, q, "C")
	order := []*ticket{as[0], b, c, as[1], as[2]}
	for i, next := range order {
		for _, later := range order[i:] {
			if works(later) {
				t.Fatalf("turn %d came early", i)
			}
		}
		q.leave(at)
		if !works(next) {
			t.Fatalf("turn %d did not come", i)
		}
		at = next
	}
}

func TestAttack_OnePrincipalFillsTheQueue(t *testing.T) {
	q := newQueue(1, 8, 4)
	for range 4 {
		enters(t, q, "greedy")
	}
	var busy *busyError
	for range 100 {
		if _, _, err := q.enter(t.Context(), "greedy", time.Second); !errors.As(err, &busy) || !busy.own {
			t.Fatalf("a fifth place: %v", err)
		}
	}
	for i := range 5 {
		enters(t, q, fmt.Sprint("other ", i))
	}
	if _, _, err := q.enter(t.Context(), "last", time.Second); !errors.As(err, &busy) || busy.own {
		t.Fatalf("beyond the queue: %v", err)
	}
	// 8 wait with a second each, and half of the one under way is to come.
	if busy.after != 8500*time.Millisecond {
		t.Errorf("told to come after %s", busy.after)
	}
}

// A turn that would come after the deadline is refused at once; a free place is
// given whatever the deadline.
func TestDeadlineThatCannotBeMet(t *testing.T) {
	q := newQueue(1, 8, 8)
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first, _, err := q.enter(soon, "A", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var busy *busyError
	if _, _, err := q.enter(soon, "B", time.Hour); !errors.As(err, &busy) || busy.after != 30*time.Minute {
		t.Fatalf("got %v", err)
	}
	if _, _, err := q.enter(t.Context(), "B", time.Hour); err != nil {
		t.Fatalf("without a deadline: %v", err)
	}
	q.leave(first)
}

func TestEndedRequestLeavesNoTrace(t *testing.T) {
	q := newQueue(1, 4, 4)
	first := enters(t, q, "A")
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		k, ahead, err := q.enter(ctx, "B", time.Second)
		if err != nil || ahead != 0 {
			t.Fatalf("%d ahead: %v", ahead, err)
		}
		cancel()
		if err := q.wait(ctx, k); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	// Its turn and its end come together: the place goes on to the next.
	ctx, cancel := context.WithCancel(t.Context())
	k, _, _ := q.enter(ctx, "B", time.Second)
	next := enters(t, q, "C")
	cancel()
	q.leave(first)
	if err := q.wait(ctx, k); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if !works(next) {
		t.Fatal("the place was lost")
	}
	q.leave(next)
	if q.free != 1 || len(q.held)+len(q.waiting)+len(q.turns)+len(q.working) != 0 {
		t.Fatalf("left: %+v", q)
	}
}

func TestStopRefusesAndWaits(t *testing.T) {
	q := newQueue(1, 4, 4)
	first, second := enters(t, q, "A"), enters(t, q, "A")
	stopped := make(chan struct{})
	go func() { q.stop(); close(stopped) }()
	if err := q.wait(t.Context(), second); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	if err := q.wait(t.Context(), first); err != nil {
		t.Fatalf("the one under way: %v", err)
	}
	if _, _, err := q.enter(t.Context(), "A", 0); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	select {
	case <-stopped:
		t.Fatal("stopped while a proof is under way")
	default:
	}
	q.leave(first)
	<-stopped
	q.stop()
}

// Whatever comes and goes: places are neither lost nor made, no principal has
// more than its share, and who is told how many are ahead waits for no more
// turns than that.
func TestQueueKeepsItsPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		workers, length, share := rapid.IntRange(1, 3).Draw(t, "workers"), rapid.IntRange(0, 6).Draw(t, "length"), rapid.IntRange(1, 4).Draw(t, "share")
		q := newQueue(workers, length, share)
		type known struct {
			*ticket
			ctx    context.Context
			cancel func()
			ahead  int
		}
		var all []known
		at := func() int { return rapid.IntRange(0, len(all)-1).Draw(t, "which") }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch step := rapid.IntRange(0, 2).Draw(t, "step"); {
			case step == 0 || len(all) == 0:
				ctx, cancel := context.WithCancel(context.Background())
				k, ahead, err := q.enter(ctx, rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "principal"), time.Second)
				if err != nil {
					cancel()
					break
				}
				all = append(all, known{k, ctx, cancel, ahead})
			default:
				i := at()
				k := all[i]
				if works(k.ticket) {
					q.leave(k.ticket)
				} else {
					k.cancel()
					if err := q.wait(k.ctx, k.ticket); err == nil {
						t.Fatal("a place after the end")
					}
				}
				k.cancel()
				all = append(all[:i], all[i+1:]...)
			}
			working, held := 0, map[string]int{}
			for _, k := range all {
				held[k.principal]++
				if works(k.ticket) {
					working++
				}
			}
			for p, n := range held {
				if n > share || q.held[p] != n {
					t.Fatalf("%s has %d places, the queue counts %d of %d", p, n, q.held[p], share)
				}
			}
			if waiting := len(all) - working; working > workers || waiting > length || q.count() != waiting || waiting > 0 && working < workers || q.free != workers-working {
				t.Fatalf("%d work, %d wait, %d free", working, waiting, q.free)
			}
		}
		for _, k := range all {
			k.cancel()
		}
	})
}
