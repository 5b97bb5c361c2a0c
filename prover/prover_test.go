package prover_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
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
// that differs in one public input.
func TestAttack_ChangedPublicInput(t *testing.T) {
	dir, m := provertest.Keys(t, consent.Circuits()...)
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range consent.Circuits() {
		t.Run(string(id), func(t *testing.T) {
			c := circuittest.New(t, id, uint64(100+i))
			start := time.Now()
			if err := p.Load(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			t.Logf("keys loaded in %v", time.Since(start).Round(time.Millisecond))
			b, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
			if err != nil {
				t.Fatal(err)
			}
			inputs, err := c.Statement.PublicInputs()
			if err != nil {
				t.Fatal(err)
			}
			k := verifyingKey(t, dir, m, id)
			if err := k.Verify(inputs, b); err != nil {
				t.Fatalf("the proof of a true statement: %v", err)
			}
			one := fr.One()
			for i := range inputs {
				changed := append([]fr.Element(nil), inputs...)
				changed[i].Add(&changed[i], &one)
				if err := k.Verify(changed, b); !errors.Is(err, proof.ErrInvalid) {
					t.Errorf("with public input %d changed: %v", i, err)
				}
			}
			// What a packed pair would hide: one less in one value, 2^64 more
			// in the next.
			var alias fr.Element
			alias.SetBigInt(new(big.Int).Lsh(big.NewInt(1), 64))
			for i := range len(inputs) - 1 {
				changed := append([]fr.Element(nil), inputs...)
				changed[i].Sub(&changed[i], &one)
				changed[i+1].Add(&changed[i+1], &alias)
				if err := k.Verify(changed, b); !errors.Is(err, proof.ErrInvalid) {
					t.Errorf("with public inputs %d and %d aliased: %v", i, i+1, err)
				}
			}
			if err := k.Verify(inputs[1:], b); !errors.Is(err, proof.ErrInvalid) {
				t.Errorf("with a public input less: %v", err)
			}
			if err := k.Verify(append(inputs[:len(inputs):len(inputs)], one), b); !errors.Is(err, proof.ErrInvalid) {
				t.Errorf("with a public input more: %v", err)
			}
		})
	}
}

func TestAttack_ProofOfAnotherCircuit(t *testing.T) {
	dir, m := provertest.Keys(t, consent.Claim, consent.Enrol, consent.ClaimWide)
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	c := circuittest.New(t, consent.Enrol, 3)
	b, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	k := verifyingKey(t, dir, m, consent.Claim)
	if err := k.Verify(make([]fr.Element, k.Inputs()), b); !errors.Is(err, proof.ErrInvalid) {
		t.Fatalf("an enrol proof under claim's key: %v", err)
	}
}

func TestTwoProofsOfOneStatementDiffer(t *testing.T) {
	p := provertest.New(t, consent.Enrol)
	c := circuittest.New(t, consent.Enrol, 4)
	a, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Prove(t.Context(), &c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	if a == b {
		t.Fatal("two proofs are equal: the prover is not randomised")
	}
}

func TestRefusesFalseWitnessWithoutItsValues(t *testing.T) {
	p := provertest.New(t, consent.Enrol, consent.Claim)
	t.Run("enrol, wrong nullifier key", func(t *testing.T) {
		c := circuittest.New(t, consent.Enrol, 5)
		c.Witness.Holder.Nk = c.Element()
		refuses(t, p, c)
	})
	t.Run("claim, revoked record", func(t *testing.T) {
		c := circuittest.New(t, consent.Claim, 6)
		c.Statement.Root = c.Element()
		refuses(t, p, c)
	})
	t.Run("claim, nobody as issuer", func(t *testing.T) {
		c := circuittest.New(t, consent.Claim, 6)
		c.Witness.Credential.Authority = fr.Element{}
		c.Seal()
		refuses(t, p, c)
	})
	t.Run("enrol, key off the curve", func(t *testing.T) {
		c := circuittest.New(t, consent.Enrol, 7)
		c.Witness.Holder.AkX = c.Element()
		refuses(t, p, c)
	})
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
	p := provertest.New(t, consent.Enrol)
	c := circuittest.New(t, consent.Enrol, 8)
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
	p := provertest.New(t, consent.Enrol)
	var wg sync.WaitGroup
	for i := range 4 {
		c := circuittest.New(t, consent.Enrol, uint64(20+i))
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

// damaged returns a copy of enrol's keys that a test may damage.
func damaged(t *testing.T) (dir string, m *manifest.Manifest, e *manifest.Entry) {
	t.Helper()
	from, m := provertest.Keys(t, consent.Enrol)
	e, err := m.Find(string(consent.Enrol))
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
	for _, name := range []string{manifest.ProvingKeyFile, manifest.VerifyingKeyFile} {
		for what, change := range map[string]func([]byte) []byte{
			"one bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"truncated": func(b []byte) []byte { return b[:len(b)-1] },
			"extended":  func(b []byte) []byte { return append(b, 0) },
			"empty":     func([]byte) []byte { return nil },
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				dir, m, e := damaged(t)
				path := filepath.Join(dir, e.Folder(), name)
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, change(b), 0o600); err != nil {
					t.Fatal(err)
				}
				_, err = prover.Open(dir, m, &prover.Options{Preload: []consent.CircuitID{consent.Enrol}, DevelopmentKeys: true})
				var key *prover.KeyError
				if !errors.As(err, &key) || !errors.Is(err, prover.ErrDigest) && !errors.Is(err, proof.ErrKeyDigest) {
					t.Fatalf("got %v", err)
				}
			})
		}
	}
}

func TestRefusesKeysOfAnotherSystem(t *testing.T) {
	dir, m, e := damaged(t)
	other := *e
	other.System[0] ^= 1
	m.Put(other)
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Load(t.Context(), consent.Enrol); !errors.Is(err, prover.ErrSystem) {
		t.Fatalf("got %v", err)
	}
}

func TestRefusesMissingFiles(t *testing.T) {
	dir, m, e := damaged(t)
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
	dir, m, _ := damaged(t)
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
