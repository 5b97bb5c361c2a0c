package prover_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// development takes the keys that tests have.
var development = &prover.Options{DevelopmentKeys: true}

func verifyingKey(t *testing.T, dir string, m *manifest.Manifest, id consent.CircuitID) *proof.VerifyingKey {
	t.Helper()
	e, err := m.Find(string(id))
	if err != nil {
		t.Fatal(err)
	}
	k, err := proof.LoadVerifyingKey(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile), id.Scheme(), e.VerifyingKey, int(e.Public))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Every circuit: a proof is accepted for its statement, and for no statement
// that differs in one public input. PLONK's part is TestAssurance_Plonk.
func TestAttack_ChangedPublicInput(t *testing.T) {
	dir, m := provertest.Keys(t, consent.CircuitsOf(consent.Groth16)...)
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range consent.CircuitsOf(consent.Groth16) {
		t.Run(string(id), func(t *testing.T) {
			start := time.Now()
			if err := p.Load(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			t.Logf("keys loaded in %v", time.Since(start).Round(time.Millisecond))
			provesThisAlone(t, p, verifyingKey(t, dir, m, id), circuittest.New(t, id, uint64(100+i)))
		})
	}
}

// provesThisAlone proves a true statement, and expects that its proof is
// accepted for it and for none that differs. It returns how many were denied.
func provesThisAlone(t *testing.T, p *prover.Prover, k *proof.VerifyingKey, c *circuittest.Case) (denied int) {
	t.Helper()
	b, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := c.Statement.PublicInputs()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(inputs, b); err != nil {
		t.Fatalf("the proof of a true statement: %v", err)
	}
	denies := func(what string, inputs []fr.Element) {
		if err := k.Verify(inputs, b); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("with %s: %v", what, err)
		}
		denied++
	}
	one := fr.One()
	for i := range inputs {
		changed := append([]fr.Element(nil), inputs...)
		changed[i].Add(&changed[i], &one)
		denies(fmt.Sprintf("public input %d changed", i), changed)
	}
	// What a packed pair would hide: one less in one value, 2^64 more in the
	// next.
	var alias fr.Element
	alias.SetBigInt(new(big.Int).Lsh(big.NewInt(1), 64))
	for i := range len(inputs) - 1 {
		changed := append([]fr.Element(nil), inputs...)
		changed[i].Sub(&changed[i], &one)
		changed[i+1].Add(&changed[i+1], &alias)
		denies(fmt.Sprintf("public inputs %d and %d aliased", i, i+1), changed)
	}
	denies("a public input less", inputs[1:])
	denies("a public input more", append(inputs[:len(inputs):len(inputs)], one))
	return denied
}

func TestAttack_ProofOfAnotherCircuit(t *testing.T) {
	dir, m := provertest.Keys(t, consent.Claim, consent.Enrol, consent.ClaimPlonk, consent.EnrolPlonk)
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range consent.Schemes() {
		c := circuittest.New(t, consent.Enrol.Under(scheme), 3)
		b, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
		if err != nil {
			t.Fatal(err)
		}
		k := verifyingKey(t, dir, m, consent.Claim.Under(scheme))
		if err := k.Verify(make([]fr.Element, k.Inputs()), b); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("an enrol proof under claim's key of %s: %v", scheme, err)
		}
		// The same statement under the other scheme's key.
		in, err := c.Statement.PublicInputs()
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range consent.Schemes() {
			k := verifyingKey(t, dir, m, consent.Enrol.Under(other))
			if err := k.Verify(in, b); (err == nil) != (other == scheme) || err != nil && !errors.Is(err, proof.ErrMalformed) {
				t.Errorf("a %s proof under the key of %s: %v", scheme, other, err)
			}
		}
	}
}

