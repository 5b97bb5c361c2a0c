package removal

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// mutants finds every site and returns the mutants with the files that have
// their switches.
func mutants(t *testing.T) ([]*mutant, []*source) {
	t.Helper()
	n := 0
	next := func() string { n++; return strconv.Itoa(n) }
	var all []*mutant
	sources := load(t)
	for _, s := range sources {
		f := &finder{source: s, next: next}
		f.find()
		for _, call := range f.unknown {
			t.Errorf("%s: %s: an assertion that cannot be removed; teach sites_test.go how", s.name, call)
		}
		all = append(all, f.mutants...)
	}
	return all, sources
}

// overlay writes the files with switches and the JSON that puts them in place
// of the tree's, and returns its name.
func overlay(t *testing.T, sources []*source) string {
	t.Helper()
	dir := t.TempDir()
	module, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	put := func(name string, content []byte) {
		to := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(to, content, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(module, name)] = to
	}
	for _, s := range sources {
		if len(s.edits) > 0 {
			put(s.name, []byte(s.edited()))
		}
	}
	content, err := os.ReadFile("testdata/mutant.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	put(filepath.Join(switches, "mutant.go"), content)
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// build runs the go command with the overlay.
func build(ctx context.Context, t *testing.T, overlay string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "go", append([]string{args[0], "-buildvcs=false", "-overlay", overlay}, args[1:]...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
}
