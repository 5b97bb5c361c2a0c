package setup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/std/math/bits"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/freewires"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
)

var enrol = []consent.CircuitID{consent.Enrol}

// loose has a bit that nothing makes a bit: a prover would choose it.
type loose struct {
	X, Y frontend.Variable `gnark:",public"`
}

func (c *loose) Define(api frontend.API) error {
	bit := bits.ToBinary(api, c.X, bits.WithNbDigits(2), bits.WithUnconstrainedOutputs())[0]
	api.AssertIsEqual(api.Mul(bit, c.Y), 0)
	return nil
}

func TestMakesNoKeysForACircuitWithFreeWires(t *testing.T) {
	system, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &loose{})
	if err != nil {
		t.Fatal(err)
	}
	var free *freewires.FreeError
	if _, err := NewEntry(consent.Enrol, system); !errors.As(err, &free) || len(free.Wires) != 1 {
		t.Fatalf("got %v", err)
	}
	good, err := circuits.Compile(consent.Enrol)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEntry(consent.Enrol, good)
	if err != nil || e.Internal == 0 || e.Excepted != 252 {
		t.Fatalf("%+v, %v", e, err)
	}
}

func TestDevKeepsWholeKeysAndReplacesDamaged(t *testing.T) {
	dir := t.TempDir()
	var stages []Stage
	record := func(p Progress) { stages = append(stages, p.Stage) }
	made := func() (n int) {
		for _, s := range stages {
			if s == Making {
				n++
			}
		}
		return n
	}
	first, err := Dev(t.Context(), dir, enrol, record)
	if err != nil {
		t.Fatal(err)
	}
	e := first.Entries[0]
	if !e.Development || e.Circuit != string(consent.Enrol) || e.Public != 6 || made() != 1 {
		t.Fatalf("entry %+v, stages %v", e, stages)
	}
	file, err := manifest.Load(filepath.Join(dir, manifest.FileName))
	if err != nil || file.Entries[0] != e {
		t.Fatalf("manifest.json says %+v, %v", file, err)
	}
	again, err := Dev(t.Context(), dir, enrol, record)
	if err != nil || again.Entries[0] != e || made() != 1 {
		t.Fatalf("a second setup made new keys: %+v, %v", again, err)
	}
	path := filepath.Join(dir, e.Folder(), manifest.ProvingKeyFile)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	repaired, err := Dev(t.Context(), dir, enrol, record)
	if err != nil || made() != 2 || repaired.Entries[0].ProvingKey == e.ProvingKey || !whole(dir, &repaired.Entries[0]) {
		t.Fatalf("a damaged key was kept: %+v, %v", repaired, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", ".*"))
	if err != nil || len(left) != 0 {
		t.Fatalf("temporary files left: %v, %v", left, err)
	}
}

// TestDevReplacesNoKeysOfACeremony: of which a verifier has no proving key, say.
func TestDevReplacesNoKeysOfACeremony(t *testing.T) {
	dir := t.TempDir()
	m, err := Dev(t.Context(), dir, enrol, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Entries[0]
	e.Development, e.Transcript = false, manifest.Digest{1}
	m.Put(e)
	path := filepath.Join(dir, manifest.FileName)
	if _, err := writeBytes(path, m.EncodeJSON()); err != nil {
		t.Fatal(err)
	}
	if again, err := Dev(t.Context(), dir, enrol, nil); err != nil || again.Entries[0] != e {
		t.Errorf("whole keys: %+v, %v", again, err)
	}
	if err := os.Remove(filepath.Join(dir, e.Folder(), manifest.ProvingKeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Dev(t.Context(), dir, enrol, nil); !errors.Is(err, ErrCeremonyKeys) {
		t.Errorf("got %v", err)
	}
	if file, err := manifest.Load(path); err != nil || file.Entries[0] != e || !bytes.Equal(verifying(t, dir, &e), e.VerifyingKey[:]) {
		t.Errorf("the ceremony's keys are gone: %+v, %v", file, err)
	}
}

// verifying is the SHA-256 of a verifying key's file.
func verifying(t *testing.T, dir string, e *manifest.Entry) []byte {
	t.Helper()
	d, err := fileDigest(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	return d[:]
}

func TestDevWaitsForAnotherSetup(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	results := make([]*manifest.Manifest, 3)
	for i := range results {
		wg.Go(func() {
			m, err := Dev(t.Context(), dir, enrol, nil)
			if err != nil {
				t.Error(err)
				return
			}
			results[i] = m
		})
	}
	wg.Wait()
	for _, m := range results[1:] {
		if m == nil || results[0] == nil || m.Entries[0] != results[0].Entries[0] {
			t.Fatal("two setups in one folder made different keys")
		}
	}
}

func TestDevHonoursContext(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dev(ctx, dir, enrol, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	unlock, err := Lock(t.Context(), filepath.Join(dir, "setup.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Dev(ctx, dir, enrol, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v while the folder is locked", err)
	}
}

func TestDevRefusesDamagedManifest(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, manifest.FileName), []byte(`{"version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var bad *manifest.Error
	if _, err := Dev(t.Context(), dir, enrol, nil); !errors.As(err, &bad) {
		t.Fatalf("got %v", err)
	}
}

func TestDevRefusesUnknownCircuit(t *testing.T) {
	if _, err := Dev(t.Context(), t.TempDir(), []consent.CircuitID{"claim/narrow/groth16"}, nil); err == nil {
		t.Fatal("no error")
	}
}