func TestTwoProofsOfOneStatementDiffer(t *testing.T) {
	p := provertest.New(t, enrolments...)
	for _, id := range enrolments {
		c := circuittest.New(t, id, 4)
		a, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
		if err != nil {
			t.Fatal(err)
		}
		// Each part, those of the fixed polynomials at the random ζ included.
		for i := 0; i < len(a); i += 32 {
			if a[i:i+32] == b[i:i+32] {
				t.Errorf("%s: bytes %d to %d of two proofs are equal: the prover is not randomised", id, i, i+32)
			}
		}
	}
}

// enrolments is the smallest circuit under each scheme.
var enrolments = []consent.CircuitID{consent.Enrol, consent.EnrolPlonk}

func TestRefusesFalseWitnessWithoutItsValues(t *testing.T) {
	ids := []consent.CircuitID{consent.Enrol, consent.Claim, consent.EnrolPlonk, consent.ClaimPlonk}
	p := provertest.New(t, ids...)
	for _, scheme := range consent.Schemes() {
		enrol, claim := consent.Enrol.Under(scheme), consent.Claim.Under(scheme)
		t.Run(string(scheme)+", enrol, wrong nullifier key", func(t *testing.T) {
			c := circuittest.New(t, enrol, 5)
			c.Witness.Holder.Nk = c.Element()
			refuses(t, p, c)
		})
		t.Run(string(scheme)+", claim, revoked record", func(t *testing.T) {
			c := circuittest.New(t, claim, 6)
			c.Statement.Root = c.Element()
			refuses(t, p, c)
		})
		t.Run(string(scheme)+", claim, nobody as issuer", func(t *testing.T) {
			c := circuittest.New(t, claim, 6)
			c.Witness.Credential.Authority = fr.Element{}
			c.Seal()
			refuses(t, p, c)
		})
		t.Run(string(scheme)+", enrol, key off the curve", func(t *testing.T) {
			c := circuittest.New(t, enrol, 7)
			c.Witness.Holder.AkX = c.Element()
			refuses(t, p, c)
		})
	}
}

func refuses(t *testing.T, p *prover.Prover, c *circuittest.Case) {
	t.Helper()
	b, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
	if err != prover.ErrNotSatisfied {
		t.Fatalf("got %v, want ErrNotSatisfied itself, without gnark's words", err)
	}
	if b != "" {
		t.Fatal("bytes beside an error")
	}
}

// What the standard output and errors could reveal: solve a false witness with
// output captured, and look for the secrets in it.
func TestAttack_SecretsInOutput(t *testing.T) {
	for _, id := range enrolments {
		t.Run(string(id), func(t *testing.T) { secretsInOutput(t, id) })
	}
}

func secretsInOutput(t *testing.T, id consent.CircuitID) {
	p := provertest.New(t, id)
	c := circuittest.New(t, id, 8)
	c.Witness.Holder.Nk = c.Element()
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = f, f
	_, proveErr := p.Prove(context.Background(), &c.Statement, &c.Witness)
	fmt.Printf("%v %+v %#v %s\n", c.Witness, &c.Witness, c.Witness.Holder, c.Witness)
	os.Stdout, os.Stderr = stdout, stderr
	out, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	text := string(out) + fmt.Sprint(proveErr)
	h := c.Witness.Holder
	for name, v := range map[string]fr.Element{"ak.x": h.AkX, "ak.y": h.AkY, "nk": h.Nk} {
		raw := v.Bytes()
		for _, form := range []string{v.String(), hex.EncodeToString(raw[:])} {
			if strings.Contains(text, form) {
				t.Errorf("%s is in the output", name)
			}
		}
	}
	if !strings.Contains(text, "REDACTED") {
		t.Error("the capture did not work")
	}
}

