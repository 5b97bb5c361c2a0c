package assurance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// probe is a TB that remembers that it failed.
type probe struct {
	testing.TB
	failed string
}

func (p *probe) Helper()                           {}
func (p *probe) Logf(string, ...any)               {}
func (p *probe) Fatalf(format string, args ...any) { p.failed += format }

func TestFiguresAreHeldAgainstTheirGoals(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Folder, dir)
	if !Full() || Cases(1, 2) != 2 {
		t.Fatal("a folder is set, and the run is not the whole")
	}
	for _, g := range Goals() {
		if g.Row != "reference/disagreements" {
			Record(t, g.Row, g.Than, "test")
		}
	}
	results, err := Results(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if want := r.Goal.Row != "reference/disagreements"; r.Met() != want || r.Missing == want {
			t.Errorf("%s: met %v, missing %v", r.Goal.Row, r.Met(), r.Missing)
		}
	}
	Record(t, "reference/disagreements", 1, "one too many")
	results, err = Results(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Goal.Row == "reference/disagreements" && r.Met() {
			t.Error("a disagreement is met")
		}
	}
	if err := os.WriteFile(filepath.Join(dir, fileName("reference/disagreements")), []byte(`{"row":"another"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Results(dir); err == nil || !strings.Contains(err.Error(), "not the figure") {
		t.Errorf("another row's figure: %v", err)
	}
}

func TestRefusesRowsWithoutGoal(t *testing.T) {
	t.Setenv(Folder, "")
	if Full() || Cases(1, 2) != 1 {
		t.Fatal("no folder is set, and the run is the whole")
	}
	p := &probe{TB: t}
	if Record(p, "reference/nonsense", 1, ""); !strings.Contains(p.failed, "not a row") {
		t.Errorf("got %q", p.failed)
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		how  Bound
		v    int
		want bool
	}{{AtLeast, 4, false}, {AtLeast, 5, true}, {AtLeast, 6, true}, {AtMost, 5, true}, {AtMost, 6, false}, {Exactly, 5, true}, {Exactly, 4, false}, {"", 5, false}} {
		if got := (Goal{How: c.how, Than: 5}).met(c.v); got != c.want {
			t.Errorf("%d %s 5: %v", c.v, c.how, got)
		}
	}
}
