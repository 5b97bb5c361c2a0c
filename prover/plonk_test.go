package prover_test

import (
	"fmt"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// Every circuit under PLONK: keys made, statements proved, each proof accepted
// for its statement and for none that differs in a public input.
func TestAssurance_Plonk(t *testing.T) {
	ids := consent.CircuitsOf(consent.Plonk)
	dir, m := provertest.Keys(t, ids...)
	p, err := prover.Open(dir, m, development)
	if err != nil {
		t.Fatal(err)
	}
	statements := assurance.Cases(1, 20)
	for _, id := range ids {
		t.Run(string(id), func(t *testing.T) {
			key, denied, held := verifyingKey(t, dir, m, id), 0, 0
			for i := range statements {
				denied += provesThisAlone(t, p, key, circuittest.New(t, id, uint64(1000+i)))
				if t.Failed() {
					break
				}
				held++
			}
			assurance.Record(t, "plonk/"+string(id), held, fmt.Sprintf("%d false statements denied; seeds from 1000", denied))
		})
	}
}
