package removal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zkconsent/zkconsent/internal/assurance"
)

// A judge is a package whose tests may notice a mutant.
type judge struct {
	dir  string // from the module's root
	vote string // the tests that may, as a pattern for -test.run
}

// gadgets are asked about their own mutants, before the circuits.
var gadgets = []judge{
	{"circuits/gadget/merkle", "^Test"},
	{"circuits/gadget/poseidon", "^TestEqualsNative$"},
	{"circuits/gadget/predicate", "^Test"},
	{"circuits/gadget/rekey", "^TestEqualsNative$"},
}

// circuits are asked in this order: attacks, with controls and liars about
// hints; valid witnesses from the native code; then, for what makes no false
// statement true, whether an input is in no constraint, and whether a wire is
// free. Nothing else has a vote, and least of all what compares counts,
// digests, sides or tables with those of before.
var circuits = []judge{
	{"circuits", "^TestAttack_/.*/.*/.*/groth16"}, // under PLONK the same source would be judged again
	{"circuits", "^TestAcceptsRandomValidWitnesses$"},
	{"circuits", "^TestEveryInputIsBound$"},
	{"circuits/freewires", "^TestAssurance_FreeWires$"},
}

// equivalent are mutants that change nothing that anybody could notice, each
// with the argument.
var equivalent = map[string]string{
	"circuits/gadget/predicate/predicate.go api.ToBinary(a, n): a bit more is allowed": "a is the sum of n shared bits, which bounds it once more",
}

// How many mutants there are, so that none gets lost.
const (
	removals = 64
	wirings  = 232
)

func TestAssurance_Removal(t *testing.T) {
	all, sources := mutants(t)
	count := map[string]int{}
	for _, m := range all {
		count[m.about]++
	}
	if count[removed] != removals || count[wiring] != wirings {
		t.Errorf("%d removals and %d wirings are found, want %d and %d: name a new assertion's attack, then count it", count[removed], count[wiring], removals, wirings)
	}
	o := overlay(t, sources)
	if !assurance.Full() {
		// That each is found and compiles; the rest takes minutes.
		build(t.Context(), t, o, "build", "./circuits/...")
		return
	}
	bin := t.TempDir()
	for _, j := range append(slices.Clone(gadgets), circuits...) {
		build(t.Context(), t, o, "test", "-c", "-vet=off", "-o", filepath.Join(bin, path.Base(j.dir)), "./"+j.dir)
		if by := j.of(t.Context(), t, bin, ""); by != "" {
			t.Fatalf("without any mutant: %s", by)
		}
	}
	caught := make([]string, len(all))
	work := make(chan int)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for n := range work {
				caught[n] = verdict(t.Context(), t, bin, all[n])
			}
		})
	}
	for n := range all {
		work <- n
	}
	close(work)
	wg.Wait()
	survivors, excused := 0, 0
	for n, m := range all {
		why := equivalent[fmt.Sprintf("%s %s: %s", m.file, m.what, m.how)]
		switch {
		case caught[n] != "" && why == "":
			t.Logf("%s\n\t%s", m, caught[n])
		case caught[n] == "" && why != "":
			excused++
			t.Logf("%s\n\tnothing changes: %s", m, why)
		default:
			survivors++
			t.Errorf("SURVIVES %s (excused: %q, noticed: %q)", m, why, caught[n])
		}
	}
	if excused != len(equivalent) {
		t.Errorf("%d mutants are excused, the table has %d", excused, len(equivalent))
	}
	assurance.Record(t, "removal/assertions", count[removed], "each left out alone; the list names the test that notices")
	assurance.Record(t, "removal/wirings", count[wiring], "an assertion or a hash about something else")
	assurance.Record(t, "removal/survivors", survivors, "tests that compare counts, digests or tables have no vote")
}

// verdict returns the test that notices a mutant.
func verdict(ctx context.Context, t *testing.T, bin string, m *mutant) string {
	for _, j := range append(slices.Clone(gadgets), circuits...) {
		if strings.HasPrefix(j.dir, "circuits/gadget/") && j.dir != path.Dir(m.file) {
			continue
		}
		if by := j.of(ctx, t, bin, m.id); by != "" {
			return by
		}
	}
	return ""
}

var failure = regexp.MustCompile(`--- FAIL: (\S+)`)

// of runs a judge's tests with a mutant, and returns the name of the first
// that fails, and what it said if it is an attack.
func (j judge) of(ctx context.Context, t *testing.T, bin, mutant string) string {
	cmd := exec.CommandContext(ctx, filepath.Join(bin, path.Base(j.dir)), "-test.run", j.vote, "-test.short", "-test.failfast", "-test.timeout", "5m")
	cmd.Dir = filepath.Join(root, j.dir)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, assurance.Folder+"=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "ZKCONSENT_MUTANT="+mutant, "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	name := ""
	for _, m := range failure.FindAllStringSubmatch(string(out), -1) {
		if strings.HasPrefix(m[1], name) { // the innermost
			name = m[1]
		}
	}
	if name == "" {
		t.Errorf("%s with mutant %q: %v\n%s", j.dir, mutant, err, out)
		return ""
	}
	for said, means := range map[string]string{
		"the circuit is satisfied: true": " succeeds", "the circuit is satisfied: false": " (a control) is refused", "is accepted": " succeeds",
	} {
		if strings.Contains(string(out), said) {
			name += means
			break
		}
	}
	return j.dir + " " + name
}
