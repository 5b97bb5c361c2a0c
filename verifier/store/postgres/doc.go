// Package postgres keeps the requests, answers and spent nullifiers of a
// verifier that runs as several replicas in one PostgreSQL database
// (docs/spec.md §10.4, row 13; docs/operations.md, "The database of a fleet").
//
// Uniqueness is the database's: of all the replicas' calls with one request or
// one nullifier, one is kept. What a method reports as done is in the
// database's log on its disk: every connection commits synchronously, and a
// server that runs without fsync or full_page_writes is refused. A commit that
// waits for a standby is never cancelled, so that nothing is told which is on
// one disk alone. Each row
// carries the same sum as in the SQLite file.
//
// Every call has a bounded time, connections and waiting callers a bounded
// number. A database that cannot be asked is verifier.ErrStoreAway, and the
// store is whole again as soon as the database answers.
//
// # Caveats
//
// A failover to a standby that is not synchronous forgets what it had not
// received, and a forgotten nullifier is accepted again: replicate
// synchronously, or fence and restore. A replica that runs meanwhile asks each
// new connection for its last answers, and decides nothing more where they are
// gone ([ErrForgot]); one that is started afterwards remembers none. The connection string is a secret, and
// off this machine the server is known by its certificate alone.
//
// Tables name no patient, but their pseudonyms and requests are health data.
// Deleted rows stay in the tables' files until VACUUM has passed over them and
// their space was used again, and longer in the write-ahead log, its archive,
// standbys and backups: what has to be forgotten is forgotten when those are.
package postgres
