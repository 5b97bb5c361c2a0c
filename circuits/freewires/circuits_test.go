package freewires_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/freewires"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
)

// Two quotients for each of the 126 additions of a re-keying. In gnark's PLONK
// form those of the last one follow from rk as well.
const (
	quotients      = 252
	quotientsPlonk = 250
)

func analyse(t *testing.T, s constraint.ConstraintSystem) *freewires.Report {
	t.Helper()
	r, err := freewires.Analyse(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func assigned(t *testing.T, id consent.CircuitID, seed uint64) frontend.Circuit {
	t.Helper()
	c := circuittest.New(t, id, seed)
	a, err := circuits.Assign(&c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// solution returns the values of all wires, in the order of their numbers.
func solution(t *testing.T, s constraint.ConstraintSystem, assigned frontend.Circuit, opts ...solver.Option) fr.Vector {
	t.Helper()
	w, err := frontend.NewWitness(assigned, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	solved, err := s.Solve(w, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := solved.(*cs.R1CSSolution); ok {
		return r.W
	}
	// PLONK's solution is by gates, after one row for each public input.
	sparse := s.(*cs.SparseR1CS)
	by := solved.(*cs.SparseR1CSSolution)
	public := sparse.GetNbPublicVariables()
	values := make(fr.Vector, public+sparse.GetNbSecretVariables()+sparse.GetNbInternalVariables())
	copy(values, w.Vector().(fr.Vector))
	for i, g := range sparse.GetSparseR1Cs() {
		values[g.XA], values[g.XB], values[g.XC] = by.L[public+i], by.R[public+i], by.O[public+i]
	}
	return values
}

func expectSound(t *testing.T, r *freewires.Report, excepted int) {
	t.Helper()
	for _, w := range append(r.Unbound, r.Free...) {
		t.Errorf("%s is free: %s, constraint %d", w.Name, w.Origin, w.Constraint)
	}
	if r.Excepted != excepted {
		t.Errorf("%d wires rest on an exception, want %d", r.Excepted, excepted)
	}
	total := 0
	for _, n := range r.Rules {
		total += n
	}
	if total != r.Internal {
		t.Errorf("%d wires are determined, of %d", total, r.Internal)
	}
}

func TestAssurance_FreeWires(t *testing.T) {
	deficiency, solutions := 0, 0
	check := func(s constraint.ConstraintSystem, id consent.CircuitID, seed uint64) {
		n, err := freewires.Deficiency(s, solution(t, s, assigned(t, id, seed)))
		if err != nil {
			t.Fatalf("%s, seed %d: %v", id, seed, err)
		}
		if n != 0 {
			t.Errorf("%s, seed %d: rank deficiency %d", id, seed, n)
		}
		deficiency += n
		solutions++
	}
	for _, id := range consent.Circuits() {
		s, err := circuits.Compile(id)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		r := analyse(t, s)
		took := time.Since(start)
		excepted, points := quotients, assurance.Cases(1, 8)
		if id.Scheme() == consent.Plonk {
			excepted, points = quotientsPlonk, assurance.Cases(0, 3)
		}
		expectSound(t, r, excepted)
		assurance.Record(t, "free wires/"+string(id), len(r.Free)+len(r.Unbound), fmt.Sprintf(
			"of %d internal wires, for all inputs, in %d ms; %v", r.Internal, took.Milliseconds(), r.Rules))
		assurance.Record(t, "free wires/excepted in "+string(id), r.Excepted, freewires.Excepted()[freewires.Quotient])
		for seed := range uint64(points) {
			check(s, id, seed)
		}
	}
	assurance.Record(t, "free wires/rank deficiency", deficiency, fmt.Sprintf("at %d random solutions, seeds from 0", solutions))
}
