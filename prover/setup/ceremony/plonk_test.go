package ceremony

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover/setup"
)

// TestPlonkKeysFollowFromTheFirstPhase beside keys of Groth16, and alone.
func TestPlonkKeysFollowFromTheFirstPhase(t *testing.T) {
	for name, ids := range map[string][]consent.CircuitID{"beside": {sparse, cube}, "alone": {sparse}} {
		f := tiny(filepath.Join(t.TempDir(), "c"))
		if _, err := f.Begin(t.Context(), Options{Circuits: ids}); err != nil {
			t.Fatal(err)
		}
		contribute(t, f, 1, 2, 3)
		seal(t, f, 1)
		if len(ids) > 1 {
			contribute(t, f, 1, 2, 3)
			seal(t, f, 2)
		}
		transcript := verified(t, f)
		if err := transcript.Complete(); err != nil || len(transcript.Keys) != len(ids) {
			t.Fatalf("%s: %d keys, %v", name, len(transcript.Keys), err)
		}
		k := transcript.Keys[len(ids)-1]
		if k.Entry.Circuit != string(sparse) || k.Entry.Transcript != transcript.PowersDigest() || k.Entry.Production() != nil {
			t.Errorf("%s: %+v", name, k.Entry)
		}
		checkPlonk(t, k)
	}
}

func checkPlonk(t *testing.T, k setup.Keys) {
	t.Helper()
	var p, v bytes.Buffer
	if _, err := k.Proving(&p); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Verifying(&v); err != nil {
		t.Fatal(err)
	}
	var pk plonk.ProvingKey
	var vk plonk.VerifyingKey
	if _, err := pk.ReadFrom(&p); err != nil {
		t.Fatal(err)
	}
	if _, err := vk.ReadFrom(&v); err != nil {
		t.Fatal(err)
	}
	system, err := compileTiny(sparse)
	if err != nil {
		t.Fatal(err)
	}
	full, err := frontend.NewWitness(&cubeCircuit{X: 3, Y: 27}, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	proof, err := plonk.Prove(system.(*cs.SparseR1CS), &pk, full, backend.WithStatisticalZeroKnowledge())
	if err != nil {
		t.Fatal(err)
	}
	for y, want := range map[uint64]bool{27: true, 28: false} {
		if err := plonk.Verify(proof, &vk, frVector{scalar(y)}); (err == nil) != want {
			t.Errorf("3³ = %d: %v", y, err)
		}
	}
}

// TestRefusesPowersTooFewForPlonk: PLONK needs more of them than Groth16.
func TestRefusesPowersTooFewForPlonk(t *testing.T) {
	f := tiny(filepath.Join(t.TempDir(), "c"))
	_, err := f.Begin(t.Context(), Options{Circuits: []consent.CircuitID{sparse}, Power: 1})
	because(t, err, OtherPowers)
}
