// Package client calls the services of other machines: a verifier's, a prover's
// and, by registry/ledger/wire, a node's (docs/api.md).
//
// [Dial] makes a connection to one service, or to several replicas of one, and
// every call over it has a deadline, bounds of size, and repetitions where the
// protocol allows them. [NewVerifier] and [NewProver] put the types of this
// module in the place of protobuf's, and check what an answer must have in
// common with its question. A [Visitor] is what a patient's wallet needs of a
// verifier, and says nothing of who asks.
//
// # Caveats
//
// A connection carries who calls: its certificate, and its token in every call.
// A wallet that fetches a request or presents over the connection to its prover
// tells the verifier who it is, for which no proof without a name makes up: use
// a [Visitor] for that, which has neither.
//
// A verdict that came over a connection is the word of the machine at its other
// end. Who needs more takes the record that [Verifier.Verdict] returns and gives
// it to verifier.Recheck.
//
// A prover service sees a patient's records. That its proofs prove what was
// asked is checked by the wallet; that it keeps nothing cannot be.
package client
