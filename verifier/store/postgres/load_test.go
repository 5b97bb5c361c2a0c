package postgres

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/storetest"
)

// A load is callers that ask and answer through several replicas until they are
// stopped. Requests 2n and 2n+1 are answered with the same nullifier n, by two
// callers. A call that fails is made again, as a caller of the service would.
type load struct {
	t      *testing.T
	stores []*Store
	stop   chan struct{}
	all    sync.WaitGroup

	answered atomic.Uint64 // calls that were told yes
	away     atomic.Uint64 // calls that were told that the store is away
	working  []atomic.Uint64

	mu       sync.Mutex
	accepted map[uint64]bool // requests, by what Accept acknowledged last
}

// callers is how many calls are made at once.
const callers = 16

func startLoad(t *testing.T, stores ...*Store) *load {
	l := &load{t: t, stores: stores, stop: make(chan struct{}), working: make([]atomic.Uint64, len(stores)), accepted: map[uint64]bool{}}
	for c := range uint64(callers) {
		l.all.Go(func() {
			for n := c; l.one(n); n += callers {
			}
		})
	}
	return l
}

// one answers one request, and says that there may be another.
func (l *load) one(n uint64) bool {
	ctx, at := context.Background(), n%uint64(len(l.stores))
	s := l.stores[at]
	try := func(f func() error, done ...error) (error, bool) {
		for {
			err := f()
			if err == nil {
				l.answered.Add(1)
				l.working[at].Add(1)
				return nil, true
			}
			for _, d := range done {
				if errors.Is(err, d) {
					return err, true
				}
			}
			if l.away.Add(1); !errors.Is(err, verifier.ErrStoreAway) {
				l.t.Errorf("request %d: %v", n, err)
				return err, false
			}
			select {
			case <-l.stop:
				return err, false
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	if _, ok := try(func() error { return s.AddRequest(ctx, storetest.Asked(n)) }, verifier.ErrExists); !ok {
		return false
	}
	// Who does not know whether its answer was kept asks again: it is then told
	// that its request is answered, or wins, or has lost.
	err, ok := try(func() error { return s.Accept(ctx, storetest.Answer(n, consent.Once, n/2)) }, verifier.ErrAnswered, verifier.ErrSpent)
	if !ok {
		return false
	}
	l.mu.Lock()
	l.accepted[n] = !errors.Is(err, verifier.ErrSpent)
	l.mu.Unlock()
	select {
	case <-l.stop:
		return false
	default:
		return true
	}
}

// reach waits until each replica has worked so often since now.
func (l *load) reach(more uint64) {
	l.t.Helper()
	var from []uint64
	for i := range l.working {
		from = append(from, l.working[i].Load())
	}
	for i := range l.working {
		for end := time.Now().Add(2 * time.Minute); l.working[i].Load() < from[i]+more && !l.t.Failed(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				l.t.Fatalf("replica %d has answered %d calls in two minutes", i, l.working[i].Load()-from[i])
			}
		}
	}
}

// end stops the callers and looks at what is kept: for each nullifier one
// answer at most, and each one that was acknowledged.
func (l *load) end() (kept int) {
	l.t.Helper()
	close(l.stop)
	l.all.Wait()
	ctx, s := context.Background(), l.stores[0]
	answers := map[uint64]int{}
	for n, acknowledged := range l.accepted {
		_, err := s.Answer(ctx, storetest.ID(n))
		if acknowledged != (err == nil) || err != nil && !errors.Is(err, verifier.ErrNotFound) {
			l.t.Errorf("the answer to request %d was acknowledged: %v; then: %v", n, acknowledged, err)
		}
		if err == nil {
			answers[n/2]++
			kept++
		}
		if spent, err := s.Spent(ctx, field.Uint(storetest.Scope), field.Uint(n/2)); err != nil || !spent {
			l.t.Errorf("nullifier %d is spent: %v, %v", n/2, spent, err)
		}
	}
	for n, times := range answers {
		if times != 1 {
			l.t.Errorf("nullifier %d was accepted %d times", n, times)
		}
	}
	if err := s.Check(ctx); err != nil {
		l.t.Error(err)
	}
	return kept
}

// A growth is what a process took at most while it was watched.
type growth struct {
	goroutines int
	heap       uint64
}

// watchGrowth runs f and looks at the process meanwhile, but for goroutines of
// the test's own network.
func watchGrowth(network *proxy, f func()) (g growth) {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			if now.HeapAlloc > before.HeapAlloc {
				g.heap = max(g.heap, now.HeapAlloc-before.HeapAlloc)
			}
			g.goroutines = max(g.goroutines, runtime.NumGoroutine()-int(network.running.Load()))
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	f()
	close(done)
	all.Wait()
	return g
}
