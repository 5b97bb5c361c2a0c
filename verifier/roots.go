package verifier

import (
	"context"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// A Withdrawal is an entry of the withdrawal log (docs/spec.md §6.3).
type Withdrawal struct {
	V  fr.Element // the withdrawal secret that the patient published
	At uint64     // unix seconds of the block
}

// A RootSource shows the ledger's verified state. Only a light client may
// implement it: its heads must carry the signatures of the validators that
// follow from the genesis, and never be older than one that it returned before.
//
// The ranges are those of the two logs under the newest head. They need not be
// verified: the verifier recomputes their roots and compares them with the
// head's, so that a source that leaves out a withdrawal is found.
type RootSource interface {
	// Head returns the newest verified head and the directory whose digest its
	// state contains.
	Head(ctx context.Context) (*directory.Head, *directory.Directory, error)
	// Epochs returns the entries from to to−1 of the epoch log, or some of
	// them from the first on, but at least one.
	Epochs(ctx context.Context, from, to uint64) ([]directory.Epoch, error)
	// Withdrawals returns the entries from to to−1 of the withdrawal log, or
	// some of them from the first on, but at least one.
	Withdrawals(ctx context.Context, from, to uint64) ([]Withdrawal, error)
}

// A Refresher is a RootSource that shows what an earlier look at the ledger
// left, and that looks again when it is asked to. A wallet may know an epoch
// that closed since: the verifier asks before it says that there is none.
type Refresher interface {
	// Refresh returns nil when a look that began after the call has succeeded.
	// It is called for presentations that anybody may hand in: how often the
	// ledger is asked is bounded by the source, whoever calls.
	Refresh(ctx context.Context) error
}
