package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// plonkInputs is the number of enrol's public inputs.
const plonkInputs = 6

// plonkKey is the file of enrol's PLONK key.
func plonkKey(t testing.TB) []byte {
	t.Helper()
	dir, m := provertest.Keys(t, consent.EnrolPlonk)
	file, err := os.ReadFile(filepath.Join(dir, m.Entries[0].Folder(), manifest.VerifyingKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// plonkProof is a proof for that key.
func plonkProof(t testing.TB) (inputs []fr.Element, p consent.Proof) {
	t.Helper()
	c := circuittest.New(t, consent.EnrolPlonk, 1)
	p, err := provertest.New(t, consent.EnrolPlonk).Prove(t.Context(), &c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	if inputs, err = c.Statement.PublicInputs(); err != nil {
		t.Fatal(err)
	}
	return inputs, p
}

// Every part of a real proof matters: no byte may change.
func TestVerifiesPlonk(t *testing.T) {
	file := plonkKey(t)
	inputs, good := plonkProof(t)
	path := filepath.Join(t.TempDir(), "verifying.key")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := proof.LoadVerifyingKey(path, consent.Plonk, sha256.Sum256(file), len(inputs))
	if err != nil {
		t.Fatal(err)
	}
	if k.Inputs() != len(inputs) || k.Groth16() != nil {
		t.Error("the key passes for another")
	}
	if err := k.Verify(inputs, good); err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(inputs[1:], good); !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("an input less: %v", err)
	}
	// The parts exchanged or doubled, each in canonical form.
	for i := range plonkParts {
		j := (i + 1) % len(plonkParts)
		for plonkParts[j].point != plonkParts[i].point {
			j = (j + 1) % len(plonkParts)
		}
		b := []byte(good)
		copy(b[32*i:32*i+32], good[32*j:32*j+32])
		if err := k.Verify(inputs, consent.Proof(b)); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("%s in the place of %s: %v", plonkParts[j].name, plonkParts[i].name, err)
		}
	}
	for _, n := range []int{0, 1, proof.Size, proof.PlonkSize - 1, proof.PlonkSize + 1, 2 * proof.PlonkSize} {
		b := append([]byte(good), make([]byte, proof.PlonkSize)...)[:n]
		if err := k.Verify(inputs, consent.Proof(b)); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("a proof of %d bytes: %v", n, err)
		}
	}
}

// A key under the wrong scheme's name is none, whatever its digest.
func TestAttack_KeyOfAnotherScheme(t *testing.T) {
	file := plonkKey(t)
	groth16, _ := forge(t, make([]fr.Element, plonkInputs))
	path := filepath.Join(t.TempDir(), "verifying.key")
	for _, c := range []struct {
		file   []byte
		scheme consent.Scheme
	}{{file, consent.Groth16}, {groth16, consent.Plonk}, {file, ""}, {file, "marlin"}} {
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := proof.LoadVerifyingKey(path, c.scheme, sha256.Sum256(c.file), plonkInputs); !errors.Is(err, proof.ErrKey) {
			t.Errorf("as a key of %q: %v", c.scheme, err)
		}
	}
}

// Keys that were pinned although they are wrong: the digest matches each time.
func TestRefusesPlonkKeys(t *testing.T) {
	file := plonkKey(t)
	if _, err := proof.ParsePlonkKey(file, [32]byte{}, plonkInputs); !errors.Is(err, proof.ErrKeyDigest) {
		t.Errorf("another digest: %v", err)
	}
	const lists = 384 // where the list of further commitments begins
	at := func(offset int, change func(b []byte)) []byte {
		b := bytes.Clone(file)
		change(b[offset:])
		return b
	}
	changed := func(change func(k *plonk.VerifyingKey)) []byte {
		var k plonk.VerifyingKey
		if _, err := k.ReadFrom(bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		change(&k)
		var b bytes.Buffer
		if _, err := k.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	_, _, g1, g2 := bn254.Generators()
	for name, b := range map[string][]byte{
		"empty":                          nil,
		"truncated":                      file[:len(file)-1],
		"trailing byte":                  append(bytes.Clone(file), 0),
		"too long":                       make([]byte, 1<<16+1),
		"zeros":                          make([]byte, len(file)),
		"the old form, without version":  at(0, func(b []byte) { binary.BigEndian.PutUint64(b, 1<<13) }),
		"version 2":                      at(8, func(b []byte) { b[7] = 2 }),
		"commitments announced":          at(lists, func(b []byte) { binary.BigEndian.PutUint32(b, 1<<31) }),
		"indices announced":              at(len(file)-4, func(b []byte) { binary.BigEndian.PutUint32(b, 1<<31) }),
		"a commitment":                   changed(func(k *plonk.VerifyingKey) { k.Qcp = append(k.Qcp, g1); k.CommitmentConstraintIndexes = []uint64{1} }),
		"another number of inputs":       changed(func(k *plonk.VerifyingKey) { k.NbPublicVariables++ }),
		"2^64 − 1 inputs":                changed(func(k *plonk.VerifyingKey) { k.NbPublicVariables = 1<<64 - 1 }),
		"domain of another size":         changed(func(k *plonk.VerifyingKey) { k.Size *= 2 }),
		"domain of 0":                    changed(func(k *plonk.VerifyingKey) { k.Size = 0 }),
		"domain not a power of two":      changed(func(k *plonk.VerifyingKey) { k.Size-- }),
		"domain of 2^63":                 changed(func(k *plonk.VerifyingKey) { k.Size = 1 << 63 }),
		"another inverse":                changed(func(k *plonk.VerifyingKey) { k.SizeInv.SetOne() }),
		"another root of unity":          changed(func(k *plonk.VerifyingKey) { k.Generator.SetOne() }),
		"another shift":                  changed(func(k *plonk.VerifyingKey) { k.CosetShift.SetOne() }),
		"Ql infinity":                    changed(func(k *plonk.VerifyingKey) { k.Ql = bn254.G1Affine{} }),
		"Qk infinity":                    changed(func(k *plonk.VerifyingKey) { k.Qk = bn254.G1Affine{} }),
		"S3 infinity":                    changed(func(k *plonk.VerifyingKey) { k.S[2] = bn254.G1Affine{} }),
		"another generator of G1":        changed(func(k *plonk.VerifyingKey) { k.Kzg.G1.Double(&k.Kzg.G1) }),
		"generator of G1 infinity":       changed(func(k *plonk.VerifyingKey) { k.Kzg.G1 = bn254.G1Affine{} }),
		"another generator of G2":        changed(func(k *plonk.VerifyingKey) { k.Kzg.G2[0].Double(&g2) }),
		"tau 0":                          changed(func(k *plonk.VerifyingKey) { k.Kzg.G2[1] = bn254.G2Affine{} }),
		"tau 1":                          changed(func(k *plonk.VerifyingKey) { k.Kzg.G2[1] = g2; k.Kzg.Lines[1] = bn254.PrecomputeLines(g2) }),
		"another tau, the lines of this": changed(func(k *plonk.VerifyingKey) { k.Kzg.G2[1].Double(&k.Kzg.G2[1]) }),
		"a line changed":                 at(len(file)-5, func(b []byte) { b[0] ^= 1 }),
		"a coordinate of a line plus p":  at(len(file)-4-32, func(b []byte) { copy(b, bytes.Repeat([]byte{0xff}, 32)) }),
		"raw points": func() []byte {
			var k plonk.VerifyingKey
			if _, err := k.ReadFrom(bytes.NewReader(file)); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := k.WriteRawTo(&b); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}(),
	} {
		if bytes.Equal(b, file) {
			t.Fatalf("%s: nothing changed", name)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := proof.ParsePlonkKey(b, sha256.Sum256(b), plonkInputs)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, proof.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, grown)
		}
	}
	if _, err := proof.ParsePlonkKey(file, sha256.Sum256(file), plonkInputs+1); !errors.Is(err, proof.ErrKey) {
		t.Errorf("for another circuit: %v", err)
	}
}

// FuzzParsePlonkKey writes over a key, at some place, and cuts or extends it.
// The digest matches whatever comes out: what is not a key is refused.
func FuzzParsePlonkKey(f *testing.F) {
	file := plonkKey(f)
	f.Add(uint16(0), []byte(nil), int16(0))
	f.Add(uint16(16), []byte{0, 0, 0, 0, 0, 0, 1, 0}, int16(0)) // the domain
	f.Add(uint16(384), []byte{0, 0, 0, 1}, int16(32))           // one commitment
	f.Add(uint16(128), append([]byte{0x40}, make([]byte, 31)...), int16(0))
	f.Add(uint16(len(file)-4), []byte{0xff, 0xff, 0xff, 0xff}, int16(-1))
	f.Fuzz(func(t *testing.T, at uint16, over []byte, longer int16) {
		b := append(bytes.Clone(file), make([]byte, max(longer, 0))...)
		copy(b[min(int(at), len(b)):], over)
		b = b[:len(b)+int(min(longer, 0))]
		k, err := proof.ParsePlonkKey(b, sha256.Sum256(b), plonkInputs)
		if (k == nil) != (err != nil) {
			t.Fatalf("a key and %v", err)
		}
		if err != nil && !errors.Is(err, proof.ErrKey) {
			t.Fatalf("untyped error %v", err)
		}
		if err == nil && len(b) != len(file) {
			t.Fatalf("a key of %d bytes", len(b))
		}
	})
}
