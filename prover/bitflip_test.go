package prover_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/internal/damagetest"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// step is the distance of the bits that are flipped: all of them in the whole
// assurance, a sample otherwise. Both samples' steps are prime, so that no bit
// of a byte is left out.
func step(short int) int { return assurance.Cases(short, 1) }

// A proven statement is one with a proof, and the key that verifies it.
type proven struct {
	id     consent.CircuitID
	made   *circuittest.Case
	inputs []fr.Element
	proof  consent.Proof
	key    *proof.VerifyingKey
	file   []byte // the key's
}

// once keeps what every test of this file and the next needs: the circuits'
// keys, loaded, and a proven statement of each, in which no public input is 0.
var once struct {
	sync.Once
	all []proven
}

func everyCircuit(t *testing.T) []proven {
	t.Helper()
	once.Do(func() {
		ids := consent.Circuits()
		if !assurance.Full() {
			// The others under PLONK have their turn in TestAssurance_Plonk.
			ids = append(consent.CircuitsOf(consent.Groth16), consent.EnrolPlonk)
		}
		dir, m := provertest.Keys(t, ids...)
		p, err := prover.Open(dir, m, development)
		if err != nil {
			t.Fatal(err)
		}
		var all []proven
		for i, id := range ids {
			c := circuittest.New(t, id, uint64(600+i))
			withoutZeros(c)
			s := proven{id: id, made: c, key: verifyingKey(t, dir, m, id)}
			if s.proof, err = p.Prove(t.Context(), &c.Statement, &c.Witness); err != nil {
				t.Fatal(err)
			}
			if s.inputs, err = c.Statement.PublicInputs(); err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(s.inputs, func(e fr.Element) bool { return e.IsZero() }) {
				t.Fatalf("%s: a public input is 0", id)
			}
			if err := s.key.Verify(s.inputs, s.proof); err != nil {
				t.Fatalf("%s: the proof of a true statement: %v", id, err)
			}
			e, err := m.Find(string(id))
			if err != nil {
				t.Fatal(err)
			}
			if s.file, err = os.ReadFile(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile)); err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		once.all = all
	})
	if once.all == nil {
		t.Fatal("no proofs")
	}
	return once.all
}

// refusal names why a proof was refused; it is empty when it was not.
func refusal(t *testing.T, err error) string {
	t.Helper()
	switch {
	case err == nil:
		return ""
	case errors.Is(err, proof.ErrMalformed):
		return "malformed"
	case errors.Is(err, proof.ErrInvalid):
		return "invalid"
	case errors.Is(err, proof.ErrKeyDigest):
		return "another digest"
	case errors.Is(err, proof.ErrKey):
		return "unusable key"
	}
	t.Errorf("untyped error %v", err)
	return "untyped"
}

func record(t *testing.T, what string, tally *damagetest.Tally) {
	t.Helper()
	assurance.Record(t, "bit flips/"+what+" bits", tally.Tried, tally.String())
	assurance.Record(t, "bit flips/"+what+" accepted", tally.Accepted, "")
	assurance.Record(t, "bit flips/"+what+" panics", tally.Panics, "")
	assurance.Record(t, "bit flips/"+what+" bytes allocated", int(tally.Dearest), "by the dearest call, freed ones included")
	if tally.Dearest > damagetest.MiB {
		t.Errorf("one call allocated %d bytes", tally.Dearest)
	}
}

// Every bit of a proof of every circuit.
func TestAssurance_BitFlipsProof(t *testing.T) {
	var tally damagetest.Tally
	for _, s := range everyCircuit(t) {
		tally.Flip(t, []byte(s.proof), step(17), func(_ int, damaged []byte) string {
			return refusal(t, s.key.Verify(s.inputs, consent.Proof(damaged)))
		})
	}
	record(t, "proof", &tally)
}

// Every bit of every verifying key, pinned as it was and pinned anew: a file
// that somebody damaged, and one that somebody damaged before the manifest was
// made. What the key has for a public input that is 0 is not looked at, which is
// why the statements have none.
func TestAssurance_BitFlipsKey(t *testing.T) {
	var tally damagetest.Tally
	for _, s := range everyCircuit(t) {
		pinned := sha256.Sum256(s.file)
		parse, at := proof.ParseVerifyingKey, step(67)
		if s.id.Scheme() == consent.Plonk {
			parse = proof.ParsePlonkKey
			// Of 34 kB 33 are lines of tau, the same in every key: all bits of
			// one key, and a sample of the others'.
			if at = step(1511); s.id != consent.ClaimPlonk {
				at = assurance.Cases(9973, 101)
			}
		}
		tally.Flip(t, s.file, at, func(bit int, damaged []byte) string {
			// Every flip must also fail by the digest alone.
			what := fmt.Sprintf("%s: bit %d under the old digest", s.id, bit)
			tally.Try(t, what, func() string {
				_, err := parse(damaged, pinned, len(s.inputs))
				return refusal(t, err)
			})
			k, err := parse(damaged, sha256.Sum256(damaged), len(s.inputs))
			if err != nil {
				return refusal(t, err)
			}
			return refusal(t, k.Verify(s.inputs, s.proof))
		})
	}
	record(t, "key", &tally)
}

// withoutZeros changes a case so that no public input is 0: bounds at least 1,
// every link on, and no distance of −10, which is written as 0.
func withoutZeros(c *circuittest.Case) {
	r := c.Witness.Credential
	if r == nil {
		return
	}
	s := &c.Statement
	v := r.Opening.Attributes[0].Value
	for i := range s.Ranges {
		s.Ranges[i] = consent.Range{Mask: consent.AllSlots, Lo: v, Hi: v}
		r.Ranges[i] = 0
	}
	for i := range s.Sets {
		s.Sets[i].Mask = consent.AllSlots
		r.Sets[i].Slot, r.Sets[i].Interval = 0, consent.Interval{Lo: v, Hi: v}
	}
	for i := range s.Links {
		s.Links[i] = consent.Link{On: true, Offset: consent.LinkBias}
	}
	c.Seal()
}

// A proving key that was pinned with a point off its group is refused: what it
// proved would not verify, and its points must not reach arithmetic that takes
// the group for granted.
func TestRefusesPinnedProvingKeyOffTheCurve(t *testing.T) {
	dir, m, e := damaged(t, consent.Enrol)
	path := filepath.Join(dir, e.Folder(), manifest.ProvingKeyFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	pinned := *e
	pinned.ProvingKey = sha256.Sum256(b)
	m.Put(pinned)
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Load(t.Context(), consent.Enrol); !errors.Is(err, prover.ErrFormat) {
		t.Fatalf("got %v", err)
	}
}
