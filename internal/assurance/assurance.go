// Package assurance collects the figures by which the circuits are believed:
// each test of their soundness records what it counted, and `make assurance`
// holds the figures against the goals of docs/assurance.md.
//
// A test that counts asks [Cases] how far to go: a little in `make test`, all
// of it under `make assurance`. It fails by itself when something false is
// accepted; the goals add that nothing was counted short or left out.
package assurance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder names the environment variable with the folder for the figures. Where
// it is set, tests run in full length.
const Folder = "ZKCONSENT_ASSURANCE"

// Full reports whether the whole assurance was asked for.
func Full() bool { return os.Getenv(Folder) != "" }

// Cases is full in the whole assurance and short otherwise.
func Cases(short, full int) int {
	if Full() {
		return full
	}
	return short
}

// A TB is what Record needs of a *testing.T.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A Figure is one recorded number.
type Figure struct {
	Row   string `json:"row"` // one of Goals
	Value int    `json:"value"`
	Note  string `json:"note,omitempty"` // for people: what was counted, seeds, exceptions
}

// Record logs a figure and, in the whole assurance, keeps it. The row is one
// of [Goals]; any other fails the test.
func Record(tb TB, row string, value int, note string) {
	tb.Helper()
	tb.Logf("assurance: %s: %d (%s)", row, value, note)
	if !slices.ContainsFunc(Goals(), func(g Goal) bool { return g.Row == row }) {
		tb.Fatalf("assurance: %q is not a row of the table; add it to Goals", row)
	}
	folder := os.Getenv(Folder)
	if folder == "" {
		return
	}
	b, err := json.Marshal(Figure{row, value, note})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, fileName(row)), b, 0o600)
	}
	if err != nil {
		tb.Fatalf("assurance: %v", err)
	}
}

func fileName(row string) string {
	return strings.NewReplacer("/", "_", " ", "-").Replace(row) + ".json"
}

// A Result is a goal with what was recorded for it.
type Result struct {
	Goal
	Figure
	Missing bool // nothing was recorded
}

// Met reports whether a figure was recorded and is what the goal demands.
func (r Result) Met() bool { return !r.Missing && r.Goal.met(r.Value) }

// Results reads the folder's figures, one for each goal.
func Results(folder string) ([]Result, error) {
	var out []Result
	for _, g := range Goals() {
		b, err := os.ReadFile(filepath.Join(folder, fileName(g.Row)))
		if errors.Is(err, fs.ErrNotExist) {
			out = append(out, Result{Goal: g, Missing: true})
			continue
		}
		if err != nil {
			return nil, err
		}
		r := Result{Goal: g}
		if err := json.Unmarshal(b, &r.Figure); err != nil || r.Figure.Row != g.Row {
			return nil, fmt.Errorf("assurance: %s is not the figure of %q", fileName(g.Row), g.Row)
		}
		out = append(out, r)
	}
	return out, nil
}