func TestHonoursContext(t *testing.T) {
	p := provertest.New(t, consent.Enrol)
	c := circuittest.New(t, consent.Enrol, 9)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Prove(ctx, &c.Statement, &c.Witness); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestProvesConcurrently(t *testing.T) {
	p := provertest.New(t, enrolments...)
	var wg sync.WaitGroup
	for i := range 6 {
		c := circuittest.New(t, enrolments[i%2], uint64(20+i))
		wg.Go(func() {
			if _, err := p.Prove(t.Context(), &c.Statement, &c.Witness); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestRefusesMissingParts(t *testing.T) {
	p := provertest.New(t, consent.Enrol)
	c := circuittest.New(t, consent.Claim, 10)
	c.Witness.Consent = nil
	var missing *circuits.WitnessError
	if _, err := p.Prove(t.Context(), &c.Statement, &c.Witness); !errors.As(err, &missing) || missing.Field != "consent" {
		t.Fatalf("got %v", err)
	}
	c = circuittest.New(t, consent.Claim, 10)
	var entry *manifest.Error
	if _, err := p.Prove(t.Context(), &c.Statement, &c.Witness); !errors.As(err, &entry) {
		t.Fatalf("a circuit without keys gave %v", err)
	}
}

// damaged returns a copy of a circuit's keys that a test may damage.
func damaged(t *testing.T, id consent.CircuitID) (dir string, m *manifest.Manifest, e *manifest.Entry) {
	t.Helper()
	from, m := provertest.Keys(t, id)
	e, err := m.Find(string(id))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, e.Folder()), os.DirFS(filepath.Join(from, e.Folder()))); err != nil {
		t.Fatal(err)
	}
	return dir, m, e
}

func TestAttack_SwappedKeys(t *testing.T) {
	for i, name := range []string{manifest.ProvingKeyFile, manifest.VerifyingKeyFile, manifest.ProvingKeyFile, manifest.VerifyingKeyFile} {
		id := enrolments[i/2]
		// The key of another circuit, and for PLONK of another scheme.
		other := []consent.CircuitID{consent.ConsentOnly, consent.Enrol}[i/2]
		from, others := provertest.Keys(t, other)
		another, err := others.Find(string(other))
		if err != nil {
			t.Fatal(err)
		}
		swapped, err := os.ReadFile(filepath.Join(from, another.Folder(), name))
		if err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func([]byte) []byte{
			"one bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"truncated": func(b []byte) []byte { return b[:len(b)-1] },
			"extended":  func(b []byte) []byte { return append(b, 0) },
			"empty":     func([]byte) []byte { return nil },
			"another's": func([]byte) []byte { return swapped },
		} {
			t.Run(string(id)+" "+name+" "+what, func(t *testing.T) {
				dir, m, e := damaged(t, id)
				path := filepath.Join(dir, e.Folder(), name)
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, change(b), 0o600); err != nil {
					t.Fatal(err)
				}
				_, err = prover.Open(dir, m, &prover.Options{Preload: []consent.CircuitID{id}, DevelopmentKeys: true})
				var key *prover.KeyError
				if !errors.As(err, &key) || !errors.Is(err, prover.ErrDigest) && !errors.Is(err, proof.ErrKeyDigest) {
					t.Fatalf("got %v", err)
				}
			})
		}
	}
}

func TestRefusesKeysOfAnotherSystem(t *testing.T) {
	dir, m, e := damaged(t, consent.EnrolPlonk)
	other := *e
	other.System[0] ^= 1
	m.Put(other)
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Load(t.Context(), consent.EnrolPlonk); !errors.Is(err, prover.ErrSystem) {
		t.Fatalf("got %v", err)
	}
}

// Proving keys that were pinned although they are no such circuit's: the
// digest matches each time.
func TestRefusesPinnedProvingKeysOfOthers(t *testing.T) {
	all, keys := provertest.Keys(t, consent.Enrol, consent.EnrolPlonk, consent.ConsentOnlyPlonk)
	file := func(id consent.CircuitID, name string) []byte {
		e, err := keys.Find(string(id))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(all, e.Folder(), name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	own := file(consent.EnrolPlonk, manifest.ProvingKeyFile)
	const points = (4 + 64*8192) + (4 + 64*8195) // the powers of tau, behind the verifying key
	spoiled := func(at int, b ...byte) []byte {
		s := append([]byte(nil), own...)
		copy(s[at:], b)
		return s
	}
	for name, b := range map[string][]byte{
		"Groth16's":               file(consent.Enrol, manifest.ProvingKeyFile),
		"a larger circuit's":      file(consent.ConsentOnlyPlonk, manifest.ProvingKeyFile),
		"its verifying key":       file(consent.EnrolPlonk, manifest.VerifyingKeyFile),
		"empty":                   nil,
		"truncated":               own[:len(own)-1],
		"a byte more":             append(own[:len(own):len(own)], 0),
		"a power fewer announced": spoiled(len(own)-points, 0, 0, 0x20, 0x02),
		"2^32 − 1 announced":      spoiled(len(own)-points, 0xff, 0xff, 0xff, 0xff),
		"a power off the curve":   spoiled(len(own)-64, 0, 1, 2, 3),
		"2^31 commitments":        spoiled(16+8+32+32+8+32+8*64, 0x80, 0, 0, 0),
		"another domain":          spoiled(16, 0, 0, 0, 0, 0, 0, 0x40, 0),
	} {
		dir, m, e := damaged(t, consent.EnrolPlonk)
		if err := os.WriteFile(filepath.Join(dir, e.Folder(), manifest.ProvingKeyFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		pinned := *e
		pinned.ProvingKey = sha256.Sum256(b)
		m.Put(pinned)
		p, err := prover.Open(dir, m, development)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = p.Load(t.Context(), consent.EnrolPlonk)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, prover.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<28 {
			t.Errorf("%s: %d bytes allocated", name, grown)
		}
	}
}

func TestRefusesMissingFiles(t *testing.T) {
	dir, m, e := damaged(t, consent.Enrol)
	if err := os.Remove(filepath.Join(dir, e.Folder(), manifest.ProvingKeyFile)); err != nil {
		t.Fatal(err)
	}
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Load(t.Context(), consent.Enrol); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

func TestRefusesUnknownCircuitInManifest(t *testing.T) {
	m := &manifest.Manifest{}
	m.Put(manifest.Entry{Circuit: "claim/narrow/groth16"})
	var unknown *circuits.CircuitError
	if _, err := prover.Open(t.TempDir(), m, nil); !errors.As(err, &unknown) {
		t.Fatalf("got %v", err)
	}
}

// TestRefusesDevelopmentKeysInProduction: a wallet's prover does not give
// credit to keys by which others could answer in its patient's place.
func TestRefusesDevelopmentKeysInProduction(t *testing.T) {
	dir, m, _ := damaged(t, consent.Enrol)
	p, err := prover.Open(dir, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	var key *prover.KeyError
	var refused *manifest.DevelopmentError
	if err := p.Load(t.Context(), consent.Enrol); !errors.As(err, &key) || !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	c := circuittest.New(t, consent.Enrol, 1)
	if b, err := p.Prove(t.Context(), &c.Statement, &c.Witness); !errors.As(err, &refused) || b != "" {
		t.Fatalf("got %v", err)
	}
}

func TestStagesBeginInTheirOrder(t *testing.T) {
	p := provertest.New(t, enrolments...)
	for _, id := range enrolments {
		var seen []prover.Stage
		c := circuittest.New(t, id, 31)
		if _, err := p.ProveInStages(t.Context(), &c.Statement, &c.Witness, func(s prover.Stage) { seen = append(seen, s) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(seen, []prover.Stage{prover.Preparing, prover.Proving, prover.Checking}) {
			t.Errorf("%s: %v", id, seen)
		}
		seen = nil
		c.Witness.Holder.Nk = c.Element()
		if _, err := p.ProveInStages(t.Context(), &c.Statement, &c.Witness, func(s prover.Stage) { seen = append(seen, s) }); err != prover.ErrNotSatisfied || len(seen) != 2 {
			t.Errorf("%s: %v after %v", id, err, seen)
		}
	}
}
