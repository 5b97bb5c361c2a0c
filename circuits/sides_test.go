package circuits

import (
	"fmt"
	"testing"

	"github.com/consensys/gnark/constraint"
	"github.com/zkconsent/zkconsent/consent"
)

func TestSidesHaveFewerWiresOnB(t *testing.T) {
	table := "\n| circuit | A before | A after | B before | B after |\n|---|---:|---:|---:|---:|\n"
	for _, id := range consent.CircuitsOf(consent.Groth16) {
		system, err := compile(id)
		if err != nil {
			t.Fatal(err)
		}
		l0, r0 := SideCounts(system)
		chooseSides(system)
		l1, r1 := SideCounts(system)
		table += row(id, l0, l1, r0, r1)
		if before, after := l0*costL+r0*costR, l1*costL+r1*costR; after >= before {
			t.Errorf("%s: cost %d before, %d after", id, before, after)
		}
	}
	t.Log(table)
}

// The same constraints in the same order, but for L and R.
func TestSidesKeepTheConstraints(t *testing.T) {
	for _, id := range consent.CircuitsOf(consent.Groth16) {
		plain, err := compile(id)
		if err != nil {
			t.Fatal(err)
		}
		chosen, err := compile(id)
		if err != nil {
			t.Fatal(err)
		}
		chooseSides(chosen)
		before, after := plain.GetR1Cs(), chosen.GetR1Cs()
		if len(before) != len(after) {
			t.Fatalf("%s: %d constraints before, %d after", id, len(before), len(after))
		}
		exchanged := 0
		for i := range before {
			a, b := before[i], after[i]
			same := equal(a.L, b.L) && equal(a.R, b.R)
			swapped := equal(a.L, b.R) && equal(a.R, b.L)
			if !equal(a.O, b.O) || !same && !swapped {
				t.Fatalf("%s: constraint %d changed", id, i)
			}
			if !same {
				exchanged++
			}
		}
		if exchanged == 0 {
			t.Errorf("%s: nothing was exchanged", id)
		}
	}
}

func equal(a, b constraint.LinearExpression) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func row(id consent.CircuitID, l0, l1, r0, r1 int) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d |\n", id, l0, l1, r0, r1)
}
