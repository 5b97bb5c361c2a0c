package boundary

import (
	"go/ast"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestThreatModelNamesRealTests: a test that docs/threat-model.md relies on
// exists; those it merely expects are in italics there.
func TestThreatModelNamesRealTests(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	real := map[string]bool{}
	for _, f := range load(t) {
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test {
				real[fn.Name.Name] = true
			}
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 20 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, n := range named {
		if !real[n[1]] {
			t.Errorf("docs/threat-model.md names %s, which does not exist", n[1])
		}
	}
	for i := 1; i <= 24; i++ {
		if row := regexp.MustCompile(`(?m)^\| ` + strconv.Itoa(i) + ` \| .* \| .*Test`); !row.Match(text) {
			t.Errorf("property %d has no row with a test", i)
		}
	}
}

// claim finds promises that software cannot keep.
var claim = regexp.MustCompile(`(?i)(gdpr|hipaa|dsgvo)[ -]?complian|fully complian`)

func TestNothingClaimsToMeetALaw(t *testing.T) {
	if !claim.MatchString("GDPR-" + "compliant") {
		t.Fatal("the pattern does not find what it should")
	}
	walk(t, func(name, full string) {
		if ext := path.Ext(name); ext != ".md" && ext != ".go" && ext != ".proto" && ext != ".txtar" {
			return
		}
		content, err := os.ReadFile(full)
		if err != nil {
			t.Error(err)
			return
		}
		if at := claim.FindIndex(content); at != nil && !strings.HasSuffix(name, "boundary/documents_test.go") {
			t.Errorf("%s: %q", name, content[at[0]:at[1]])
		}
	})
}
