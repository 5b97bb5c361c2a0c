package wallet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// A Ledger shows a wallet the ledger as signed headers prove it. A light client
// is one. What it returns belongs to the last Snapshot or to a later head, and
// was checked against that head's signature: a wallet cannot do so again.
//
// Paths and entries are served from a copy that is the same for every wallet.
// An implementation that asks a node for one path tells it whose it is
// (docs/spec.md §8).
type Ledger interface {
	Snapshot(ctx context.Context) (*Snapshot, error)
	// Records returns the entries [from, to) of the record log.
	Records(ctx context.Context, from, to uint64) ([]journal.Record, error)
	// Withdrawals returns the entries [from, to) of the withdrawal log.
	Withdrawals(ctx context.Context, from, to uint64) ([]journal.Withdrawal, error)
	// Path returns the path of a leaf in the tree of the epoch, or an error that
	// wraps ErrNoLeaf, ErrEpochReplaced or a *NotReadError.
	Path(ctx context.Context, epoch directory.Epoch, index uint64) (merkle.Path, error)
}

// A Relay puts a patient's withdrawals on the ledger: any authority may, and
// [Stamper] does without one. What the ledger has already counts as done.
type Relay interface {
	Withdraw(ctx context.Context, v fr.Element) error
	Revoke(ctx context.Context, index uint64, rs fr.Element) error
}

// A Snapshot is a verified head, its directory and its newest epoch.
type Snapshot struct {
	Head      directory.Head
	Directory *directory.Directory
	Epoch     directory.Epoch
	// RecordsFrom and WithdrawalsFrom are where the copy of the logs begins
	// from which Records and Withdrawals are served: 0, or what was there
	// before the wallet was made, or before what it has read already.
	RecordsFrom, WithdrawalsFrom uint64
}

// A NotReadError reports a leaf whose part of the tree is not read yet, and
// when it will be. It is not read because somebody waits for it: who sees the
// reading would learn that the patient presents something now.
type NotReadError struct{ Next time.Time }

func (e *NotReadError) Error() string {
	return fmt.Sprintf("wallet: the record's part of the ledger is not read yet; it is read after %s", e.Next.UTC().Format(time.RFC3339))
}

// ErrStale reports a head that is too old, or in the future, by the wallet's own
// clock. A frozen node must not freeze withdrawals, so nothing is decided then.
var ErrStale = errors.New("wallet: the newest head that the ledger shows is not fresh")

// ErrLedger reports a ledger that contradicts itself or is another one.
var ErrLedger = errors.New("wallet: the ledger's answer cannot be right")

// Errors of a Ledger's Path.
var (
	// ErrNoLeaf says that the leaf is not in the tree: revoked, or not yet in it.
	ErrNoLeaf = errors.New("wallet: the leaf is not in the epoch's tree")
	// ErrEpochReplaced says that a newer epoch has closed since the snapshot.
	ErrEpochReplaced = errors.New("wallet: a newer epoch has replaced this one")
)

// snapshot takes a snapshot and refuses one that is stale, of another ledger,
// or whose parts do not belong together.
func (w *Wallet) snapshot(ctx context.Context, l Ledger) (*Snapshot, error) {
	s, err := l.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("wallet: reading the ledger: %w", err)
	}
	if s == nil || s.Directory == nil {
		return nil, fmt.Errorf("%w: no directory", ErrLedger)
	}
	return s, w.fresh(s)
}

func (w *Wallet) fresh(s *Snapshot) error {
	if s.Head.State.Genesis != w.genesis {
		return fmt.Errorf("%w: it is another ledger than the wallet's", ErrLedger)
	}
	if s.Head.State.Directory != s.Directory.Digest() {
		return fmt.Errorf("%w: the directory is not the head's", ErrLedger)
	}
	if s.Epoch.Number != s.Head.State.Epoch || !s.Epoch.Root.Equal(&s.Head.State.Root) ||
		s.Epoch.Records > s.Head.State.Records.Count || s.Epoch.Withdrawals > s.Head.State.Withdrawals.Count {
		return fmt.Errorf("%w: the epoch is not the head's", ErrLedger)
	}
	now, most := w.now(), time.Duration(s.Directory.Parameters.MaxHeadAge)*time.Second
	head := time.Unix(int64(s.Head.Time), 0)
	if age := now.Sub(head); age > most {
		return fmt.Errorf("%w: it is %d s old, at most %d s are allowed; try another node or compare the clock", ErrStale, int64(age/time.Second), int64(most/time.Second))
	}
	if head.Sub(now) > consent.ClockSkew {
		return fmt.Errorf("%w: it lies in the future; compare the clock", ErrStale)
	}
	return nil
}

func (w *Wallet) view(s *Snapshot) consent.View {
	return consent.View{Genesis: w.genesis, Directory: s.Directory, Now: w.now()}
}

// path takes the path of a leaf and believes it only if it leads to the root.
func path(ctx context.Context, l Ledger, epoch directory.Epoch, index uint64, leaf fr.Element) (merkle.Path, error) {
	p, err := l.Path(ctx, epoch, index)
	if err != nil {
		return p, err
	}
	if p.Index != index || len(p.Siblings) != merkle.MaxDepth {
		return p, fmt.Errorf("%w: the path is another leaf's or has another depth", ErrLedger)
	}
	if r := p.Root(leaf); !r.Equal(&epoch.Root) {
		return p, fmt.Errorf("%w: the path does not lead to root %s", ErrNoLeaf, field.Hex(epoch.Root)[:16])
	}
	return p, nil
}
