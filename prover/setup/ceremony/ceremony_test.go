package ceremony

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover/setup"
)

func TestKeysOfACeremonyProveAndVerify(t *testing.T) {
	f := at(t, whole)
	transcript := verified(t, f)
	if err := transcript.Complete(); err != nil || len(transcript.Keys) != 2 || transcript.Open() != nil {
		t.Fatalf("%v, %d keys", err, len(transcript.Keys))
	}
	dir := t.TempDir()
	m, err := setup.Install(t.Context(), dir, transcript.Keys)
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.Find(string(cube))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Production(); err != nil || e.Transcript != transcript.KeysDigest() || e.Public != 1 {
		t.Fatalf("%+v, %v", e, err)
	}
	file, err := manifest.Load(filepath.Join(dir, manifest.FileName))
	if err != nil || transcript.Compare(file) != nil {
		t.Fatalf("%v, %v", err, transcript.Compare(file))
	}
	var pk groth16.ProvingKey
	var vk groth16.VerifyingKey
	read := func(name string, from func(b *bytes.Reader) (int64, error)) {
		b, err := os.ReadFile(filepath.Join(dir, e.Folder(), name))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := from(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
			t.Fatal(name, err)
		}
	}
	read(manifest.ProvingKeyFile, func(b *bytes.Reader) (int64, error) { return pk.ReadFrom(b) })
	read(manifest.VerifyingKeyFile, func(b *bytes.Reader) (int64, error) { return vk.ReadFrom(b) })
	system, err := compileTiny(cube)
	if err != nil {
		t.Fatal(err)
	}
	witness, err := frontend.NewWitness(&cubeCircuit{X: 3, Y: 27}, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	proof, err := groth16.Prove(system.(*cs.R1CS), &pk, witness)
	if err != nil {
		t.Fatal(err)
	}
	for y, want := range map[int]bool{27: true, 28: false} {
		public, err := frontend.NewWitness(&cubeCircuit{X: 3, Y: y}, ecc.BN254.ScalarField())
		if err != nil {
			t.Fatal(err)
		}
		public, err = public.Public()
		if err != nil {
			t.Fatal(err)
		}
		if err := groth16.Verify(proof, &vk, public.Vector().(frVector)); (err == nil) != want {
			t.Errorf("3³ = %d: %v", y, err)
		}
	}
}

// TestEverybodyDerivesTheSameKeys: with keys of one's own maker, that maker
// could prove anything to whoever was given them.
func TestEverybodyDerivesTheSameKeys(t *testing.T) {
	one, other := produced(t, at(t, whole)), produced(t, at(t, whole))
	if !bytes.Equal(one.EncodeJSON(), other.EncodeJSON()) {
		t.Error("two parties derive different keys from one transcript")
	}
}

func TestProgressAndStatus(t *testing.T) {
	f := at(t, whole)
	var last Progress
	transcript, err := f.Verify(t.Context(), func(p Progress) {
		if p.Done < last.Done || p.Done >= p.Total || p.Doing == "" {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	})
	if err != nil {
		t.Fatal(err)
	}
	status, err := f.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status.KeysDigest() != transcript.KeysDigest() || status.PowersDigest() != transcript.PowersDigest() || status.First.Distinct() != 3 {
		t.Error("status and verification tell different transcripts")
	}
	if g1, _ := status.Powers(); g1 != nil || status.Keys != nil {
		t.Error("status gives out what it has not verified")
	}
	if g1, g2 := transcript.Powers(); len(g1) != 2<<transcript.Power-1 || g2[0] == g2[1] {
		t.Error("the verified powers are not those of the domain")
	}
}

func TestAnOpenPhaseIsNotComplete(t *testing.T) {
	because(t, verified(t, at(t, begun)).Complete(), TooFew)
	because(t, verified(t, at(t, powered)).Complete(), NotSealed)
	because(t, verified(t, at(t, halfway)).Complete(), TooFew)
	because(t, verified(t, at(t, keyed)).Complete(), NotSealed)
	because(t, verified(t, at(t, keyed)).Compare(&manifest.Manifest{}), NotSealed)
}

func TestUniversalSetupHasOnePhase(t *testing.T) {
	f := tiny(filepath.Join(t.TempDir(), "c"))
	if _, err := f.Begin(t.Context(), Options{Power: 4}); err != nil {
		t.Fatal(err)
	}
	contribute(t, f, 1, 2, 3)
	seal(t, f, 1)
	transcript := verified(t, f)
	if err := transcript.Complete(); err != nil || transcript.Second != nil || len(transcript.Keys) != 0 {
		t.Fatalf("%+v, %v", transcript, err)
	}
	if g1, _ := transcript.Powers(); len(g1) != 31 || transcript.PowersDigest() == (manifest.Digest{}) {
		t.Errorf("%d powers", len(g1))
	}
	// No keys were compared, whatever the manifest says.
	because(t, transcript.Compare(&manifest.Manifest{}), OtherKeys)
	_, err := f.Seal(t.Context(), beacon(2), "", nil)
	because(t, err, Sealed)
}

// TestRefusesToReplaceKeys: a folder's keys may be in use.
func TestRefusesToReplaceKeys(t *testing.T) {
	dir := t.TempDir()
	first := verified(t, at(t, whole))
	if _, err := setup.Install(t.Context(), dir, first.Keys); err != nil {
		t.Fatal(err)
	}
	if _, err := setup.Install(t.Context(), dir, first.Keys); err != nil {
		t.Errorf("the same keys again: %v", err)
	}
	f := at(t, keyed)
	seal(t, f, 9)
	var other *setup.OtherKeysError
	if _, err := setup.Install(t.Context(), dir, verified(t, f).Keys); !errors.As(err, &other) {
		t.Errorf("got %v", err)
	}
}

func TestRefusesToBeginBadly(t *testing.T) {
	for name, o := range map[string]Options{
		"one contributor":          {Power: 4, Contributors: 1},
		"no powers":                {},
		"more powers than bounded": {Power: MaxPower + 1},
		"fewer keys than needed":   {Power: 4, Allowed: publicKeys(1, 2)},
		"a key twice":              {Power: 4, Allowed: publicKeys(1, 2, 2)},
		"a circuit twice":          {Circuits: []consent.CircuitID{cube, cube}},
		"powers too few":           {Circuits: []consent.CircuitID{cube}, Power: 1},
		"a weak key":               {Power: 4, Contributors: 2, Allowed: append(publicKeys(1, 2), make([]byte, 32))},
	} {
		f := tiny(filepath.Join(t.TempDir(), "c"))
		if _, err := f.Begin(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
		if has, err := f.exists(descriptionFile); has || err != nil {
			t.Errorf("%s: it left a ceremony behind", name)
		}
	}
	_, err := at(t, begun).Begin(t.Context(), Options{Power: 4})
	because(t, err, Unexpected)
}
