package circuits_test

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
)

// A lie answers a hint that is asked for the bits of v falsely: out holds the
// true bits.
type lie struct {
	name string
	tell func(q, v *big.Int, out []*big.Int, rng *rand.Rand)
}

// A hostile prover answers hints as it likes: constants, other bits, and what
// has the right sum without being bits.
var lies = []lie{
	{"zeros", func(_, _ *big.Int, out []*big.Int, _ *rand.Rand) { fill(out, 0) }},
	{"ones", func(_, _ *big.Int, out []*big.Int, _ *rand.Rand) { fill(out, 1) }},
	{"random", func(q, _ *big.Int, out []*big.Int, rng *rand.Rand) {
		for i := range out {
			out[i].Set(randomBelow(q, rng))
		}
	}},
	{"r - 1", func(q, _ *big.Int, out []*big.Int, _ *rand.Rand) {
		for i := range out {
			out[i].Sub(q, big.NewInt(1))
		}
	}},
	{"first and last exchanged", func(_, _ *big.Int, out []*big.Int, _ *rand.Rand) { exchange(out, 0, len(out)-1) }},
	{"the other way round", func(_, _ *big.Int, out []*big.Int, _ *rand.Rand) {
		for i := range len(out) / 2 {
			exchange(out, i, len(out)-1-i)
		}
	}},
	{"one bit flipped", func(_, _ *big.Int, out []*big.Int, rng *rand.Rand) {
		b := out[rng.IntN(len(out))]
		b.Sub(big.NewInt(1), b)
	}},
	{"everything in the lowest bit", func(q, v *big.Int, out []*big.Int, _ *rand.Rand) {
		fill(out, 0)
		settle(q, v, out, 0)
	}},
	{"everything in the highest bit", func(q, v *big.Int, out []*big.Int, _ *rand.Rand) {
		fill(out, 0)
		settle(q, v, out, len(out)-1)
	}},
	{"ones, and the rest in the lowest bit", func(q, v *big.Int, out []*big.Int, _ *rand.Rand) {
		fill(out, 1)
		settle(q, v, out, 0)
	}},
	{"ones, and the rest in the highest bit", func(q, v *big.Int, out []*big.Int, _ *rand.Rand) {
		fill(out, 1)
		settle(q, v, out, len(out)-1)
	}},
	{"everything in some bit", func(q, v *big.Int, out []*big.Int, rng *rand.Rand) {
		fill(out, 0)
		settle(q, v, out, rng.IntN(len(out)))
	}},
	{"ones, and the rest in some bit", func(q, v *big.Int, out []*big.Int, rng *rand.Rand) {
		fill(out, 1)
		settle(q, v, out, rng.IntN(len(out)))
	}},
	{"random with the right sum", func(q, v *big.Int, out []*big.Int, rng *rand.Rand) {
		for i := range out {
			out[i].Set(randomBelow(q, rng))
		}
		settle(q, v, out, rng.IntN(len(out)))
	}},
	{"a carry undone", func(q, v *big.Int, out []*big.Int, rng *rand.Rand) {
		i := rng.IntN(len(out) - 1)
		out[i+1].Sub(out[i+1], big.NewInt(1))
		settle(q, v, out, i)
	}},
}

func fill(out []*big.Int, v uint64) {
	for i := range out {
		out[i].SetUint64(v)
	}
}

func exchange(out []*big.Int, i, j int) {
	v := new(big.Int).Set(out[i])
	out[i].Set(out[j])
	out[j].Set(v)
}

// settle changes out[at] so that Σ 2^i·out[i] = v in the field.
func settle(q, v *big.Int, out []*big.Int, at int) {
	rest := new(big.Int).Set(v)
	for i, b := range out {
		if i != at {
			rest.Sub(rest, new(big.Int).Lsh(b, uint(i)))
		}
	}
	weight := new(big.Int).Lsh(big.NewInt(1), uint(at))
	out[at].Mod(rest.Mul(rest, weight.ModInverse(weight, q)), q)
}

