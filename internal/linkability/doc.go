// Package linkability holds the tests that ask what presentations and the
// ledger tell those who join all that they see (docs/spec.md §14): real
// wallets, real proofs, a real ledger state, and verifiers that accept what
// they are shown. It exports nothing.
//
// # Caveats
//
// What is measured is the content of messages and of the ledger. Times, sizes,
// network addresses and what a patient answers outside of the protocol tell
// more; docs/threat-model.md says so.
package linkability
