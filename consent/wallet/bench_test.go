package wallet_test

import (
	"path/filepath"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
)

// BenchmarkProve measures an answer with all that belongs to it: reading what
// is new, choosing, proving, verifying, signing, saving.
func BenchmarkProve(b *testing.B) {
	for _, circuit := range []consent.CircuitID{consent.ConsentOnly, consent.Claim} {
		b.Run(string(circuit), func(b *testing.B) {
			f := newFixture(b, consent.Enrol, circuit)
			f.given()
			if circuit.ProvesCredential() {
				f.holds(f.issuer(f.Hospital))
			}
			v := f.review(f.request(circuit))
			for b.Loop() {
				if _, err := f.w.Prove(f.ctx, f, f.prover, v, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen measures opening with the default work factor.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "wallet")
	w, _, err := wallet.Create(path, passphrase, &wallet.Options{Genesis: [32]byte{1}})
	if err != nil {
		b.Fatal(err)
	}
	w.Close()
	for b.Loop() {
		w, err := wallet.Open(path, passphrase, nil)
		if err != nil {
			b.Fatal(err)
		}
		w.Close()
	}
}

// BenchmarkImport measures a change of the file, synced to disk.
func BenchmarkImport(b *testing.B) {
	f := newFixture(b)
	i := 0
	for b.Loop() {
		i++
		f.draft(f.Insurer.URI, func(g *wallet.Grant) { g.Terms.NotAfter += consent.Time(i) })
	}
}
