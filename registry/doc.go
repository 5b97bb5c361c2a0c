// Package registry is the ledger's state machine: transactions in, roots out
// (docs/spec.md §6, §7). [State] is deterministic: it depends on the genesis,
// the transactions and the block times alone, never on a local clock, a map's
// order or how it was read. Consensus orders the blocks; that is the package
// ledger's.
//
// Its pure halves live beside it: transaction has what is sent to it, journal
// what is read from it.
//
// # Caveats
//
// A block is durable when [State.Commit] has returned, not before. Reads show
// committed blocks alone. A caller that acts for a patient reads through the
// light client (registry/ledger/light), which believes signatures, and never
// a state that somebody else's disk holds.
package registry
