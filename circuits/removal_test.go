package circuits_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/std/math/bits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/freewires"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
)

// A part is what of an assertion is left out.
type part string

const (
	whole  part = "removed"
	digits part = "the bits are not asserted to be bits"
	sum    part = "the bits need not add up"
)

// An instance is one assertion that a circuit makes while it is defined: a
// loop makes many with one line.
type instance struct {
	number int
	part   part
	what   string
	hint   int // for a decomposition, which it is
}

// A dropping builder is gnark's, but for one assertion.
type dropping struct {
	frontend.Builder[constraint.U64]
	drop      instance
	instances []instance
	hints     int
}

// made counts an assertion and reports whether to leave out a part of it.
func (d *dropping) made(what string, parts ...part) (part, bool) {
	n := len(d.instances)
	where := ""
	for skip := 2; skip < 8; skip++ {
		// The caller in this module, past gnark's gadgets.
		if _, file, line, _ := runtime.Caller(skip); strings.Contains(file, "/circuits/") {
			where = fmt.Sprintf("%s:%d", filepath.Base(file), line)
			break
		}
	}
	for _, p := range parts {
		d.instances = append(d.instances, instance{n, p, what + " at " + where, d.hints})
	}
	return d.drop.part, d.drop.number == n
}

func (d *dropping) AssertIsEqual(a, b frontend.Variable) {
	if _, drop := d.made("AssertIsEqual", whole); !drop {
		d.Builder.AssertIsEqual(a, b)
	}
}

func (d *dropping) AssertIsBoolean(a frontend.Variable) {
	if _, drop := d.made("AssertIsBoolean", whole); !drop {
		d.Builder.AssertIsBoolean(a)
	}
}

func (d *dropping) AssertIsDifferent(a, b frontend.Variable) {
	if _, drop := d.made("AssertIsDifferent", whole); !drop {
		d.Builder.AssertIsDifferent(a, b)
	}
}

func (d *dropping) ToBinary(v frontend.Variable, n ...int) []frontend.Variable {
	p, drop := d.made(fmt.Sprintf("ToBinary, %d bits,", n[0]), digits, sum)
	d.hints++
	switch {
	case drop && p == digits:
		return bits.ToBinary(d.Builder, v, bits.WithNbDigits(n[0]), bits.WithUnconstrainedOutputs())
	case drop && p == sum:
		out, err := d.NewHint(bits.GetHints()[1], n[0], v)
		if err != nil {
			panic(err)
		}
		for _, b := range out {
			d.Builder.AssertIsBoolean(b)
		}
		return out
	}
	return d.Builder.ToBinary(v, n...)
}

