package removal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root     = "../../.."
	switches = "internal/assurance/removal/mutant" // the overlay's own package
)

// A mutant is one change of the circuits, behind a switch.
type mutant struct {
	id    string // of the switch
	file  string // from the module's root
	line  int
	what  string // the call
	how   string // what is changed in it
	about string // removed or wiring
}

func (m *mutant) String() string { return fmt.Sprintf("%s:%d %s: %s", m.file, m.line, m.what, m.how) }

// The kinds of mutants.
const (
	removed = "removed" // an assertion, or a part of one, is not made
	wiring  = "wiring"  // an assertion or a hash is about something else
)

// An edit puts text in place of source[from:to].
type edit struct {
	from, to int
	text     string
	after    bool // it closes what another edit opened
}

// A source is a file of the circuits with its switches.
type source struct {
	name  string // from the module's root
	text  []byte
	tree  *ast.File
	set   *token.FileSet
	edits []edit
}

// assertion tells the calls that assert by their names.
var assertion = regexp.MustCompile(`^([Aa]ssert|bind$)`)

// variables says which arguments of a call are wires that a change can put
// something else for. Calls of a function that asserts or hashes and is not
// here fail the test.
var variables = map[string][]int{
	"AssertIsEqual": nil, "AssertIsBoolean": nil, "AssertIsDifferent": nil, "AssertIsOnCurve": nil,
	"AssertAtMost": {1, 2}, "AssertWithin": {1, 2, 3}, "AssertSubset": {1, 2}, "AssertLink": {1, 2, 3, 4},
	"AssertSlot": {2}, "AssertInSet": {2, 3, 4, 6}, "AssertMember": {2, 4}, "AssertRekeyed": {1, 2, 3, 4, 5},
	"assertMember": {0, 2}, "assertTrusted": {0, 2}, "assertOrder": {0, 1}, "bind": {0},
	"assert": {1, 2, 3, 4}, "Sum": nil, "Node": nil, "ToBinary": {0},
}

// asserted are the functions that assert and return something: the call stays,
// and each assertion inside is a site of its own.
var asserted = []string{"AssertSlot", "assert"}

