package client_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// constants are the names, and the texts, of a file's constants.
func constants(t *testing.T, file string) (names, texts []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, n := range v.Names {
				names = append(names, n.Name)
				if lit, ok := v.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					texts = append(texts, text)
				}
			}
		}
	}
	return names, texts
}

// TestReasonsAreDocumented: docs/api.md explains every reason that the services
// have, once and in their order, and this package has a name for each.
func TestReasonsAreDocumented(t *testing.T) {
	names, texts := constants(t, "../internal/refusal/refusal.go")
	names, texts = names[1:], texts[1:] // the domain comes first
	b, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| ([A-Z_, ]+) \\| ([0-9, ]+) \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(string(b), -1) {
		documented = append(documented, row[1])
	}
	if !slices.Equal(documented, texts) || len(texts) < 16 {
		t.Errorf("docs/api.md has %q, the services have %q", documented, texts)
	}
	ours, _ := constants(t, "error.go")
	for _, n := range names {
		if !slices.Contains(ours, n) {
			t.Errorf("error.go has no name for %s", n)
		}
	}
}
