package prover_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// timed runs f and reports the median, which other load on the machine
// disturbs less than the mean.
func timed(b *testing.B, f func() error) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms-median")
}

func BenchmarkProve(b *testing.B) {
	p := provertest.New(b, consent.Circuits()...)
	for _, id := range consent.Circuits() {
		b.Run(string(id), func(b *testing.B) {
			c := circuittest.New(b, id, 1)
			if err := p.Load(b.Context(), id); err != nil {
				b.Fatal(err)
			}
			timed(b, func() error {
				_, err := p.Prove(b.Context(), &c.Statement, &c.Witness)
				return err
			})
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	dir, m := provertest.Keys(b, consent.Circuits()...)
	p := provertest.New(b, consent.Circuits()...)
	for _, id := range consent.Circuits() {
		b.Run(string(id), func(b *testing.B) {
			c := circuittest.New(b, id, 1)
			bytes, err := p.Prove(b.Context(), &c.Statement, &c.Witness)
			if err != nil {
				b.Fatal(err)
			}
			inputs, err := c.Statement.PublicInputs()
			if err != nil {
				b.Fatal(err)
			}
			e, err := m.Find(string(id))
			if err != nil {
				b.Fatal(err)
			}
			k, err := proof.LoadVerifyingKey(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile), e.VerifyingKey, int(e.Public))
			if err != nil {
				b.Fatal(err)
			}
			timed(b, func() error { return k.Verify(inputs, bytes) })
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	dir, m := provertest.Keys(b, consent.Circuits()...)
	for _, id := range consent.Circuits() {
		b.Run(string(id), func(b *testing.B) {
			timed(b, func() error {
				p, err := prover.Open(dir, m, nil)
				if err != nil {
					return err
				}
				return p.Load(b.Context(), id)
			})
		})
	}
}
