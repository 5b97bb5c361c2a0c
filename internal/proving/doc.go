// Package proving is the prover's service: it makes proofs for wallets that
// cannot make them themselves (docs/prover.md, docs/spec.md §9.8). So many
// proofs are under way as cores and memory allow, so many requests wait as the
// operator says, no caller may fill the queue alone, and what is beyond that is
// refused at once, with the time after which a place is likely.
//
// # Caveats
//
// The service sees a patient's keys ak and nk, and records in the clear. It
// needs them for the time of one proof and keeps none: its own buffers (the
// request's bytes, the decoded witness, the values handed to the prover) are
// overwritten, nothing of them is logged, and of errors from below only those
// that carry no values are named in the log. What it cannot reach is listed in
// docs/prover.md: copies inside gnark, in the TLS and HTTP/2 layers, and in the
// JSON of the REST face. So a process that serves proofs calls [NoDumps] and
// [EraseBuffers] before it listens.
//
// Nothing that the service learns lets it present, withdraw or enrol. It can
// tell others what it saw; a patient's own device is the better prover.
package proving
