package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/zkconsent/zkconsent/internal/assurance"
)

// A table is what a run found.
type table struct {
	machine string
	took    string
	results []assurance.Result
	before  []assurance.Result // those of earlier runs, in the same order; nil if there are none
	failed  []string
}

// of is a row's figure, and whether it is from an earlier run.
func (t *table) of(row int) (r assurance.Result, earlier bool) {
	r = t.results[row]
	if r.Missing && row < len(t.before) && !t.before[row].Missing {
		return t.before[row], true
	}
	return r, false
}

func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s, in %s.\n\n| part | what | goal | found | | notes |\n|---|---|---:|---:|---|---|\n", t.machine, t.took)
	part := ""
	for i := range t.results {
		r, earlier := t.of(i)
		shown := ""
		if r.Part != part {
			part, shown = r.Part, r.Part
		}
		found, mark := fmt.Sprint(r.Value), "met"
		if r.Missing {
			found = "—"
		}
		if !r.Met() {
			mark = "**SHORT**"
		}
		if earlier {
			mark = "of an earlier run"
		}
		what := strings.TrimPrefix(r.Goal.Row, r.Part+"/")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", shown, what, r.Goal, found, mark, strings.ReplaceAll(r.Note, "|", `\|`))
	}
	for _, name := range t.failed {
		fmt.Fprintf(&b, "\n**FAILED**: %s\n", name)
	}
	return b.String()
}

func (t *table) writeJSON(w io.Writer) error {
	type row struct {
		Part  string `json:"part"`
		Row   string `json:"row"`
		Goal  string `json:"goal"`
		Value *int   `json:"value"` // null: nothing was recorded
		Met   bool   `json:"met"`
		Old   bool   `json:"earlier,omitempty"` // the figure of an earlier run
		Note  string `json:"note,omitempty"`
	}
	out := struct {
		Machine string   `json:"machine"`
		Took    string   `json:"took"`
		Failed  []string `json:"failed"`
		Rows    []row    `json:"rows"`
	}{t.machine, t.took, append([]string{}, t.failed...), nil}
	for i := range t.results {
		r, earlier := t.of(i)
		line := row{Part: r.Part, Row: r.Goal.Row, Goal: r.Goal.String(), Met: r.Met() && !earlier, Old: earlier, Note: r.Note}
		if !r.Missing {
			line.Value = &r.Value
		}
		out.Rows = append(out.Rows, line)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// machine says what the figures were measured on, and at which commit.
func machine(ctx context.Context) string {
	cpu := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(model)
				break
			}
		}
	}
	commit := "an unknown commit"
	if b, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		commit = "commit " + strings.TrimSpace(string(b))
	}
	return fmt.Sprintf("%s, %d processors, %s, %s", cpu, runtime.NumCPU(), runtime.Version(), commit)
}