func randomBelow(q *big.Int, rng *rand.Rand) *big.Int {
	v := new(big.Int)
	for range 5 {
		v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(rng.Uint64()))
	}
	return v.Mod(v, q)
}

// all as the call of a liar: it lies in every one.
const all = -1

// A liar answers gnark's bit decomposition, the circuits' only hint. It lies
// in every call or in one, and says what is true in the others. It notes its
// calls, and counts the answers that differ from the truth.
type liar struct {
	lie    *lie // nil for the truth
	call   int
	rng    *rand.Rand
	widths []int // of the calls so far
	lied   int
}

func (l *liar) hint(q *big.Int, in, out []*big.Int) error {
	for i := range out {
		out[i].SetUint64(uint64(in[0].Bit(i)))
	}
	call := len(l.widths)
	l.widths = append(l.widths, len(out))
	if l.lie == nil || l.call != all && l.call != call {
		return nil
	}
	truth := make([]*big.Int, len(out))
	for i := range out {
		truth[i] = new(big.Int).Set(out[i])
	}
	l.lie.tell(q, in[0], out, l.rng)
	for i := range out {
		if out[i].Mod(out[i], q).Cmp(truth[i]) != 0 {
			l.lied++
			break
		}
	}
	return nil
}

// tell solves with a liar's answers to every hint of the system. One worker
// makes the order of the calls always the same.
func (l *liar) tell(t testing.TB, system constraint.ConstraintSystem, w witness.Witness) error {
	t.Helper()
	opts := []solver.Option{solver.WithNbTasks(1)}
	hints := system.(*cs.R1CS).MHintsDependencies
	for id, name := range hints {
		if name != "github.com/consensys/gnark/std/math/bits.nBits" {
			t.Fatalf("nobody lies for the hint %s", name)
		}
		opts = append(opts, solver.OverrideHint(id, l.hint))
	}
	_, err := system.Solve(w, opts...)
	return err
}

