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
	withConsent   = []consent.CircuitID{consent.ConsentOnly, consent.Claim, consent.ClaimWide}
	withAttribute = []consent.CircuitID{consent.Eligibility, consent.Claim, consent.EligibilityWide, consent.ClaimWide}
	withTwoSets   = []consent.CircuitID{consent.EligibilityWide, consent.ClaimWide}
)

// A table makes attacks, and the controls that show that each of them fails
// for its own reason: true statements at the very bounds.
type table func(t testing.TB) (attacks, controls []attack)

// corpus is every table: false statements for all who try to prove one.
func corpus() []table {
	return []table{
		holderAttacks, consentAttacks, laneAttacks, orderAttacks, credentialAttacks, rangeAttacks, setAttacks, linkAttacks,
		predicateAttacks, positionAttacks,
	}
}

// play expects every attack to fail and every control to pass.
func play(t *testing.T, of table) {
	t.Helper()
	attacks, controls := of(t)
	for _, kind := range []struct {
		cases []attack
		seed  uint64
		want  bool
	}{{attacks, 1000, false}, {controls, 2000, true}} {
		for i, a := range kind.cases {
			for _, id := range a.everyScheme() {
				t.Run(a.name+"/"+string(id), func(t *testing.T) {
					if got := solves(t, id, staged(t, a, id, kind.seed+uint64(i))); got != kind.want {
						t.Fatalf("the circuit is satisfied: %v", got)
					}
				})
			}
		}
	}
}

// everyScheme lists the circuits that an attack is on, under each scheme.
func (a *attack) everyScheme() (ids []consent.CircuitID) {
	for _, id := range a.on {
		for _, s := range consent.Schemes() {
			ids = append(ids, id.Under(s))
		}
	}
	return ids
}

// staged returns the wires' values of an attack.
func staged(t testing.TB, a attack, id consent.CircuitID, seed uint64) frontend.Circuit {
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
	return assigned
}
