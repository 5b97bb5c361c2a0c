// Package circuittest gives tests the cases of package sample from a printed
// seed (docs/spec.md §9.3).
//
// # Caveats
//
// It is imported by tests only. Its randomness is that of the seed and
// protects nobody.
package circuittest

import (
	"math/rand/v2"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/sample"
	"github.com/zkconsent/zkconsent/consent"
)

// A Case is a statement with a witness, and what they were made from.
type Case = sample.Case

// New returns a random case that satisfies the circuit. It logs the seed.
func New(tb testing.TB, id consent.CircuitID, seed uint64) *Case {
	tb.Helper()
	tb.Logf("case %s, seed %d", id, seed)
	c, err := sample.New(id, rand.New(rand.NewPCG(seed, 1)))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}
