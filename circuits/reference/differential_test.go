package reference_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/reference"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"pgregory.net/rapid"
)

// drawn is a sealed draft with edits.
func drawn(t *rapid.T, c reference.Circuit, edits []edit) *draft {
	d := newDraft(t, c)
	for _, when := range []bool{false, true} {
		for _, e := range edits {
			if e.after == when {
				e.do(d)
				d.edits = append(d.edits, e.name)
			}
		}
		if !when {
			d.seal()
		}
	}
	return d
}

// chosenEdits draws often no edit, often one, and rarely more. Many edits stay
// within what is true, so that about half of all cases are.
func chosenEdits(t *rapid.T, m []edit) (out []edit) {
	d := &draft{t: t}
	for range []int{0, 0, 0, 1, 1, 1, 2, 3}[d.index(8)] {
		out = append(out, m[d.index(len(m))])
	}
	return out
}

// falsehoods are the names of all assertions that are false.
func falsehoods(c reference.Circuit, v *reference.Values) (names []string) {
	for _, a := range reference.Assertions(c, v) {
		if !a.Holds() {
			names = append(names, a.Name)
		}
	}
	return names
}

// A tally counts what the cases of one circuit were.
type tally struct {
	sync.Mutex
	yes, no, disagreed int
	alone              map[string]int // assertions that were the only false one
}

func (y *tally) count(wrong []string, solved bool) {
	y.Lock()
	defer y.Unlock()
	switch {
	case y.disagreed > 0: // rapid shrinks what it found, and that is no count
	case solved != (len(wrong) == 0):
		y.disagreed++
	case solved:
		y.yes++
	default:
		y.no++
		if len(wrong) == 1 {
			y.alone[wrong[0]]++
		}
	}
}

// check compares the reference with the circuit, both ways, on drawn cases.
func (y *tally) check(s *subject) func(t *rapid.T) {
	m := menu(s.circuit)
	return func(t *rapid.T) {
		d := drawn(t, s.circuit, chosenEdits(t, m))
		wrong := falsehoods(s.circuit, d.v)
		solved := s.solves(d.v)
		if y.count(wrong, solved); solved != (len(wrong) == 0) {
			t.Fatalf("%s: solved %v, and the reference holds %q for false; after %q", s.id, solved, wrong, d.edits)
		}
	}
}

// enough is the number of cases: all of them for the circuits that are used
// most, and fewer for their twins.
func enough(id consent.CircuitID) int {
	if strings.HasSuffix(string(id), "/normal/groth16") {
		return assurance.Cases(120, 100_000)
	}
	return assurance.Cases(30, 1_000)
}

// checks sets rapid's number of checks, which is a flag of the whole program.
func checks(t *testing.T, n int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	old := f.Value.String()
	if testing.Short() {
		n *= 5 // rapid divides by it
	}
	if err := f.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(old); err != nil {
			t.Error(err)
		}
	})
}

const parts = 2 // of a circuit's cases, which run at once

// TestAssurance_Reference: the circuits accept what the reference holds for
// true, and nothing else. If it fails, a patient could be refused what is
// theirs or have something proved about them that is not so.
func TestAssurance_Reference(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // the solver makes 2 MB of garbage for each case
	tallies, subjects := map[consent.CircuitID]*tally{}, map[int][]*subject{}
	for _, id := range consent.Circuits() {
		tallies[id] = &tally{alone: map[string]int{}}
		subjects[enough(id)] = append(subjects[enough(id)], newSubject(t, id))
	}
	for _, n := range slices.Sorted(maps.Keys(subjects)) {
		t.Run(fmt.Sprintf("%d cases", n), func(t *testing.T) {
			checks(t, n/parts)
			for _, s := range subjects[n] {
				for part := range parts {
					t.Run(fmt.Sprintf("%s, part %d", strings.ReplaceAll(string(s.id), "/", "-"), part), func(t *testing.T) {
						t.Parallel()
						rapid.Check(t, tallies[s.id].check(s))
					})
				}
			}
		})
	}
	disagreed, others := 0, 0
	for _, id := range consent.Circuits() {
		y := tallies[id]
		n := y.yes + y.no
		disagreed += y.disagreed
		if n < enough(id) {
			t.Errorf("%s: %d cases of %d", id, n, enough(id))
		}
		if n >= 100 && 4*min(y.yes, y.no) < n {
			t.Errorf("%s: %d true and %d false cases", id, y.yes, y.no)
		}
		note := fmt.Sprintf("%d true, %d false", y.yes, y.no)
		if strings.HasSuffix(string(id), "/groth16") {
			assurance.Record(t, "reference/"+string(id), n, note)
		} else if others == 0 || n < others {
			others = n
		}
		if n >= 10_000 {
			for _, name := range names(t, id) {
				if y.alone[name] == 0 {
					t.Errorf("%s: %q was never the only false assertion", id, name)
				}
			}
		}
	}
	if others > 0 {
		assurance.Record(t, "reference/plonk", others, "cases of the circuit with the fewest")
	}
	assurance.Record(t, "reference/disagreements", disagreed, fmt.Sprintf("%d circuits", len(tallies)))
}

// names are the names of a circuit's assertions.
func names(t *testing.T, id consent.CircuitID) (out []string) {
	t.Helper()
	c, err := reference.ParseID(string(id))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range reference.Assertions(c, reference.New(c)) {
		out = append(out, a.Name)
	}
	return out
}

// TestAssurance_ReferenceMutants: the comparison sees an evaluator that lacks
// an assertion, whichever it is. Cases are those of each edit in turn.
func TestAssurance_ReferenceMutants(t *testing.T) {
	const tries = 12 // cases of each edit, with fixed seeds
	left, all, seen := 0, 0, map[reference.Circuit]bool{}
	for _, id := range consent.Circuits() {
		s := newSubject(t, id)
		if seen[s.circuit] && !assurance.Full() {
			continue // a twin under another proof system
		}
		seen[s.circuit] = true
		alive := map[string]bool{}
		for _, n := range names(t, id) {
			if alive[n] {
				t.Errorf("%s: two assertions are %q", id, n)
			}
			alive[n] = true
			all++
		}
		m := menu(s.circuit)
		for try := 0; try < tries*len(m) && len(alive) > 0; try++ {
			e := m[try%len(m)]
			d := rapid.Custom(func(t *rapid.T) *draft { return drawn(t, s.circuit, []edit{e}) }).Example(try)
			wrong := falsehoods(s.circuit, d.v)
			var first *reference.FalseError
			if err := reference.Evaluate(s.circuit, d.v); errors.As(err, &first) != (len(wrong) > 0) || first != nil && first.Assertion != wrong[0] {
				t.Fatalf("%s, %s: %v, and %q are false", id, e.name, err, wrong)
			}
			// Without one of its assertions the reference says true if no
			// other is false, and disagrees if the circuit refuses.
			if len(wrong) == 1 && alive[wrong[0]] && !s.solves(d.v) {
				delete(alive, wrong[0])
			}
		}
		for _, n := range slices.Sorted(maps.Keys(alive)) {
			t.Errorf("%s: an evaluator without %q would not be seen", id, n)
		}
		left += len(alive)
	}
	assurance.Record(t, "reference/unseen mutants", left, fmt.Sprintf("of %d evaluators without one assertion", all))
}
