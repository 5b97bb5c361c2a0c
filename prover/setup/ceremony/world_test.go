package ceremony

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
)

// Two circuits of one shape, so that a payload for one has the other's size.
const (
	cube   consent.CircuitID = "tiny/cube"
	fourth consent.CircuitID = "tiny/fourth"
	sparse consent.CircuitID = "tiny/sparse" // under PLONK
)

type cubeCircuit struct {
	X frontend.Variable
	Y frontend.Variable `gnark:",public"`
}

func (c *cubeCircuit) Define(api frontend.API) error {
	x2 := api.Mul(c.X, c.X)
	x3 := api.Mul(x2, c.X)
	api.AssertIsEqual(api.Mul(x3, x3), api.Add(api.Mul(c.Y, c.Y), 0))
	api.AssertIsEqual(x3, api.Add(c.Y, 0))
	return nil
}

type fourthCircuit struct {
	X frontend.Variable
	Y frontend.Variable `gnark:",public"`
}

func (c *fourthCircuit) Define(api frontend.API) error {
	x2 := api.Mul(c.X, c.X)
	x4 := api.Mul(x2, x2)
	api.AssertIsEqual(api.Mul(x4, x4), api.Add(api.Mul(c.Y, c.Y), 0))
	api.AssertIsEqual(x4, api.Add(c.Y, 0))
	return nil
}

func compileTiny(id consent.CircuitID) (constraint.ConstraintSystem, error) {
	switch id {
	case cube:
		return frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &cubeCircuit{})
	case sparse:
		return frontend.Compile(ecc.BN254.ScalarField(), scs.NewBuilder, &cubeCircuit{})
	case fourth:
		return frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &fourthCircuit{})
	}
	return nil, errors.New("no such circuit")
}

// tiny is a ceremony of the tiny circuits in a folder.
func tiny(path string) *Folder {
	f := In(path)
	f.compile = compileTiny
	return f
}

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func contributor(n byte) Contributor {
	return Contributor{key(n), string(rune('A'-1+n)) + " of the tests"}
}

func beacon(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func contribute(tb testing.TB, f *Folder, who ...byte) {
	tb.Helper()
	for _, n := range who {
		if _, err := f.Contribute(tb.Context(), contributor(n), nil); err != nil {
			tb.Fatal(err)
		}
	}
}

func seal(tb testing.TB, f *Folder, n byte) {
	tb.Helper()
	if _, err := f.Seal(tb.Context(), beacon(n), "the tests", nil); err != nil {
		tb.Fatal(err)
	}
}

// The stages of a ceremony that the tests start from.
const (
	begun   = "begun"
	powered = "powered" // three contributions to the first phase
	halfway = "halfway" // the first phase is sealed
	keyed   = "keyed"   // three contributions to the second phase
	whole   = "whole"   // sealed
)

var stages struct {
	sync.Once
	dir string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if stages.dir != "" {
		os.RemoveAll(stages.dir)
	}
	os.Exit(code)
}

// at copies a ceremony in one of the stages into a folder of the test's own.
func at(tb testing.TB, stage string) *Folder {
	tb.Helper()
	stages.Do(func() {
		dir, err := os.MkdirTemp("", "ceremony")
		if err != nil {
			tb.Fatal(err)
		}
		stages.dir = dir
		f := tiny(filepath.Join(dir, "now"))
		keep := func(name string) {
			if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(f.path)); err != nil {
				tb.Fatal(err)
			}
		}
		if _, err := f.Begin(tb.Context(), Options{Circuits: []consent.CircuitID{fourth, cube}}); err != nil {
			tb.Fatal(err)
		}
		keep(begun)
		contribute(tb, f, 1, 2, 3)
		keep(powered)
		seal(tb, f, 1)
		keep(halfway)
		contribute(tb, f, 1, 2, 3)
		keep(keyed)
		seal(tb, f, 2)
		keep(whole)
	})
	path := filepath.Join(tb.TempDir(), "ceremony")
	if err := os.CopyFS(path, os.DirFS(filepath.Join(stages.dir, stage))); err != nil {
		tb.Fatal(err)
	}
	return tiny(path)
}

func (f *Folder) bytes(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(f.file(name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func (f *Folder) put(tb testing.TB, name string, b []byte) {
	tb.Helper()
	if err := f.write(name, b); err != nil {
		tb.Fatal(err)
	}
}

// alter changes bytes of a file.
func (f *Folder) alter(tb testing.TB, name string, change func([]byte) []byte) {
	tb.Helper()
	f.put(tb, name, change(f.bytes(tb, name)))
}

func (f *Folder) contribution(tb testing.TB, phase, number int) *Contribution {
	tb.Helper()
	b, err := f.readMessage(contributionFile(phase, number), contributionKind, maxContribution)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := DecodeContribution(b)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (f *Folder) putContribution(tb testing.TB, c *Contribution) {
	tb.Helper()
	f.put(tb, contributionFile(c.Phase, c.Number), c.Encode())
}

func (f *Folder) seal(tb testing.TB, phase int) *Seal {
	tb.Helper()
	b, err := f.readMessage(sealFile(phase), sealKind, maxSeal)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := DecodeSeal(b)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// submit adds payloads as a contributor of ill will would: in a contribution
// that is signed and in its place.
func (f *Folder) submit(tb testing.TB, who byte, phase int, payloads ...[]byte) {
	tb.Helper()
	t, err := f.Status(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	p := t.First
	if phase == 2 {
		p = t.Second
	}
	c := &Contribution{Ceremony: t.Digest, Phase: phase, Number: len(p.Contributions) + 1, Previous: p.head, Name: "Mallory"}
	r := &run{keyed: []prepared{{id: cube}, {id: fourth}}}
	for i, name := range r.payloadFiles(phase, c.Number) {
		c.Payloads = append(c.Payloads, sha256.Sum256(payloads[i]))
		f.put(tb, name, payloads[i])
	}
	c.sign(key(who))
	f.putContribution(tb, c)
}

// refused demands that the ceremony does not verify, for this reason.
func refused(tb testing.TB, f *Folder, why Reason) {
	tb.Helper()
	_, err := f.Verify(tb.Context(), nil)
	because(tb, err, why)
}

func because(tb testing.TB, err error, why Reason) {
	tb.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != why || r.Where == "" || r.Detail == "" {
		tb.Errorf("got %v, want a refusal: %s", err, why)
	}
}

func verified(tb testing.TB, f *Folder) *Transcript {
	tb.Helper()
	t, err := f.Verify(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// produced is the manifest that follows from a sealed ceremony.
func produced(tb testing.TB, f *Folder) *manifest.Manifest {
	tb.Helper()
	m := &manifest.Manifest{}
	for _, k := range verified(tb, f).Keys {
		m.Put(k.Entry)
	}
	return m
}

func mustSystem(tb testing.TB) *cs.R1CS {
	tb.Helper()
	system, err := compileTiny(cube)
	if err != nil {
		tb.Fatal(err)
	}
	return system.(*cs.R1CS)
}
