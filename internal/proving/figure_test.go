package proving

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// rate keeps so many callers busy, each with one call after another, and
// returns calls per second and two percentiles of how long one took.
func rate(callers, calls int, call func() error) (perSecond float64, p50, p99 time.Duration, err error) {
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	begun := time.Now()
	for range callers {
		all.Go(func() {
			for range calls / callers {
				start := time.Now()
				e := call()
				mu.Lock()
				took = append(took, time.Since(start))
				if e != nil {
					err = e
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	whole := time.Since(begun)
	slices.Sort(took)
	return float64(len(took)) / whole.Seconds(), took[len(took)/2], took[len(took)*99/100], err
}

// TestFigure_ProofsPerSecond prints what the service makes of claims, beside
// the prover that is called directly in the same run.
func TestFigure_ProofsPerSecond(t *testing.T) {
	if !long() {
		t.Skip("set ZKCONSENT_SERVICES for the figures")
	}
	const calls = 100
	c := drawn(t, consent.Claim, 1)
	for _, workers := range []int{1, 2} {
		r := newRig(t, Config{Workers: workers, PerPrincipal: 8}, consent.Claim)
		direct, d50, d99, err := rate(workers, calls, func() error {
			_, err := r.prover.Prover.Prove(t.Context(), &c.Statement, &c.Witness)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		// One caller for each worker: none waits.
		served, s50, s99, err := rate(workers, calls, func() error {
			_, err := r.client.Prove(t.Context(), asked(c))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		// Four for each: the rest waits its turn.
		queued, q50, q99, err := rate(4*workers, calls, func() error {
			_, err := r.client.Prove(t.Context(), asked(c))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		ms := time.Millisecond
		t.Logf("FIGURE | prover, %s, %d workers, %d processors | direct %.2f/s p50 %v p99 %v | service %.2f/s (× %.2f) p50 %v p99 %v | 4 callers a worker %.2f/s p50 %v p99 %v",
			consent.Claim, workers, runtime.GOMAXPROCS(0), direct, d50.Round(ms), d99.Round(ms), served, served/direct, s50.Round(ms), s99.Round(ms), queued, q50.Round(ms), q99.Round(ms))
	}
}
