package identity_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/identity"
)

var update = flag.Bool("update", false, "write the table of docs/authorization.md anew")

// matrix is the table of who may call what, in Markdown.
func matrix() string {
	table := identity.Table()
	columns := append([]identity.Role{identity.Anyone}, identity.Roles()...)
	var b strings.Builder
	b.WriteString("| method |")
	for _, r := range columns {
		fmt.Fprintf(&b, " %s |", r)
	}
	b.WriteString(" weight |\n|---|" + strings.Repeat(":-:|", len(columns)) + "--:|\n")
	methods := make([]string, 0, len(table))
	for m := range table {
		methods = append(methods, m)
	}
	sort.Strings(methods)
	for _, m := range methods {
		fmt.Fprintf(&b, "| `%s` |", strings.TrimPrefix(m, "/"))
		for _, r := range columns {
			switch {
			case slices.Contains(table[m], r):
				b.WriteString(" yes |")
			case slices.Contains(table[m], identity.Anyone):
				b.WriteString(" · |") // as anyone
			default:
				b.WriteString(" – |")
			}
		}
		fmt.Fprintf(&b, " %d |\n", identity.Weight(m))
	}
	return b.String()
}

// TestDocumentedTable holds docs/authorization.md against the table that the
// guard uses.
func TestDocumentedTable(t *testing.T) {
	const file, begin, end = "../../docs/authorization.md", " -update -->\n", "\nThe REST face has"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, also := strings.Cut(rest, end)
	if !ok || !also {
		t.Fatal("the table has no place in the document")
	}
	want := head + begin + "\n" + matrix() + end + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Error("docs/authorization.md has another table than the guard; run this test with -update")
	}
}
