package circuits_test

import (
	"testing"

	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
)

// An attack changes a valid case so that one assertion fails. Everything else
// is made consistent again: before is followed by Seal, so that a changed
// record is really registered; after changes the sealed case; raw the values
// of wires, which need not fit the native types.
type attack struct {
	name   string
	on     []consent.CircuitID
	before func(c *circuittest.Case)
	after  func(c *circuittest.Case)
	raw    func(c *circuittest.Case, a frontend.Circuit)
}

// Each id stands for its circuit under every scheme.
var (
	everywhere    = consent.CircuitsOf(consent.Groth16)
	withConsent   = []consent.CircuitID{consent.ConsentOnly, consent.Claim}
	withAttribute = []consent.CircuitID{consent.Eligibility, consent.Claim}
	withTwoSets   = []consent.CircuitID{consent.EligibilityWide, consent.ClaimWide}
)

// run expects every attack to fail, under every scheme.
func run(t *testing.T, attacks []attack) {
	t.Helper()
	for i, a := range attacks {
		for _, id := range underEachScheme(a.on) {
			t.Run(a.name+"/"+string(id), func(t *testing.T) {
				if played(t, a, id, uint64(1000+i)) {
					t.Fatal("the circuit is satisfied")
				}
			})
		}
	}
}

// allow expects the circuit to be satisfied under every scheme: the controls
// of the attacks, at the very bounds.
func allow(t *testing.T, controls []attack) {
	t.Helper()
	for i, a := range controls {
		for _, id := range underEachScheme(a.on) {
			t.Run(a.name+"/"+string(id), func(t *testing.T) {
				if !played(t, a, id, uint64(2000+i)) {
					t.Fatal("the circuit is not satisfied")
				}
			})
		}
	}
}

func underEachScheme(circuits []consent.CircuitID) (ids []consent.CircuitID) {
	for _, id := range circuits {
		for _, s := range consent.Schemes() {
			ids = append(ids, id.Under(s))
		}
	}
	return ids
}

func played(t *testing.T, a attack, id consent.CircuitID, seed uint64) bool {
	t.Helper()
	c := circuittest.New(t, id, seed)
	if a.before != nil {
		a.before(c)
		c.Seal()
	}
	if a.after != nil {
		a.after(c)
	}
	assigned := assign(t, c)
	if a.raw != nil {
		a.raw(c, assigned)
	}
	return solves(t, id, assigned)
}
