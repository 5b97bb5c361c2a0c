package verifying_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/verifying"
	"github.com/zkconsent/zkconsent/verifier"
)

// forgetful is a store that keeps no answer, so that one presentation is
// decided anew each time: what is measured is the decision, without a disk.
type forgetful struct{ verifier.Store }

func (forgetful) Answer(context.Context, [16]byte) (verifier.Answer, error) {
	return verifier.Answer{}, verifier.ErrNotFound
}

func (forgetful) Accept(context.Context, verifier.Answer) error { return nil }

// TestFiguresOfTheService measures decisions a second: by the verifier itself,
// through the service one call each, and in whole batches; all over again, so
// that each has its share of what else the machine does.
func TestFiguresOfTheService(t *testing.T) {
	if !long() {
		t.Skip("measures for half a minute; set ZKCONSENT_SERVICES")
	}
	w := newWorld(t)
	p := w.newPatient()
	d := w.open()
	f := &desk{w: w, store: d.store, folder: d.folder, log: &logged{}}
	f.run(w.insurer, forgetful{d.store})
	var shown [][]byte
	for range 8 {
		shown = append(shown, p.answer(f.ask().SignedRequest))
	}
	clients := 4 * runtime.GOMAXPROCS(0)
	measure := func(each func(i int) (decided int)) (n int, took time.Duration) {
		var group sync.WaitGroup
		var all atomic.Int64
		began := time.Now()
		for c := range clients {
			group.Go(func() {
				for i := c; time.Since(began) < 3*time.Second; i++ {
					all.Add(int64(each(i)))
				}
			})
		}
		group.Wait()
		return int(all.Load()), time.Since(began)
	}
	batch := make([][]byte, verifying.MaxBatch)
	for i := range batch {
		batch[i] = shown[i%len(shown)]
	}
	ways := []struct {
		name string
		each func(i int) int
		n    int
		took time.Duration
	}{
		{name: "the verifier itself", each: func(i int) int {
			if v, err := f.verifier.Verify(w.ctx, shown[i%len(shown)]); err != nil || !v.Accepted {
				t.Error(v, err)
			}
			return 1
		}},
		{name: "Verify, one call each", each: func(i int) int {
			if r, err := f.api.Verify(w.ctx, &zkconsentv1.VerifyRequest{Presentation: shown[i%len(shown)]}); err != nil || !r.Verdict.Accepted {
				t.Error(r, err)
			}
			return 1
		}},
		{name: "VerifyBatch of 256", each: func(int) int {
			r, err := f.api.VerifyBatch(w.ctx, &zkconsentv1.VerifyBatchRequest{Presentations: batch})
			if err != nil {
				t.Error(err)
				return 0
			}
			for _, v := range r.Verdicts {
				if !v.Accepted {
					t.Error(v)
				}
			}
			return len(r.Verdicts)
		}},
	}
	for range 3 {
		for i := range ways {
			n, took := measure(ways[i].each)
			ways[i].n, ways[i].took = ways[i].n+n, ways[i].took+took
		}
	}
	rate := func(i int) float64 { return float64(ways[i].n) / ways[i].took.Seconds() }
	for i := range ways {
		t.Logf("FIGURE | %s | %.0f decisions/s on %d cores | %.2f of the verifier itself", ways[i].name, rate(i), runtime.GOMAXPROCS(0), rate(i)/rate(0))
	}
}
