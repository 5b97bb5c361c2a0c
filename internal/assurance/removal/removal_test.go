package removal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// The tests with a vote: attacks, gadgets against plain Go, valid witnesses of
// the reference, liars about hints, and the one that finds an input in no
// constraint. Without one: what compares counts, digests, sides or tables.
var judges = []judge{
	{"circuits/gadget/merkle", "^Test"},
	{"circuits/gadget/poseidon", "^TestEqualsNative$"},
	{"circuits/gadget/predicate", "^Test"},
	{"circuits/gadget/rekey", "^TestEqualsNative$"},
	{"circuits", "^(TestAttack_.*|TestAcceptsRandomValidWitnesses|TestEveryInputIsBound)$"},
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
	for i, j := range judges {
		build(t.Context(), t, o, "test", "-c", "-vet=off", "-o", filepath.Join(bin, fmt.Sprint(i)), "./"+j.dir)
	}
	for i := range judges {
		if by := judged(t.Context(), t, bin, i, ""); by != "" {
			t.Fatalf("%s fails without any mutant: %s", judges[i].dir, by)
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
	survivors := 0
	for n, m := range all {
		if caught[n] == "" {
			survivors++
			t.Errorf("SURVIVES %s", m)
		} else {
			t.Logf("%s\n\t%s", m, caught[n])
		}
	}
	assurance.Record(t, "removal/assertions", count[removed], "each left out alone; the list names the test that notices")
	assurance.Record(t, "removal/wirings", count[wiring], "an assertion or a hash about something else")
	assurance.Record(t, "removal/survivors", survivors, "tests that compare counts, digests or tables have no vote")
}

// verdict returns the test that notices a mutant, asking its gadget's own tests
// first.
func verdict(ctx context.Context, t *testing.T, bin string, m *mutant) string {
	own := filepath.Dir(m.file)
	for _, first := range []bool{true, false} {
		for i, j := range judges {
			if (j.dir == own) != first || !first && j.dir != "circuits" {
				continue
			}
			if by := judged(ctx, t, bin, i, m.id); by != "" {
				return by
			}
		}
	}
	return ""
}

var failure = regexp.MustCompile(`--- FAIL: (\S+)`)

// judged runs the tests of a judge with a mutant, and returns the name of the
// first that fails.
func judged(ctx context.Context, t *testing.T, bin string, judge int, mutant string) string {
	j := judges[judge]
	cmd := exec.CommandContext(ctx, filepath.Join(bin, fmt.Sprint(judge)), "-test.run", j.vote, "-test.short", "-test.failfast", "-test.timeout", "5m")
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
	return j.dir + " " + name
}
