package client_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
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

// madeWith are the codes with which the source makes each reason, by the name of
// its constant, in the order of the alphabet.
func madeWith(t *testing.T) map[string][]string {
	t.Helper()
	counts := map[string]map[string]int{}
	made := regexp.MustCompile(`refusal\.(?:New|Later)\(codes\.(\w+), refusal\.(\w+)`)
	for _, root := range []string{"../internal", "../registry"} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			for _, m := range made.FindAllStringSubmatch(string(b), -1) {
				if counts[m[2]] == nil {
					counts[m[2]] = map[string]int{}
				}
				counts[m[2]][regexp.MustCompile("([a-z])([A-Z])").ReplaceAllString(m[1], "${1}_$2")]++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	out := map[string][]string{}
	for reason, by := range counts {
		for code := range by {
			name := strings.ToUpper(code)
			if name == "CANCELED" {
				name = "CANCELLED" // as gRPC's documents write it
			}
			out[reason] = append(out[reason], name)
		}
		slices.Sort(out[reason])
	}
	return out
}

// TestReasonsAreDocumented: docs/api.md explains every reason that the services
// have, once and in their order, with the codes that they make it with; and this
// package has a name for each.
func TestReasonsAreDocumented(t *testing.T) {
	names, texts := constants(t, "../internal/refusal/refusal.go")
	names, texts = names[1:], texts[1:] // the domain comes first
	b, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	made := madeWith(t)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| ([A-Z_, ]+) \\| ([0-9, ]+) \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(string(b), -1) {
		documented = append(documented, row[1])
		if i := slices.Index(texts, row[1]); i >= 0 && row[2] != strings.Join(made[names[i]], ", ") {
			t.Errorf("%s: docs/api.md has the codes %s, the services make it with %q", row[1], row[2], made[names[i]])
		}
		for _, name := range strings.Split(row[2], ", ") {
			var c codes.Code
			if err := c.UnmarshalJSON([]byte(strconv.Quote(name))); err != nil || !strings.Contains(row[3], strconv.Itoa(runtime.HTTPStatusFromCode(c))) {
				t.Errorf("%s: %s is not among the HTTP statuses %s: %v", row[1], name, row[3], err)
			}
		}
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
