// Package circuits is what is proved: the circuits enrol, consent,
// eligibility and claim, in the profiles normal and wide (docs/spec.md §9).
//
// [Compile] turns a circuit id into its constraint system, always the same
// one; [Assign] turns a [consent.Statement] and a [Witness] into values for
// it. The gadgets, one for each package under gadget/, hold the arithmetic;
// this package says which of them a circuit consists of.
//
// # Caveats
//
// The order of the public fields in the circuits' structs is the order of the
// public inputs, and so part of the protocol. A [Witness] is a patient's
// secret and gnark's solver puts wire values into its errors and its log:
// callers outside this module's prover keep both to themselves. Assign checks
// shapes only; that the values belong together is what the proof shows.
package circuits
