package boundary

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/assurance"
)

// A table is what docs/attacks.md has under one heading.
type table struct {
	heading string
	columns []string
	rows    [][]string
}

// tables reads the tables of a document in Markdown.
func tables(text string) (out []table) {
	heading := ""
	var last *table
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if h, ok := strings.CutPrefix(line, "## "); ok {
			heading = h
		}
		if !strings.HasPrefix(line, "|") {
			last = nil
			continue
		}
		var cells []string
		for c := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		switch {
		case last == nil:
			out = append(out, table{heading: heading, columns: cells})
			last = &out[len(out)-1]
		case strings.Trim(line, "|- ") != "":
			last.rows = append(last.rows, cells)
		}
	}
	return out
}

// tested are the test functions of the source by name, each with the texts in
// its body and in those of the tables, functions of its package, that it hands
// to others; functions of one name in several packages are put together.
func tested(files []file) map[string]map[string]bool {
	type place struct{ dir, name string }
	texts, tables := map[place][]string{}, map[place][]string{}
	for _, f := range files {
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !f.test || fn.Recv != nil {
				continue
			}
			at := place{f.dir(), fn.Name.Name}
			texts[at] = append(texts[at], "")
			ast.Inspect(fn, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BasicLit:
					if s, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
						texts[at] = append(texts[at], s)
					}
				case *ast.CallExpr:
					for _, a := range n.Args {
						if id, ok := a.(*ast.Ident); ok {
							tables[at] = append(tables[at], id.Name)
						}
					}
				}
				return true
			})
		}
	}
	out := map[string]map[string]bool{}
	for at := range texts {
		if out[at.name] == nil {
			out[at.name] = map[string]bool{}
		}
		for _, s := range texts[at] {
			out[at.name][s] = true
		}
		for _, table := range tables[at] {
			for _, s := range texts[place{at.dir, table}] {
				out[at.name][s] = true
			}
		}
	}
	return out
}

var namedTest = regexp.MustCompile("^`(Test[A-Za-z0-9_]+)(?:/([^`]+))?`$")

// attackFaults holds the rows of attacks against the tests of the source.
func attackFaults(all []table, files []file, properties int) (faults []string, attacks int) {
	tests, covered, names := tested(files), map[string]bool{}, map[string]bool{}
	for _, t := range all {
		for _, row := range t.rows {
			if len(row) != len(t.columns) || slices.Contains(row, "") {
				faults = append(faults, fmt.Sprintf("%s: a row of %d cells, or an empty one: %q", t.heading, len(row), row))
				continue
			}
			if t.columns[0] != "#" {
				continue // of what no test plays
			}
			attacks++
			covered[row[0]] = true
			if names[row[1]] {
				faults = append(faults, fmt.Sprintf("%s: %q stands twice", t.heading, row[1]))
			}
			names[row[1]] = true
			test := namedTest.FindStringSubmatch(row[len(row)-1])
			if test == nil {
				faults = append(faults, fmt.Sprintf("%s: %q names no test", t.heading, row[1]))
				continue
			}
			if !tests[test[1]][test[2]] {
				faults = append(faults, fmt.Sprintf("%s: %q names %s, which does not exist", t.heading, row[1], row[len(row)-1]))
			}
		}
	}
	for p := 1; p <= properties; p++ {
		if !covered[strconv.Itoa(p)] {
			faults = append(faults, fmt.Sprintf("no attack on property %d of docs/threat-model.md", p))
		}
	}
	return faults, attacks
}

// TestAssurance_Attacks: every attack in docs/attacks.md has a price and a test
// that exists.
func TestAssurance_Attacks(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	faults, attacks := attackFaults(tables(string(text)), load(t), 24)
	for _, f := range faults {
		t.Error("docs/attacks.md: " + f)
	}
	assurance.Record(t, "attacks/named", attacks, "rows of docs/attacks.md, each with its price and its test")
	assurance.Record(t, "attacks/without", len(faults), "rows that are not whole or name no test that exists")
}

func TestAttackTablesAreRead(t *testing.T) {
	source := parse(t, "p/a_test.go", "package p\nfunc TestAttack_X(t *testing.T) { t.Run(\"a case\", nil); play(t, cases) }\n"+
		"func cases() []string { return []string{\"a case of a table\"} }\nfunc others() []string { return []string{\"another table's\"} }")
	const head = "## H\n\n| # | attack | price | by | test |\n|---|---|---|---|---|\n"
	for name, c := range map[string]struct{ text, want string }{
		"whole":          {head + "| 1 | a | b | c | `TestAttack_X/a case` |\n", ""},
		"of a table":     {head + "| 1 | a | b | c | `TestAttack_X/a case of a table` |\n", ""},
		"of another":     {head + "| 1 | a | b | c | `TestAttack_X/another table's` |\n", "which does not exist"},
		"without case":   {head + "| 1 | a | b | c | `TestAttack_X` |\n", ""},
		"no price":       {head + "| 1 | a | | c | `TestAttack_X` |\n", "or an empty one"},
		"a cell less":    {head + "| 1 | a | b | `TestAttack_X` |\n", "a row of 4 cells"},
		"no test":        {head + "| 1 | a | b | c | later |\n", "names no test"},
		"another test":   {head + "| 1 | a | b | c | `TestAttack_Y` |\n", "which does not exist"},
		"another case":   {head + "| 1 | a | b | c | `TestAttack_X/no case` |\n", "which does not exist"},
		"twice":          {head + "| 1 | a | b | c | `TestAttack_X` |\n| 1 | a | b | c | `TestAttack_X` |\n", "stands twice"},
		"no property":    {head + "| 2 | a | b | c | `TestAttack_X` |\n", "property 1"},
		"not built, and": {head + "| 1 | a | b | c | `TestAttack_X` |\n\ntext\n\n| attack | price | answer |\n|---|---|---|\n| a | b | |\n", "or an empty one"},
	} {
		faults, _ := attackFaults(tables(c.text), []file{source}, 1)
		if all := strings.Join(faults, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("%s: %q, want %q", name, all, c.want)
		}
	}
}
