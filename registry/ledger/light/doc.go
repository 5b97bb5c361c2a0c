// Package light reads the ledger and believes nothing but the validators'
// signatures and its own arithmetic (docs/spec.md §6, §8). From the genesis
// that its user trusts it verifies the newest header, and from that every log
// entry, the directory, the tree and its paths. A node can refuse to answer;
// it cannot make a [Client] believe anything else, and each attempt has a name
// of its own, a [Lie], and is kept as [Evidence]. Several nodes are held against
// each other by a [Failover].
//
// A client asks for nothing by content: two clients that follow the same parts
// and stand at the same point make the same calls. What it follows, [Follow]
// says. By default that is all logs whole, and the tree that they give; a
// verifier needs no records; a wallet of a large ledger reads the tree by
// layers: the roots of all buckets, and the leaves of few of them.
//
// # Caveats
//
// Validators change. A client goes on from the newest head that it verified,
// by CometBFT's own light verification and the light blocks that the node
// kept around each change (docs/spec.md §6.7). One that was away for longer
// than the trust period refuses with [ErrTrustExpired]: it could not tell the
// ledger from one that members who left have signed since.
//
// Freshness is judged by this machine's clock. A client whose [Client.Fresh]
// is an error decides nothing.
//
// Keep Config.Dir: without it a client forgets the newest head that it saw,
// and could be shown an older one that is still fresh. A client of layers
// keeps there which buckets it reads. One that lost the folder draws other
// decoys, and who recognises it sees which buckets are in both sets.
//
// A client of layers compares with the log the buckets that it holds. That the
// other buckets have no leaf without a record, it takes from the signatures of
// more than two thirds of the validators; clients that follow everything check
// it for all.
package light
