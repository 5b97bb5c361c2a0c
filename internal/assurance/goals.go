package assurance

import (
	"fmt"
	"slices"
)

// A Goal is what one figure must be.
type Goal struct {
	Part string // the heading in the table
	Row  string // part/what, or part/circuit id
	Unit string
	How  Bound
	Than int
}

// A Bound says how a figure is held against its goal.
type Bound string

// The bounds.
const (
	AtLeast Bound = "≥"
	AtMost  Bound = "≤"
	Exactly Bound = "="
)

func (g Goal) met(v int) bool {
	switch g.How {
	case AtLeast:
		return v >= g.Than
	case AtMost:
		return v <= g.Than
	case Exactly:
		return v == g.Than
	}
	return false
}

// String is the goal in short: "≥ 100000 cases".
func (g Goal) String() string { return fmt.Sprintf("%s %d %s", g.How, g.Than, g.Unit) }

// The circuit ids of the table.
var (
	normal = []string{"enrol/normal/groth16", "consent/normal/groth16", "eligibility/normal/groth16", "claim/normal/groth16"}
	wide   = []string{"eligibility/wide/groth16", "claim/wide/groth16"}
	groth  = append(append([]string{}, normal...), wide...)
)

// each is a goal for each of the circuits.
func each(part string, circuits []string, unit string, how Bound, than int) (goals []Goal) {
	for _, c := range circuits {
		goals = append(goals, Goal{part, part + "/" + c, unit, how, than})
	}
	return goals
}

func one(part, what, unit string, how Bound, than int) Goal {
	return Goal{part, part + "/" + what, unit, how, than}
}

// Goals is the whole table, in its order.
func Goals() []Goal {
	return slices.Concat(
		reference(), removal(), hints(), binding(), freeWires(), bitFlips(),
		plain(), attacks(), fuzzing(), linkability(), ceremony(), plonk(),
	)
}

// reference: the circuits agree with an evaluator written from docs/spec.md.
func reference() []Goal {
	return slices.Concat(
		each("reference", normal, "cases", AtLeast, 100_000),
		each("reference", wide, "cases", AtLeast, 1_000),
		[]Goal{one("reference", "disagreements", "", Exactly, 0)},
	)
}

// removal: without any one of its assertions a circuit fails a named test.
func removal() []Goal {
	return []Goal{
		one("removal", "assertions", "left out one at a time", AtLeast, 64),
		one("removal", "wirings", "about something else", AtLeast, 232),
		one("removal", "survivors", "", Exactly, 0),
		one("removal", "instances", "assertions as a circuit makes them, each left out alone", AtLeast, 545),
		one("removal", "instances that survive", "", Exactly, 0),
	}
}

// hints: a prover who answers hints falsely gains nothing.
func hints() []Goal {
	const part = "hints"
	var accepted []Goal
	for _, c := range groth {
		accepted = append(accepted, one(part, "accepted in "+c, "", Exactly, 0))
	}
	return slices.Concat(
		each(part, groth[:1], "lies", AtLeast, 200),
		each(part, groth[1:2], "lies", AtLeast, 4_000),
		each(part, groth[2:], "lies", AtLeast, 12_000),
		accepted,
	)
}

// binding: a proof serves the statement that it was made for, and no other.
func binding() []Goal { return nil }

// freeWires: the inputs determine every wire.
func freeWires() []Goal {
	const part = "free wires"
	var excepted []Goal
	for _, c := range groth {
		excepted = append(excepted, one(part, "excepted in "+c, "quotients of the complete addition law", Exactly, 252))
	}
	return slices.Concat(
		each(part, groth, "free wires or inputs", Exactly, 0),
		excepted,
		[]Goal{
			one(part, "in PLONK's form", "free wires or inputs", Exactly, 0),
			one(part, "rank deficiency", "", Exactly, 0),
		},
	)
}

// bitFlips: damaged bytes are refused.
func bitFlips() []Goal { return nil }

// plain: no commitments, no banned calls.
func plain() []Goal { return nil }

// attacks: a test for each attack by name.
func attacks() []Goal { return nil }

// fuzzing: a fuzz target for each decoder.
func fuzzing() []Goal { return nil }

// linkability: presentations do not tell their holder.
func linkability() []Goal { return nil }

// ceremony: a setup that is refused unless several took part.
func ceremony() []Goal { return nil }

// plonk: the same circuits under the universal setup.
func plonk() []Goal { return nil }
