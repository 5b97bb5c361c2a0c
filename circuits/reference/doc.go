// Package reference says in plain Go whether a statement is true: the
// assertions of docs/spec.md §9.3, one after the other, for each circuit. It
// is written from the specification alone and shares nothing with the circuits
// but the hash, so that two readings of the specification can be held against
// each other. Who audits the circuits starts here.
//
// [Evaluate] names the first assertion that is false; [Assertions] lists them
// all. Inputs are field elements, not integers, since a prover may put any
// field element on a wire.
//
// # Caveats
//
// [Values] hold what opens a patient's records, and nothing here redacts them
// or runs in constant time. The package serves tests with made-up values; no
// package of the product may import it.
package reference
