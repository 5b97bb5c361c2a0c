package main

import (
	"strings"
	"testing"
)

const some = `
# why
G104 * writes to a hash never fail
G304 a/b the operator names the file
`

func TestWhatHasNoReasonIsAFault(t *testing.T) {
	e, err := parse(some)
	if err != nil || strings.Join(e.everywhere(), " ") != "G104" {
		t.Fatal(e, err)
	}
	in := issue{Rule: "G304", File: "/r/a/b/c.go", Line: "7"}
	if faults, n := e.judge("/r", []issue{in}); len(faults) != 0 || n != 1 {
		t.Errorf("%q", faults)
	}
	for name, i := range map[string]issue{
		"another rule":           {Rule: "G204", File: "/r/a/b/c.go"},
		"another folder":         {Rule: "G304", File: "/r/a/c.go"},
		"a folder's longer name": {Rule: "G304", File: "/r/a/bc/d.go"},
	} {
		if faults, _ := e.judge("/r", []issue{in, i}); len(faults) != 1 {
			t.Errorf("%s: %q", name, faults)
		}
	}
	if faults, _ := e.judge("/r", nil); len(faults) != 1 || !strings.Contains(faults[0], "line 4") {
		t.Errorf("an exception that nothing needs: %q", faults)
	}
}

func TestAnExceptionNeedsAReason(t *testing.T) {
	for _, line := range []string{"G304", "G304 a/b", "G304 a/b because", "all a/b the operator names it"} {
		if _, err := parse(line); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}
