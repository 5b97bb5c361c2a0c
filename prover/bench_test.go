package prover_test

import (
	"path/filepath"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

func BenchmarkProve(b *testing.B) {
	p := provertest.New(b, consent.Circuits()...)
	for _, id := range consent.Circuits() {
		b.Run(string(id), func(b *testing.B) {
			c := circuittest.New(b, id, 1)
			if err := p.Load(b.Context(), id); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := p.Prove(b.Context(), &c.Statement, &c.Witness); err != nil {
					b.Fatal(err)
				}
			}
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
			for b.Loop() {
				if err := k.Verify(inputs, bytes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	dir, m := provertest.Keys(b, consent.Circuits()...)
	for _, id := range consent.Circuits() {
		b.Run(string(id), func(b *testing.B) {
			for b.Loop() {
				p, err := prover.Open(dir, m, nil)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Load(b.Context(), id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
