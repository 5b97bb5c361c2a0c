package circuits

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/circuits/gadget/poseidon"
	"github.com/zkconsent/zkconsent/circuits/gadget/predicate"
	"github.com/zkconsent/zkconsent/circuits/gadget/rekey"
	"github.com/zkconsent/zkconsent/consent"
	native "github.com/zkconsent/zkconsent/internal/poseidon"
)

var update = flag.Bool("update", false, "rewrite testdata/stats.csv")

const statsFile = "testdata/stats.csv"

func TestStats(t *testing.T) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	write := func(record ...string) {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	write("circuit", "profile", "scheme", "constraints", "public", "wires")
	for _, id := range consent.Circuits() {
		system, err := Compile(id)
		if err != nil {
			t.Fatal(err)
		}
		internal, secret, public := system.GetNbVariables()
		parts := strings.Split(string(id), "/")
		write(parts[0], parts[1], parts[2], strconv.Itoa(system.GetNbConstraints()), strconv.Itoa(PublicInputs(system)), strconv.Itoa(internal+secret+public))
	}
	w.Flush()
	if *update {
		if err := os.WriteFile(statsFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(statsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Fatalf("the circuits changed, and with them every key; if that is meant, run with -update\ngot:\n%swant:\n%s", &b, want)
	}
}

// The prover's domain is the next power of two above the constraints, with
// PLONK's one more for each public input: a few more would double the work of
// its Fourier transforms.
func TestBudgets(t *testing.T) {
	for id, budget := range map[consent.CircuitID]int{
		consent.Enrol: 1 << 11, consent.ConsentOnly: 1 << 14, consent.Eligibility: 1 << 14, consent.EligibilityWide: 1 << 14,
		consent.Claim: 1 << 14, consent.ClaimWide: 1 << 15,
		consent.EnrolPlonk: 1 << 13, consent.ConsentOnlyPlonk: 1 << 15, consent.EligibilityPlonk: 1 << 15, consent.EligibilityWidePlonk: 1 << 16,
		consent.ClaimPlonk: 1 << 16, consent.ClaimWidePlonk: 1 << 16,
	} {
		system, err := Compile(id)
		if err != nil {
			t.Fatal(err)
		}
		n := system.GetNbConstraints()
		if id.Scheme() == consent.Plonk {
			n += PublicInputs(system)
		}
		if n > budget {
			t.Errorf("%s: %d constraints, the budget is %d", id, n, budget)
		}
	}
}

func TestCompileIsDeterministicAndPlain(t *testing.T) {
	for _, id := range consent.Circuits() {
		compiled, err := Compile(id)
		if err != nil {
			t.Fatal(err)
		}
		first := compiled.(*cs.R1CS) // the type of both schemes' systems
		if want := map[consent.Scheme]constraint.SystemType{consent.Groth16: constraint.SystemR1CS, consent.Plonk: constraint.SystemSparseR1CS}; first.Type != want[id.Scheme()] {
			t.Errorf("%s: compiled to a system of another scheme", id)
		}
		second, err := Compile(id)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Digest(first)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Digest(second)
		if err != nil {
			t.Fatal(err)
		}
		if a != b {
			t.Errorf("%s: two compilations differ", id)
		}
		if n := len(first.GetCommitments().CommitmentIndexes()); n != 0 {
			t.Errorf("%s: %d commitments, which would grow the proof", id, n)
		}
		for _, name := range first.MHintsDependencies {
			if name != "github.com/consensys/gnark/std/math/bits.nBits" {
				t.Errorf("%s: hint %s", id, name)
			}
		}
		if len(first.Logs) != 0 {
			t.Errorf("%s: the circuit prints values", id)
		}
		// A copy from disk is the same system: what the digest covers is all
		// there is.
		raw, err := Serialize(first)
		if err != nil {
			t.Fatal(err)
		}
		back := new(cs.R1CS)
		if _, err := back.ReadFrom(bytes.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
		if back.GetNbConstraints() != first.GetNbConstraints() {
			t.Errorf("%s: %d constraints read back", id, back.GetNbConstraints())
		}
	}
}

// Every public input and every private value occurs in a constraint.
func TestEveryInputIsBound(t *testing.T) {
	for _, id := range consent.CircuitsOf(consent.Groth16) {
		system, err := compile(id)
		if err != nil {
			t.Fatal(err)
		}
		bound := map[int]bool{}
		for _, c := range system.GetR1Cs() {
			for _, side := range []constraint.LinearExpression{c.L, c.R, c.O} {
				for _, term := range side {
					bound[term.WireID()] = true
				}
			}
		}
		for i := 1; i < len(system.Public)+len(system.Secret); i++ {
			if !bound[i] {
				t.Errorf("%s: %s is free", id, system.VariableToString(i))
			}
		}
	}
}

// The same of the sparse constraints, where a wire whose coefficients are all
// 0 stands in a constraint and is not bound by it. PLONK itself ties each
// public input to its wire, which says nothing yet.
func TestEveryInputIsBoundInPlonk(t *testing.T) {
	for _, id := range consent.CircuitsOf(consent.Plonk) {
		system, err := compileSparse(id)
		if err != nil {
			t.Fatal(err)
		}
		zero := func(c uint32) bool { return system.Coefficients[c].IsZero() }
		bound := map[uint32]bool{}
		for _, c := range system.GetSparseR1Cs() {
			product := !zero(c.QM)
			if product || !zero(c.QL) {
				bound[c.XA] = true
			}
			if product || !zero(c.QR) {
				bound[c.XB] = true
			}
			if !zero(c.QO) {
				bound[c.XC] = true
			}
		}
		for i := range len(system.Public) + len(system.Secret) {
			if !bound[uint32(i)] {
				t.Errorf("%s: %s is free", id, system.VariableToString(i))
			}
		}
	}
}

// gadgetCircuit measures one gadget on private wires.
type gadgetCircuit struct {
	In     []frontend.Variable
	define func(api frontend.API, h *poseidon.Hasher, in []frontend.Variable) error
}

func (c *gadgetCircuit) Define(api frontend.API) error {
	h, err := poseidon.New(api)
	if err != nil {
		return err
	}
	return c.define(api, h, c.In)
}

// TestGadgetTable prints docs/spec.md §9.4's table.
func TestGadgetTable(t *testing.T) {
	gadgets := []struct {
		name string
		in   int
		want int
		run  func(api frontend.API, h *poseidon.Hasher, in []frontend.Variable) error
	}{
		{"poseidon.Sum, up to 3 inputs", 3, 264, func(_ frontend.API, h *poseidon.Hasher, in []frontend.Variable) error {
			h.Sum(native.TagHolder, in...)
			return nil
		}},
		{"poseidon.Sum, up to 15 inputs", 15, 555, func(_ frontend.API, h *poseidon.Hasher, in []frontend.Variable) error {
			h.Sum(native.TagCredential, in...)
			return nil
		}},
		{"merkle.AssertMember, one level", 7, 272, func(api frontend.API, h *poseidon.Hasher, in []frontend.Variable) error {
			p := merkle.NewPath(1)
			copy(p.Siblings[0][:], in[1:4])
			copy(p.Positions[0][:], in[4:6])
			merkle.AssertMember(api, h, in[0], p, in[6])
			return nil
		}},
		{"rekey.AssertRekeyed", 5, 1141, func(api frontend.API, _ *poseidon.Hasher, in []frontend.Variable) error {
			return rekey.AssertRekeyed(api, in[0], in[1], in[2], in[3], in[4])
		}},
		{"predicate.AssertSubset, 64 bits", 2, 195, func(api frontend.API, _ *poseidon.Hasher, in []frontend.Variable) error {
			predicate.AssertSubset(api, in[0], in[1], maskBits)
			return nil
		}},
		{"predicate.AssertSubset, 32 bits", 2, 99, func(api frontend.API, _ *poseidon.Hasher, in []frontend.Variable) error {
			predicate.AssertSubset(api, in[0], in[1], termBits)
			return nil
		}},
		{"predicate.AssertAtMost, 40 bits", 2, 41, func(api frontend.API, _ *poseidon.Hasher, in []frontend.Variable) error {
			predicate.AssertAtMost(api, in[0], in[1], timeBits)
			return nil
		}},
		{"predicate.AssertWithin, 64 bits", 3, 130, func(api frontend.API, _ *poseidon.Hasher, in []frontend.Variable) error {
			predicate.AssertWithin(api, in[0], in[1], in[2], predicate.ValueBits)
			return nil
		}},
		{"predicate.AssertSlot, 11 slots", 23, 47, func(api frontend.API, _ *poseidon.Hasher, in []frontend.Variable) error {
			predicate.AssertSlot(api, in[:11], in[11], in[12:])
			return nil
		}},
		{"predicate.AssertLink", 4, 3, func(api frontend.API, _ *poseidon.Hasher, in []frontend.Variable) error {
			predicate.AssertLink(api, in[0], in[1], in[2], in[3], consent.LinkBias)
			return nil
		}},
	}
	table := "\n| gadget | constraints |\n|---|---:|\n"
	for _, g := range gadgets {
		system, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder,
			&gadgetCircuit{In: make([]frontend.Variable, g.in), define: g.run}, frontend.IgnoreUnconstrainedInputs())
		if err != nil {
			t.Fatal(err)
		}
		n := system.GetNbConstraints()
		table += fmt.Sprintf("| %s | %d |\n", g.name, n)
		if n != g.want {
			t.Errorf("%s: %d constraints, want %d", g.name, n, g.want)
		}
	}
	t.Log(table)
}
