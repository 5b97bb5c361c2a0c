package circuits_test

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
)

// systems compiles each circuit once for all tests of the package.
var systems = map[consent.CircuitID]constraint.ConstraintSystem{}

func system(t testing.TB, id consent.CircuitID) constraint.ConstraintSystem {
	t.Helper()
	if systems[id] == nil {
		s, err := circuits.Compile(id)
		if err != nil {
			t.Fatal(err)
		}
		systems[id] = s
	}
	return systems[id]
}

// solves reports whether an assignment satisfies the circuit. It fails the
// test if the assignment cannot even be made.
func solves(t testing.TB, id consent.CircuitID, c frontend.Circuit) bool {
	t.Helper()
	w, err := frontend.NewWitness(c, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	return system(t, id).IsSolved(w) == nil
}

func assign(t testing.TB, c *circuittest.Case) frontend.Circuit {
	t.Helper()
	a, err := circuits.Assign(&c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAcceptsRandomValidWitnesses(t *testing.T) {
	for _, id := range consent.Circuits() {
		t.Run(string(id), func(t *testing.T) {
			for seed := range uint64(6) {
				c := circuittest.New(t, id, seed)
				if !solves(t, id, assign(t, c)) {
					t.Fatal("a valid witness does not satisfy the circuit")
				}
			}
		})
	}
}

// The values that gnark puts into the public part of a witness are those that
// a verifier computes from the statement, in the same order.
func TestPublicPartEqualsStatement(t *testing.T) {
	for _, id := range consent.Circuits() {
		c := circuittest.New(t, id, 7)
		full, err := circuits.NewWitness(&c.Statement, &c.Witness)
		if err != nil {
			t.Fatal(err)
		}
		public, err := full.Public()
		if err != nil {
			t.Fatal(err)
		}
		want, err := c.Statement.PublicInputs()
		if err != nil {
			t.Fatal(err)
		}
		got := public.Vector().(fr.Vector)
		if len(got) != len(want) {
			t.Fatalf("%s: %d public values, want %d", id, len(got), len(want))
		}
		for i := range got {
			if !got[i].Equal(&want[i]) {
				t.Errorf("%s: public value %d differs", id, i)
			}
		}
	}
}
