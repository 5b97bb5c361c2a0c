package light

import "github.com/zkconsent/zkconsent/registry/journal"

// Follow says which parts of the ledger a [Client] reads (docs/spec.md §8).
// Clients that follow alike and stand at the same point make the same calls.
type Follow uint8

const (
	// Everything is all logs from their first entry, and the tree.
	Everything Follow = iota
	// Verdicts is what a verifier decides by: the directory, withdrawals,
	// epochs and spends. No records, so no paths either.
	Verdicts
	// Layers is a wallet's way: everything while the ledger is small (see
	// Config.Whole), and above that records and withdrawals from an anchor,
	// the roots of all buckets, and some buckets. It needs Config.Dir.
	Layers
)

// Newest as Config.Start makes a client of layers begin at the newest epoch.
const Newest = ^uint64(0)

// defaultWhole is the number of entries of the record log up to which a wallet
// takes everything: about 100 MiB.
const defaultWhole = 1 << 20

// logs are the logs that a client takes whole.
func (f Follow) logs(layered bool) []journal.Kind {
	switch {
	case layered:
		return []journal.Kind{journal.Epochs}
	case f == Verdicts:
		return []journal.Kind{journal.Withdrawals, journal.Epochs, journal.Spends}
	}
	return journal.Kinds()
}
