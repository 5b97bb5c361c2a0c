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
func removal() []Goal { return nil }

// hints: a prover who answers hints falsely gains nothing.
func hints() []Goal { return nil }

// binding: a proof serves the statement that it was made for, and no other.
func binding() []Goal { return nil }

// freeWires: the inputs determine every wire.
func freeWires() []Goal { return nil }

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
func plonk() []Goal {
	var ids []string
	for _, c := range groth {
		ids = append(ids, c[:len(c)-len("groth16")]+"plonk")
	}
	return each("plonk", ids, "statements proved, accepted, and denied under every changed input", AtLeast, 20)
}
