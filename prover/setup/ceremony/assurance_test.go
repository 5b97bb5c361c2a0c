package ceremony_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/setup"
	"github.com/zkconsent/zkconsent/prover/setup/ceremony"
)

// A party has a folder of its own, and its key.
type party struct {
	folder string
	ceremony.Contributor
}

// handOver copies what a party does not have yet, as by mail: the files of a
// ceremony, and nothing else.
func handOver(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "ceremony.lock" {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// round has every party contribute once, one after the other, each in a folder
// of its own, and seals with a beacon in the last one's.
func round(t *testing.T, parties []party, from string, beacon byte) (last string) {
	t.Helper()
	for _, p := range parties {
		handOver(t, from, p.folder)
		start := time.Now()
		if _, err := ceremony.In(p.folder).Contribute(t.Context(), p.Contributor, nil); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s contributed in %.1f s", p.Name, time.Since(start).Seconds())
		from = p.folder
	}
	if _, err := ceremony.In(from).Seal(t.Context(), bytes.Repeat([]byte{beacon}, 32), "the test", nil); err != nil {
		t.Fatal(err)
	}
	return from
}

// TestAssurance_Ceremony plays a whole ceremony of three contributors with the
// real circuits, and derives the keys twice. Short runs leave it
// to the tests of the tiny circuits.
func TestAssurance_Ceremony(t *testing.T) {
	if testing.Short() && !assurance.Full() {
		t.Skip("preparing the second phase of a real circuit takes seconds for each party")
	}
	ids := []consent.CircuitID{consent.Enrol}
	options := ceremony.Options{Circuits: ids}
	if assurance.Full() {
		ids = append(ids, consent.Claim, consent.EnrolPlonk)
		options.Circuits = ids
	}
	var parties []party
	for i := range byte(3) {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{i + 1}, ed25519.SeedSize))
		parties = append(parties, party{filepath.Join(t.TempDir(), "ceremony"), ceremony.Contributor{Key: key, Name: fmt.Sprintf("party %d", i+1)}})
	}
	begun := filepath.Join(t.TempDir(), "ceremony")
	if _, err := ceremony.In(begun).Begin(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	last := round(t, parties, round(t, parties, begun, 1), 2)

	// The last contributor and somebody else, each from the files alone.
	auditor := filepath.Join(t.TempDir(), "ceremony")
	handOver(t, last, auditor)
	folders := []string{last, auditor}
	transcripts, errs := make([]*ceremony.Transcript, 2), make([]error, 2)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range folders {
		wg.Go(func() { transcripts[i], errs[i] = ceremony.In(folders[i]).Verify(t.Context(), nil) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Logf("verified by two at once in %.1f s", time.Since(start).Seconds())
	transcript, again := transcripts[0], transcripts[1]
	if err := transcript.Complete(); err != nil {
		t.Fatal(err)
	}
	distinct := min(transcript.First.Distinct(), transcript.Second.Distinct())
	keys := t.TempDir()
	m, err := setup.Install(t.Context(), keys, transcript.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Compare(m); err != nil {
		t.Fatal(err)
	}

	accepted := 0
	for _, id := range ids {
		accepted += proves(t, keys, m, id)
	}
	assurance.Record(t, "ceremony/contributors", distinct, "distinct keys in the phase with the fewest")
	assurance.Record(t, "ceremony/circuits reproduced", len(again.Keys), fmt.Sprint(ids))
	assurance.Record(t, "ceremony/false proofs accepted", accepted, "each public input changed, under the ceremony's keys")
}

// proves demands that keys which came from a ceremony load where no development
// keys are taken, that a true statement is proved, and counts how often a
// changed one is accepted.
func proves(t *testing.T, dir string, m *manifest.Manifest, id consent.CircuitID) (accepted int) {
	t.Helper()
	p, err := prover.Open(dir, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := circuittest.New(t, id, 1)
	b, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.Find(string(id))
	if err != nil {
		t.Fatal(err)
	}
	key, err := proof.Open(dir, e, false)
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := c.Statement.PublicInputs()
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Verify(inputs, b); err != nil {
		t.Fatalf("%s: a true statement: %v", id, err)
	}
	one := fr.One()
	for i := range inputs {
		changed := append([]fr.Element(nil), inputs...)
		changed[i].Add(&changed[i], &one)
		if err := key.Verify(changed, b); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("%s: with public input %d changed: %v", id, i, err)
			accepted++
		}
	}
	return accepted
}

// TestAssurance_CeremonyRefusals: every reason for which a ceremony is refused
// has a test that meets it.
func TestAssurance_CeremonyRefusals(t *testing.T) {
	set := token.NewFileSet()
	reasons := map[string]bool{}
	source, err := parser.ParseFile(set, "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range source.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			for _, n := range s.(*ast.ValueSpec).Names {
				reasons[n.Name] = false
			}
		}
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		tree, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					if _, is := reasons[id.Name]; is {
						reasons[id.Name] = true
					}
				}
				return true
			})
		}
	}
	tested := 0
	for name, met := range reasons {
		if !met {
			t.Errorf("no test meets a refusal for %s", name)
			continue
		}
		tested++
	}
	assurance.Record(t, "ceremony/reasons to refuse", tested, "each met by a test of prover/setup/ceremony")
	assurance.Record(t, "ceremony/reasons without a test", len(reasons)-tested, "")
}
