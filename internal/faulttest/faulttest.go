// Package faulttest gives the tests that break a ledger one way to say how
// much they broke and what became of it. Each of them is named TestFault_… and
// logs rows; `make test-ledger` runs them at full length and prints the rows as
// one table (docs/spec.md §6.6).
package faulttest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Full is the variable that `make test-ledger` sets, to any value: the tests
// then run at the length that the table is made from.
const Full = "ZKCONSENT_FAULTS"

// Rounds chooses how often a test breaks something: in the short run, in the
// run of all tests, and under `make test-ledger`.
func Rounds(short, usual, full int) int {
	switch {
	case os.Getenv(Full) != "":
		return full
	case testing.Short():
		return short
	}
	return usual
}

// A Count is an outcome and how often it came.
type Count struct {
	Outcome string
	N       int
}

// Row logs what became of so many faults of one kind, as a line of the table.
func Row(tb testing.TB, fault string, injected int, counts ...Count) {
	tb.Helper()
	said := make([]string, len(counts))
	for i, c := range counts {
		said[i] = fmt.Sprintf("%d %s", c.N, c.Outcome)
	}
	tb.Logf("FAULT | %s | %d | %s", fault, injected, strings.Join(said, ", "))
}