// load parses the files that define circuits.
func load(t *testing.T) []*source {
	t.Helper()
	var out []*source
	err := filepath.WalkDir(filepath.Join(root, "circuits"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if strings.HasSuffix(filepath.Base(filepath.Dir(path)), "test") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s := &source{text: text, set: token.NewFileSet()}
		if s.name, err = filepath.Rel(root, path); err != nil {
			return err
		}
		if s.tree, err = parser.ParseFile(s.set, s.name, text, 0); err != nil {
			return err
		}
		for _, i := range s.tree.Imports {
			if i.Path.Value == `"github.com/consensys/gnark/frontend"` {
				out = append(out, s)
				return nil
			}
		}
		// Without the frontend there is no wire; methods of what other files
		// define may assert all the same.
		if regexp.MustCompile(`\b(p|api|predicate|merkle|rekey)\.[Aa]ssert`).Match(text) {
			out = append(out, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *source) at(p token.Pos) int   { return s.set.Position(p).Offset }
func (s *source) of(n ast.Node) string { return string(s.text[s.at(n.Pos()):s.at(n.End())]) }

// around wraps an expression or a statement, outside of what wraps it or a
// part of it later.
func (s *source) around(n ast.Node, before, after string) {
	from, to := s.at(n.Pos()), s.at(n.End())
	s.edits = append(s.edits, edit{from, from, before, false}, edit{to, to, after, true})
}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// A finder collects the mutants of one file and the edits that switch them.
type finder struct {
	*source
	mutants []*mutant
	unknown []string
	next    func() string
}

func (f *finder) add(n ast.Node, call, how, about string) string {
	m := &mutant{id: f.next(), file: f.name, line: f.set.Position(n.Pos()).Line, what: strings.Join(strings.Fields(call), " "), how: how, about: about}
	f.mutants = append(f.mutants, m)
	return m.id
}

// find switches every site of a file.
func (f *finder) find() {
	var parents []ast.Node
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if n == nil {
			parents = parents[:len(parents)-1]
			return true
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			f.call(n, parents)
		case *ast.CompositeLit:
			f.literal(n)
		}
		parents = append(parents, n)
		return true
	})
}

func (f *finder) call(c *ast.CallExpr, parents []ast.Node) {
	name := called(c)
	if !assertion.MatchString(name) && name != "ToBinary" && name != "Sum" && name != "Node" {
		return
	}
	args, known := variables[name]
	if !known {
		f.unknown = append(f.unknown, f.of(c))
		return
	}
	if assertion.MatchString(name) || name == "ToBinary" {
		f.remove(c, parents[len(parents)-1], name)
	}
	if name == "Sum" {
		f.hash(c)
	}
	for _, i := range args {
		if i < len(c.Args) {
			f.value(c, c.Args[i], f.of(c), "0")
		}
	}
	switch name {
	case "AssertSlot":
		f.value(c, c.Args[2], f.of(c), "1<<len(c.Attributes)-1")
	case "AssertSubset", "AssertWithin", "AssertLink":
		f.value(c, c.Args[1], f.of(c), f.of(c.Args[2]))
		f.value(c, c.Args[2], f.of(c), f.of(c.Args[1]))
	}
}

// value puts something else for one value.
func (f *finder) value(at ast.Node, n ast.Expr, call, instead string) {
	if _, several := n.(*ast.CompositeLit); several || f.of(n) == instead {
		return
	}
	id := f.add(at, call, fmt.Sprintf("%s in place of %s", instead, f.of(n)), wiring)
	f.around(n, fmt.Sprintf("mutant.Value(%q, ", id), fmt.Sprintf(", %s)", instead))
}

// remove leaves an assertion out.
func (f *finder) remove(c *ast.CallExpr, parent ast.Node, name string) {
	call := f.of(c)
	switch p := parent.(type) {
	case *ast.ExprStmt:
		id := f.add(c, call, "removed", removed)
		f.around(p, fmt.Sprintf("if !mutant.On(%q) { ", id), " }")
		if name == "ToBinary" {
			f.decompose(c, f.add(c, call, "the bits are not asserted to be bits", removed))
		}
		return
	case *ast.AssignStmt:
		if name == "ToBinary" {
			f.decompose(c, f.add(c, call, "the bits are not asserted to be bits", removed)+" "+
				f.add(c, call, "the bits need not add up", removed)+" "+
				f.add(c, call, "a bit more is allowed", removed))
			return
		}
		if len(p.Lhs) == 1 && f.of(p.Lhs[0]) == "err" {
			id := f.add(c, call, "removed", removed)
			f.around(c, fmt.Sprintf("mutant.Error(%q, func() error { return ", id), " })")
			return
		}
	}
	if !slices.Contains(asserted, name) {
		f.unknown = append(f.unknown, call)
	}
}

// decompose calls the overlay's decomposition in place of api.ToBinary.
func (f *finder) decompose(c *ast.CallExpr, ids string) {
	api := f.of(c.Fun.(*ast.SelectorExpr).X)
	f.edits = append(f.edits, edit{f.at(c.Fun.Pos()), f.at(c.Lparen) + 1, fmt.Sprintf("mutant.Bits(%q, %s, ", ids, api), false})
}

// hash changes the tag and each input of a hash.
func (f *finder) hash(c *ast.CallExpr) {
	id := f.add(c, f.of(c), "another tag", wiring)
	f.around(c.Args[0], fmt.Sprintf("mutant.Tag(%q, ", id), ")")
	for i, a := range c.Args[1:] {
		if c.Ellipsis.IsValid() && i == len(c.Args)-2 {
			id := f.add(c, f.of(c), "0 in place of the last of "+f.of(a), wiring)
			f.around(a, fmt.Sprintf("mutant.Last(%q, ", id), ")")
			continue
		}
		f.value(c, a, f.of(c), "0")
		if i+2 < len(c.Args) {
			f.value(c, a, f.of(c), f.of(c.Args[i+2]))
		}
	}
}

// literal changes what a part is asked about, and the beginning of a list of
// hashed values.
func (f *finder) literal(l *ast.CompositeLit) {
	switch f.of(l.Type) {
	case "asked", "tested":
		var fields []*ast.KeyValueExpr
		for _, e := range l.Elts {
			if kv := e.(*ast.KeyValueExpr); !slices.Contains([]string{"ranges", "sets", "links"}, f.of(kv.Key)) {
				fields = append(fields, kv)
			}
		}
		for i, kv := range fields {
			f.value(kv, kv.Value, f.of(l.Type)+"{"+f.of(kv)+"}", "0")
			f.value(kv, kv.Value, f.of(l.Type)+"{"+f.of(kv)+"}", f.of(fields[(i+1)%len(fields)].Value))
		}
	case "[]variable":
		for _, e := range l.Elts {
			f.value(e, e, "[]variable{…}", "0")
		}
	}
}

// edited is a file with its edits and the import that they need.
func (s *source) edited() string {
	// What was wrapped first stands outside: its beginning comes before those
	// of the others, its end after theirs.
	var edits []edit
	for _, e := range s.edits {
		if !e.after {
			edits = append(edits, e)
		}
	}
	var ends []edit
	for _, e := range slices.Backward(s.edits) {
		if e.after {
			ends = append(ends, e)
		}
	}
	edits = append(ends, edits...)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var out strings.Builder
	at := 0
	for _, e := range edits {
		out.Write(s.text[at:e.from])
		out.WriteString(e.text)
		at = e.to
	}
	out.Write(s.text[at:])
	pkg := "package " + s.tree.Name.Name + "\n"
	return strings.Replace(out.String(), pkg, pkg+"\nimport \"github.com/zkconsent/zkconsent/"+switches+"\"\n", 1)
}
