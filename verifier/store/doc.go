// Package store keeps a verifier's requests, answers and spent nullifiers in
// one SQLite file (docs/spec.md §10.4, row 13).
//
// What a method reports as done is on the disk: the journal is a write-ahead
// log, synced with every transaction (synchronous=FULL). Each row carries a
// SHA-256 over its columns, so that a damaged row is an error and never an
// answer; [Store.Check] goes through all of them.
//
// # Caveats
//
// The file must lie on a local disk: SQLite's locks do not hold on network
// file systems. It names no patient, but its pseudonyms and requests are
// health data; the file is made readable to its owner alone. Deleted rows are
// overwritten (secure_delete), copies in backups are not.
package store
