// Package removal shows that no assertion of the circuits can go unnoticed:
// its test builds the circuits with a switch at each assertion and at each
// value that one is about, turns one off at a time, and expects a test of the
// circuits to fail by name (docs/spec.md §9.3).
//
// Tests that would notice any change at all have no vote: counts of
// constraints, digests, tables. What must notice is an attack that now
// succeeds, or a valid statement that is refused.
package removal
