package circuits

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/consent"
)

// specInputs reads the names of a circuit's public inputs from the table in
// docs/spec.md §9.2, and writes out its groups.
func specInputs(t *testing.T, circuit string, sets int) []string {
	t.Helper()
	b, err := os.ReadFile("../docs/spec.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(b), "### 9.2")
	if !ok {
		t.Fatal("docs/spec.md has no section 9.2")
	}
	section, _, _ = strings.Cut(section, "\n### ")
	column := -1
	var names []string
	group := regexp.MustCompile(`^(ranges|sets|links): [^(]*\(([^()]*)\)$|^(ranges|sets|links): .* × \(([^()]*)\)$`)
	for _, line := range strings.Split(section, "\n") {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[0] == "#" {
			for i, c := range cells {
				if c == circuit {
					column = i
				}
			}
			continue
		}
		if column < 0 || column >= len(cells) || cells[column] == "" || strings.HasPrefix(cells[column], "---") {
			continue
		}
		cell := cells[column]
		if m := group.FindStringSubmatch(cell); m != nil {
			name, fields := m[1]+m[3], strings.Split(m[2]+m[4], ", ")
			n := map[string]int{"ranges": 4, "sets": sets, "links": 3 + sets}[name]
			for i := range n {
				for _, f := range fields {
					names = append(names, fmt.Sprintf("%s_%d_%s", name, i, f))
				}
			}
			continue
		}
		names = append(names, strings.Split(cell, ", ")...)
	}
	if column < 0 {
		t.Fatalf("docs/spec.md §9.2 has no column %q", circuit)
	}
	return names
}

// The compiled circuits have the public inputs of the specification's table,
// by name and in order.
func TestPublicInputsAreTheSpecifications(t *testing.T) {
	for _, id := range consent.Circuits() {
		compiled, err := Compile(id)
		if err != nil {
			t.Fatal(err)
		}
		system := compiled.(*cs.R1CS) // the type of both schemes' systems
		circuit, _, _ := strings.Cut(string(id), "/")
		want := specInputs(t, circuit, id.Sets())
		got := system.Public
		if id.Scheme() == consent.Groth16 {
			got = got[1:] // the first is gnark's constant 1
		}
		if n := PublicInputs(system); n != len(got) {
			t.Errorf("%s: PublicInputs counts %d of %d", id, n, len(got))
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d public inputs, the specification has %d", id, len(got), len(want))
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: public input %d is %q, in the specification %q", id, i, got[i], want[i])
			}
		}
	}
}
