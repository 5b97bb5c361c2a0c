package proving

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// A load keeps so many callers busy, each with one call after another, and
// counts.
type load struct {
	callers int
	call    func() error

	took  []time.Duration
	whole time.Duration
	err   error
}

// run makes so many calls.
func (l *load) run(calls int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	begun := time.Now()
	for range l.callers {
		all.Go(func() {
			for range calls / l.callers {
				start := time.Now()
				err := l.call()
				mu.Lock()
				l.took = append(l.took, time.Since(start))
				l.err = errors.Join(l.err, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	l.whole += time.Since(begun)
}

func (l *load) perSecond() float64 { return float64(len(l.took)) / l.whole.Seconds() }

func (l *load) String() string {
	slices.Sort(l.took)
	at := func(percent int) time.Duration { return l.took[(len(l.took)-1)*percent/100].Round(time.Millisecond) }
	return fmt.Sprintf("%.2f/s p50 %v p99 %v", l.perSecond(), at(50), at(99))
}

// TestFigure_ProofsPerSecond prints what the service makes of claims, beside
// the prover that is called directly, in turns, so that whatever else the
// machine does weighs on both.
func TestFigure_ProofsPerSecond(t *testing.T) {
	if !long() {
		t.Skip("set ZKCONSENT_SERVICES for the figures")
	}
	const rounds, calls = 8, 8
	c := drawn(t, consent.Claim, 1)
	for _, workers := range []int{1, 2} {
		r := newRig(t, Config{Workers: workers, PerPrincipal: 8}, consent.Claim)
		service := func() error {
			_, err := r.client.Prove(t.Context(), asked(c))
			return err
		}
		direct := &load{callers: workers, call: func() error {
			_, err := r.prover.Prover.Prove(t.Context(), &c.Statement, &c.Witness)
			return err
		}}
		served := &load{callers: workers, call: service}     // none waits
		queued := &load{callers: 4 * workers, call: service} // three of four wait their turn
		for range rounds {
			for _, l := range []*load{direct, served, queued} {
				if l.run(calls); l.err != nil {
					t.Fatal(l.err)
				}
			}
		}
		t.Logf("FIGURE | prover, %s, %d workers, %d processors | direct %s | service %s, × %.2f of direct | 4 callers a worker %s",
			consent.Claim, workers, runtime.GOMAXPROCS(0), direct, served, served.perSecond()/direct.perSecond(), queued)
	}
}
