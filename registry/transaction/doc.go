// Package transaction is what authorities and wallets send to the ledger:
// the envelope, the payload of each kind, stamps, steward approvals and the
// result (docs/spec.md §7). It stores nothing and needs no node.
//
// # Caveats
//
// A transaction names its ledger and its last block, so a copy of it is worth
// nothing on another ledger or later. A caller draws Nonce at random: two
// transactions that differ in nothing are one, and the second is refused.
package transaction
