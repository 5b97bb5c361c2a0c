// Package ledger runs the registry's state machine under CometBFT: the
// application, the node inside this process, and its home directory
// (docs/spec.md §6). One validator in the process is the embedded ledger; a
// consortium is the same node with more validators in its genesis.
//
// # Caveats
//
// A [Node] answers for its own disk. Whoever decides about a patient reads it
// through registry/ledger/light, which believes the validators' signatures
// alone, even when the node is in the same process.
//
// A validator's key signs on one machine, beside the record of what it signed
// last. Backups ([Node.Backup]) leave both out for that reason.
package ledger