func values(t testing.TB, a frontend.Circuit) witness.Witness {
	t.Helper()
	w, err := frontend.NewWitness(a, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A trial counts what liars tried on one circuit.
type trial struct {
	id             consent.CircuitID
	runs, accepted int
}

// try lets a liar loose on a statement, and expects a constraint to refuse.
func (r *trial) try(t testing.TB, what string, w witness.Witness, l *liar) {
	t.Helper()
	err := l.tell(t, system(t, r.id), w)
	r.runs++
	var unsatisfied *cs.UnsatisfiedConstraintError
	if err == nil {
		r.accepted++
		t.Errorf("%s, %s: %q in call %d is accepted", r.id, what, l.lie.name, l.call)
	} else if !errors.As(err, &unsatisfied) {
		t.Errorf("%s, %s: %q in call %d: not refused by a constraint", r.id, what, l.lie.name, l.call)
	}
}

// The lies that would work if bits were not asserted to be bits: each with a
// false statement that it would make true, in every single call for as many
// bits.
func TestAttack_HostileHints(t *testing.T) {
	const lowest, highest = "everything in the lowest bit", "everything in the highest bit"
	const onesLowest, onesHighest = "ones, and the rest in the lowest bit", "ones, and the rest in the highest bit"
	wanted := map[string]struct {
		bits int
		lies []string
	}{
		"alpha's lowest bit is 2":            {252, []string{lowest}},
		"above hi":                           {64, []string{lowest, highest}},
		"absent in the full range":           {64, []string{lowest}},
		"purpose missing":                    {64, []string{lowest, highest, onesLowest, onesHighest}},
		"one category of several missing":    {64, []string{lowest, onesLowest}},
		"until past expires":                 {40, []string{lowest}},
		"qTo after dataTo":                   {40, []string{lowest}},
		"a restriction that is not accepted": {32, []string{lowest, onesLowest}},
		"a slot outside the mask":            {11, []string{onesLowest, onesHighest}},
	}
	r := &trial{id: consent.Claim}
	widths := calls(t, r.id)
	found := 0
	for _, table := range corpus() {
		attacks, _ := table(t)
		for i, a := range attacks {
			of, ok := wanted[a.name]
			if !ok {
				continue
			}
			found++
			w := values(t, staged(t, a, r.id, uint64(60+i)))
			for k := range lies {
				for call, width := range widths {
					if width == of.bits && slices.Contains(of.lies, lies[k].name) {
						r.try(t, a.name, w, &liar{lie: &lies[k], call: call})
					}
				}
			}
		}
	}
	if found != len(wanted) {
		t.Fatalf("%d attacks, want %d", found, len(wanted))
	}
	t.Logf("%d runs", r.runs)
}

// calls are the numbers of bits for which a circuit asks hints, in order.
func calls(t testing.TB, id consent.CircuitID) []int {
	t.Helper()
	honest := &liar{}
	if err := honest.tell(t, system(t, id), values(t, assign(t, circuittest.New(t, id, 1)))); err != nil {
		t.Fatalf("%s: a true statement with true answers is refused", id)
	}
	return honest.widths
}

// Every false statement of the attacks' tables, in every circuit that it is
// for, with every lie: in all calls at once and in single calls. And true
// statements: they have one witness, so that a lie that is one is refused.
func TestAssurance_Hints(t *testing.T) {
	for _, id := range consent.Circuits() {
		system(t, id) // compiled before the parallel tests read it
	}
	for _, id := range consent.Circuits() {
		t.Run(string(id), func(t *testing.T) {
			t.Parallel()
			r := &trial{id: id}
			r.all(t)
			assurance.Record(t, "hints/"+string(id), r.runs, fmt.Sprintf("lies, in all of %d calls and in single ones", len(calls(t, id))))
			assurance.Record(t, "hints/accepted in "+string(id), r.accepted, "seeds from 3000, controls from 13000")
		})
	}
}

func (r *trial) all(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, uint64(len(r.id))))
	n := len(calls(t, r.id))
	single := n
	if r.id.Scheme() == consent.Plonk {
		single = min(n, 4) // the hints are the same, and each solution takes longer
	}
	some := func(of, short, full int) []int { return rng.Perm(of)[:assurance.Cases(short, full)] }
	for k, table := range corpus() {
		attacks, controls := table(t)
		step := assurance.Cases(1+len(attacks)/20, 1) // of the long tables a part will do
		for i, a := range attacks {
			if !slices.Contains(a.on, r.id.Under(consent.Groth16)) || i%step != 0 {
				continue
			}
			w := values(t, staged(t, a, r.id, uint64(3000+300*k+i)))
			for _, lie := range some(len(lies), 2, len(lies)) {
				r.try(t, a.name, w, &liar{lie: &lies[lie], call: all, rng: rng})
			}
			for _, call := range some(n, 1, single) {
				for _, lie := range some(len(lies), 1, 3) {
					r.try(t, a.name, w, &liar{lie: &lies[lie], call: call, rng: rng})
				}
			}
		}
		for i, a := range controls {
			if !slices.Contains(a.on, r.id.Under(consent.Groth16)) || i%step != 0 {
				continue
			}
			w := values(t, staged(t, a, r.id, uint64(13000+300*k+i)))
			if err := (&liar{}).tell(t, system(t, r.id), w); err != nil {
				t.Errorf("%s, %s: a true statement with true answers is refused", r.id, a.name)
			}
			for _, call := range some(n, 1, single) {
				r.differs(t, a.name, w, &liar{lie: &lies[rng.IntN(len(lies))], call: call, rng: rng})
			}
		}
	}
}

// differs expects a true statement to be refused if the liar said anything
// but the truth.
func (r *trial) differs(t testing.TB, what string, w witness.Witness, l *liar) {
	t.Helper()
	err := l.tell(t, system(t, r.id), w)
	r.runs++
	if (err == nil) != (l.lied == 0) {
		r.accepted++
		t.Errorf("%s, %s: %q in call %d: %d lies, refused: %v", r.id, what, l.lie.name, l.call, l.lied, err != nil)
	}
}