// without compiles a circuit without a part of one assertion, and returns all
// there are.
func without(t testing.TB, id consent.CircuitID, drop instance) (*cs.R1CS, []instance) {
	t.Helper()
	var d *dropping
	system, err := frontend.Compile(ecc.BN254.ScalarField(), func(field *big.Int, config frontend.CompileConfig) (frontend.Builder[constraint.U64], error) {
		b, err := r1cs.NewBuilder[constraint.U64](field, config)
		d = &dropping{Builder: b, drop: drop}
		return d, err
	}, assign(t, circuittest.New(t, id, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return system.(*cs.R1CS), d.instances
}

// A stand is an attack with its values.
type stand struct {
	name   string
	values witness.Witness
}

// stands are all attacks on a circuit.
func stands(t testing.TB, id consent.CircuitID) (out []stand) {
	t.Helper()
	for k, table := range corpus() {
		attacks, _ := table(t)
		for i, a := range attacks {
			if slices.Contains(a.on, id) {
				out = append(out, stand{a.name, values(t, staged(t, a, id, uint64(6000+300*k+i)))})
			}
		}
	}
	return out
}

// caught returns what notices that a part of an assertion is missing: an
// attack that succeeds, alone or with lies about the bits at hand; or, where
// no false statement follows from it, a wire that is free.
func caught(t testing.TB, system *cs.R1CS, gone instance, attacks []stand) string {
	t.Helper()
	// The attack that noticed the last one is tried first for the next.
	won := func(i int, how string) string {
		s := attacks[i]
		copy(attacks[1:i+1], attacks[:i])
		attacks[0] = s
		return s.name + how
	}
	for i, s := range attacks {
		if gone.part != digits && (&liar{}).tell(t, system, s.values) == nil {
			return won(i, "")
		}
	}
	// Of the lies, those that what is gone would have refused: numbers with the
	// right sum that are no bits, or bits with another sum.
	useful := map[part][]string{
		digits: {"everything in the lowest bit", "everything in some bit", "ones, and the rest in the lowest bit", "ones, and the rest in some bit"},
		sum:    {"zeros", "ones"},
	}[gone.part]
	for i, s := range attacks {
		for k := range lies {
			if !slices.Contains(useful, lies[k].name) {
				continue
			}
			for seed := range uint64(1 + 4*strings.Count(lies[k].name, "some")) {
				if (&liar{lie: &lies[k], call: callOf(system, gone.hint), rng: rand.New(rand.NewPCG(6, seed))}).tell(t, system, s.values) == nil {
					return won(i, ", with "+lies[k].name)
				}
			}
		}
	}
	r, err := freewires.Analyse(system)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Free) > 0 {
		return fmt.Sprintf("%d free wires, the first %s", len(r.Free), r.Free[0].Origin)
	}
	return ""
}

// callOf is the place of a hint in the order in which one worker solves.
func callOf(system *cs.R1CS, hint int) int {
	number := map[uint32]int{} // of each instruction that is a hint
	for i, packed := range system.Instructions {
		if _, ok := system.Blueprints[packed.BlueprintID].(constraint.BlueprintHint); ok {
			number[uint32(i)] = len(number)
		}
	}
	call := 0
	for _, level := range system.Levels {
		for _, i := range level {
			if n, ok := number[i]; ok {
				if n == hint {
					return call
				}
				call++
			}
		}
	}
	return -1
}

// Every assertion that a circuit makes, each of a loop's too, is left out
// alone, and the attacks are played again. The normal profile makes no
// assertion that the wide one does not make.
func TestAssurance_RemovalOfEach(t *testing.T) {
	ids := []consent.CircuitID{consent.Enrol, consent.ConsentOnly, consent.EligibilityWide, consent.ClaimWide}
	var total [3]int // tried, surviving, noticed by a free wire alone
	for _, id := range ids[:assurance.Cases(2, len(ids))] {
		_, all := without(t, id, instance{number: -1})
		attacks := stands(t, id)
		valid := values(t, assign(t, circuittest.New(t, id, 1)))
		order := rand.New(rand.NewPCG(7, 7)).Perm(len(all))
		if assurance.Full() {
			slices.Sort(order)
		}
		for _, i := range order[:assurance.Cases(2, len(all))] {
			system, _ := without(t, id, all[i])
			if (&liar{}).tell(t, system, valid) != nil {
				t.Errorf("%s without %s: a valid statement is refused", id, all[i].what)
			}
			by := caught(t, system, all[i], attacks)
			total[0]++
			switch {
			case by == "":
				total[1]++
				t.Errorf("SURVIVES %s: %s #%d: %s", id, all[i].what, all[i].number, all[i].part)
			case strings.Contains(by, "free wires"):
				total[2]++
				fallthrough
			default:
				t.Logf("%s: %s #%d: %s\n\t%s", id, all[i].what, all[i].number, all[i].part, by)
			}
		}
	}
	// That α and its bits agree, and that the smaller set of a subset is its own
	// bits' sum: nothing false is proved without either, and wires are free.
	if assurance.Full() && total[2] != 10 {
		t.Errorf("%d assertions are noticed by a free wire alone, want 10", total[2])
	}
	assurance.Record(t, "removal/instances", total[0], fmt.Sprintf("in %v; %d of them make no false statement true, but leave wires free", ids, total[2]))
	assurance.Record(t, "removal/instances that survive", total[1], "")
}
