// Package verifier asks for presentations, decides them, keeps the evidence,
// and tells which standing answers have been withdrawn (docs/spec.md §10).
//
// [Verifier.CreateRequest] signs and stores a request. [Verifier.Verify] takes
// the bytes that a patient's wallet sends back and goes through the checks of
// docs/spec.md §10.4 in their order; everything that it accepts becomes a
// [Record] that [Recheck] can verify again from files alone. [Verifier.Standing]
// tests every answer that is still relied on against the whole withdrawal log;
// [Verifier.Withdrawn] shows what has been withdrawn since a position of it.
//
// # Caveats
//
// A verdict is denied unless it says accepted, and the zero [Verdict] is
// denied. An error means that nothing could be decided; its verdict is denied
// too. Whoever treats an undecided presentation as accepted hurts a patient
// who withdrew.
//
// Only a light client that verifies headers against the genesis may implement
// [RootSource]. This package checks every log entry against the head that the
// source returns, and the head's age against its own clock, but it cannot tell
// a forged head from a true one.
//
// An accepted verdict says that somebody who holds such a record agreed. It
// speaks for a person only where SpeaksForPerson says so, and it says nothing
// after Until.
package verifier
