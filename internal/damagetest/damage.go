// Package damagetest damages bytes for tests and counts what becomes of them:
// every bit of a proof, a presentation and a verifying key is flipped, and none
// may be accepted, end in a panic or cost memory that the bytes do not deserve
// (docs/spec.md §§9.5, 10.3).
//
// # Caveats
//
// [Allocated] counts the whole process; nothing else may run beside what it
// measures.
package damagetest

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// MiB bounds what one call may allocate.
const MiB = 1 << 20

// A Tally counts what became of damaged bytes.
type Tally struct {
	Tried, Accepted, Panics int
	Dearest                 uint64         // bytes that the dearest call allocated
	Reasons                 map[string]int // of refusals
}

// Try hands one damaged input to a function that returns why it refuses, or
// nothing if it accepts. Acceptances and panics fail the test.
func (t *Tally) Try(tb testing.TB, what string, refuse func() (reason string)) (reason string) {
	tb.Helper()
	var panicked any
	n := Allocated(func() {
		defer func() { panicked = recover() }()
		reason = refuse()
	})
	t.Tried++
	t.Dearest = max(t.Dearest, n)
	switch {
	case panicked != nil:
		t.Panics++
		tb.Errorf("%s: panic: %v", what, panicked)
		return "panic"
	case reason == "":
		t.Accepted++
		tb.Errorf("%s: accepted", what)
	case t.Reasons == nil:
		t.Reasons = map[string]int{reason: 1}
	default:
		t.Reasons[reason]++
	}
	return reason
}

// Flip tries b with each bit flipped whose number is a multiple of step.
func (t *Tally) Flip(tb testing.TB, b []byte, step int, refuse func(bit int, damaged []byte) (reason string)) {
	tb.Helper()
	for bit := 0; bit < 8*len(b); bit += step {
		damaged := bytes.Clone(b)
		damaged[bit/8] ^= 0x80 >> (bit % 8)
		t.Try(tb, fmt.Sprintf("byte %d, bit %d flipped", bit/8, bit%8), func() string { return refuse(bit, damaged) })
	}
}

// String says what was counted, for people.
func (t *Tally) String() string {
	var reasons []string
	for _, r := range slices.Sorted(maps.Keys(t.Reasons)) {
		reasons = append(reasons, fmt.Sprintf("%s %d", r, t.Reasons[r]))
	}
	return fmt.Sprintf("%d tried; %s; the dearest call allocated %d bytes", t.Tried, strings.Join(reasons, ", "), t.Dearest)
}

// Allocated returns how many bytes f allocates, freed ones included: no less
// than what the heap grows by at any moment of it.
func Allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
