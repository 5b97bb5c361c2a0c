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
	sparse = []string{
		"enrol/normal/plonk", "consent/normal/plonk", "eligibility/normal/plonk", "claim/normal/plonk",
		"eligibility/wide/plonk", "claim/wide/plonk",
	}
	every = append(append([]string{}, groth...), sparse...)
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
		[]Goal{
			one("reference", "plonk", "cases of each circuit", AtLeast, 1_000),
			one("reference", "disagreements", "", Exactly, 0),
			one("reference", "unseen mutants", "evaluators without one assertion", Exactly, 0),
		},
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
	for _, c := range every {
		accepted = append(accepted, one(part, "accepted in "+c, "", Exactly, 0))
	}
	return slices.Concat(
		each(part, groth[:1], "lies", AtLeast, 200),
		each(part, groth[1:2], "lies", AtLeast, 4_000),
		each(part, groth[2:], "lies", AtLeast, 12_000),
		each(part, sparse, "lies", AtLeast, 100),
		accepted,
	)
}

// binding: a proof serves the statement that it was made for, and no other.
func binding() []Goal {
	var goals []Goal
	for i, c := range every {
		n := []int{6, 17, 32, 40, 36, 44}[i%len(groth)] // public inputs
		goals = append(goals, one("binding", c, "inputs and pairs of inputs", AtLeast, n+n*(n-1)/2))
	}
	return append(goals,
		one("binding", "statement fields", "fields and pairs of fields", AtLeast, 3546),
		one("binding", "command line", "fields and pairs of fields", AtLeast, 2*(42+42*41/2)), // under each scheme
		one("binding", "accepted", "", Exactly, 0),
		one("binding", "accepted as statement", "", Exactly, 0),
		one("binding", "accepted by command line", "", Exactly, 0),
	)
}

// freeWires: the inputs determine every wire.
func freeWires() []Goal {
	const part, why = "free wires", "quotients of the complete addition law"
	var excepted []Goal
	for _, c := range groth {
		excepted = append(excepted, one(part, "excepted in "+c, why, Exactly, 252))
	}
	for _, c := range sparse {
		excepted = append(excepted, one(part, "excepted in "+c, why, Exactly, 250))
	}
	return slices.Concat(
		each(part, every, "free wires or inputs", Exactly, 0),
		excepted,
		[]Goal{one(part, "rank deficiency", "", Exactly, 0)},
	)
}

// bitFlips: damaged bytes are refused.
func bitFlips() []Goal {
	const part = "bit flips"
	var goals []Goal
	for _, what := range []struct {
		name        string
		bits, forms int
	}{
		{"proof", 8 * (128*len(groth) + 512*len(sparse)), 28},
		// Under the old digest, and under its own: Groth16's, and one of PLONK's.
		{"key", 2 * 8 * (332*len(groth) + 32*(6+17+32+36+40+44) + 34_344), 92},
		{"presentation", 8 * (316*5 + 700*5), 38}, // of each circuit but enrol
	} {
		goals = append(goals,
			one(part, what.name+" bits", "bits", AtLeast, what.bits),
			one(part, what.name+" accepted", "", Exactly, 0),
			one(part, what.name+" panics", "", Exactly, 0),
			one(part, what.name+" bytes allocated", "bytes in one call", AtMost, 1<<20),
			one(part, what.name+" forms refused by name", "forms", AtLeast, what.forms),
		)
	}
	return goals
}

// plain: no commitments, no banned calls.
func plain() []Goal {
	return []Goal{
		one("plain", "commitments", "", Exactly, 0),
		one("plain", "banned calls", "", Exactly, 0),
	}
}

// attacks: a test for each attack by name.
func attacks() []Goal {
	return []Goal{
		one("attacks", "named", "attacks", AtLeast, 188),
		one("attacks", "without", "rows", Exactly, 0),
	}
}

// fuzzing: a fuzz target for each decoder.
func fuzzing() []Goal {
	return []Goal{
		one("fuzzing", "targets", "targets", AtLeast, 53),
		one("fuzzing", "without", "decoders", Exactly, 0),
	}
}

// linkability: presentations do not tell their holder.
func linkability() []Goal {
	return []Goal{
		one("linkability", "presentations", "presentations", AtLeast, 1_000),
		one("linkability", "shared", "runs of 8 bytes", Exactly, 0),
		one("linkability", "pseudonyms", "wrong pairs", Exactly, 0),
		one("linkability", "matcher", "comparisons above chance", Exactly, 0),
		one("linkability", "leaks", "kinds found", AtLeast, 8),
		one("linkability", "dictionary", "words", AtLeast, 2_000_000),
		one("linkability", "found", "words found", Exactly, 0),
	}
}

// ceremony: a setup that is refused unless several took part.
func ceremony() []Goal {
	return []Goal{
		one("ceremony", "contributors", "distinct", AtLeast, 3),
		one("ceremony", "circuits reproduced", "circuits", AtLeast, 3),
		one("ceremony", "false proofs accepted", "", Exactly, 0),
		one("ceremony", "reasons to refuse", "reasons", AtLeast, 23),
		one("ceremony", "reasons without a test", "", Exactly, 0),
	}
}

// plonk: the same circuits under the universal setup.
func plonk() []Goal {
	return each("plonk", sparse, "statements proved, accepted, and denied under every changed input", AtLeast, 20)
}
