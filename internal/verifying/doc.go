// Package verifying is the verifier's service: it makes requests from named
// policies, decides presentations, hands out verdicts with their evidence,
// tells of withdrawals, and counts (docs/spec.md §10, §12). [Service] answers
// the calls over a verifier.Verifier; [Follow] keeps the light client that the
// verifier decides by up to date.
//
// # Caveats
//
// Patients call GetRequest and Verify without saying who they are, so whoever
// calls them is a stranger. This is what a stranger learns.
//
// GetRequest answers alike for an id that was never given out, for a request
// whose time is over, and for one that is purged. Ids are 128 bits that nobody
// can guess; a request carries no patient's name, but its context may be a
// claim's number: the address of a request is for the patient alone.
//
// Verify tells whoever has a presentation's bytes what became of them: the
// verdict, with the nullifier, the time until which it holds and the comparison
// code. The bytes contain the nullifier, and with the request everything that
// the code is made of, so the answer adds that the verifier accepted them, and
// when. Bytes that were accepted get their stored verdict for as long as the
// answer is kept, also after a withdrawal: a stranger does not learn of that.
// Who has a request's id alone can learn that it was answered (already-answered
// for any bytes in a presentation's form that name it), and not by whom or with
// what.
//
// The reasons of docs/spec.md §10.4 are told to everybody: a wallet needs them,
// and the checks go from the cheap ones to the dear ones, so the time of an
// answer tells no more than its reason does. Only `withdrawn` speaks of a
// patient: who has the bytes of a presentation that was never accepted learns
// that its consent was withdrawn. It needs those bytes, and the withdrawal
// itself is public for whoever has them and hashes the ledger's log. Whether an
// id is unknown or past its time cannot be told from GetRequest's answer; the
// store reads a row in the one case and none in the other, which a patient
// observer may measure, of an id that they have already.
//
// An idempotency key is a secret between a caller and this verifier for one
// request. The caller's name is part of the intent: where nobody says who they
// are, on loopback, all callers are one.
//
// Small counts are suppressed, and so are those from which a small count could
// be had by subtraction. What remains: two counts of different times tell what
// happened in between. Those who may ask for counts are the verifier's own
// staff, of whom most see the answers themselves. Among enough answers a count of
// 0 is told, so that a scope in which everybody withdrew is seen to be one; no
// answers at all read like few.
//
// Roles are those of the whole verifier: whoever may read a verdict may read
// each, and the log says who did. A quarter of the places for presentations is
// not for strangers; a flood from many addresses still delays patients, and is
// for what stands before the service to keep off.
package verifying
