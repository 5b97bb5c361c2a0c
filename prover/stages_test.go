package prover

import (
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
)

// What gnark was handed is overwritten, and it was something.
func TestHandedWitnessIsErased(t *testing.T) {
	c := circuittest.New(t, consent.Enrol, 30)
	full, err := circuits.NewWitness(&c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	v, ok := full.Vector().(fr.Vector)
	if !ok || !slices.Contains(v, c.Witness.Holder.Nk) {
		t.Fatalf("the values are not where they are looked for: %T", full.Vector())
	}
	erase(full)
	if slices.ContainsFunc(v, func(e fr.Element) bool { return !e.IsZero() }) {
		t.Error("values are left")
	}
}
