package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// ErrStaleHead reports that the newest verified head is too far from this
// machine's clock to decide anything: the node is frozen or lies, or one of
// the clocks is wrong.
var ErrStaleHead = errors.New("verifier: the newest verified head is not fresh; sync with a live node and compare the clocks")

// ErrNoLedger reports a root source that shows nothing: no head was verified
// yet, or its nodes lied.
var ErrNoLedger = errors.New("verifier: the ledger cannot be seen")

// away is the error of a root source that did not answer.
func away(asked string, err error) error {
	return fmt.Errorf("verifier: %s: %w: %w", asked, ErrNoLedger, err)
}

// A ledgerView is the verifier's copy of what it needs of the ledger, always
// at a head that signs all of it.
type ledgerView struct {
	src     RootSource
	genesis [32]byte
	now     func() time.Time
	since   func(time.Time) time.Duration // by a clock that nobody sets

	turn      chan struct{} // held through a refresh, so that heads only advance; guards what follows
	head      *directory.Head
	dir       *directory.Directory
	epochs    []directory.Epoch // append-only
	epochLog  *treeLog
	withdrawn *withdrawals
	seen      time.Time // when head was first looked at
	longest   uint64    // the greatest maxHeadAge of a directory that was looked at
}

func newLedgerView(c *Config) *ledgerView {
	return &ledgerView{
		src: c.Roots, genesis: c.Genesis, now: c.Now, since: time.Since, turn: make(chan struct{}, 1),
		epochLog: newTreeLog(true), withdrawn: newWithdrawals(c.WatchTags),
	}
}

// take waits for the turn, as long as the caller does.
func (l *ledgerView) take(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *ledgerView) release() {
	<-l.turn
}

// A sight is the ledger at one head. It does not change.
type sight struct {
	head      *directory.Head
	dir       *directory.Directory
	epochs    []directory.Epoch
	view      *ledgerView
	withdrawn *withdrawals
	longest   uint64
}

// look takes the newest head, brings the copies of the logs up to it, and
// demands that it is fresh.
func (l *ledgerView) look(ctx context.Context) (*sight, error) {
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	defer l.release()
	head, dir, err := l.src.Head(ctx)
	if err != nil {
		return nil, away("newest head", err)
	}
	if err := l.fresh(head, dir); err != nil {
		return nil, err
	}
	if err := l.follow(ctx, head, dir); err != nil {
		return nil, err
	}
	return &sight{head: head, dir: dir, epochs: l.epochs, view: l, withdrawn: l.withdrawn, longest: l.longest}, nil
}

// lookFor is look for a presentation that names an epoch. Where none that is
// known has this number, it may have closed since the source looked.
func (l *ledgerView) lookFor(ctx context.Context, epoch uint64) (*sight, error) {
	s, err := l.look(ctx)
	source, can := l.src.(Refresher)
	if err != nil || !can || epoch < uint64(len(s.epochs)) {
		return s, err
	}
	if err := source.Refresh(ctx); err != nil {
		return nil, away("newer head", err)
	}
	return l.look(ctx)
}

// fresh checks a head on its own: its ledger, its directory, its age. The caller
// has the turn.
func (l *ledgerView) fresh(head *directory.Head, dir *directory.Directory) error {
	switch {
	case head == nil || dir == nil:
		return fmt.Errorf("%w: no head or no directory", ErrSource)
	case head.State.Genesis != l.genesis:
		return fmt.Errorf("%w: the head is another ledger's", ErrSource)
	case (l.head == nil || dir != l.dir || head.State.Directory != l.head.State.Directory) && dir.Digest() != head.State.Directory:
		return fmt.Errorf("%w: the directory is not the head's", ErrSource)
	}
	now, at := l.now().Unix(), int64(head.Time)
	limit := min(dir.Parameters.MaxHeadAge, uint64(consent.MaxTime))
	if at > now+int64(consent.ClockSkew/time.Second) {
		return fmt.Errorf("%w: it is %d s ahead of this clock", ErrStaleHead, at-now)
	}
	if now-at > int64(limit) {
		return fmt.Errorf("%w: it is %d s old, allowed are %d", ErrStaleHead, now-at, limit)
	}
	// Whoever sets this machine's clock back, with a node that stands still,
	// would keep one head fresh for ever.
	if l.head != nil && head.Height == l.head.Height {
		if held := uint64(max(l.since(l.seen)/time.Second, 0)); held > limit {
			return fmt.Errorf("%w: it has been the newest for %d s, allowed are %d", ErrStaleHead, held, limit)
		}
	}
	return nil
}

// follow extends both logs to the head. The caller has the turn.
func (l *ledgerView) follow(ctx context.Context, head *directory.Head, dir *directory.Directory) error {
	s := &head.State
	if l.head != nil && (head.Height < l.head.Height || head.Time < l.head.Time) ||
		s.Epochs.Count < l.epochLog.size() || s.Withdrawals.Count < l.withdrawn.log.size() {
		return fmt.Errorf("%w: the head went back", ErrSource)
	}
	var fetched []directory.Epoch
	var raw [][]byte
	for next := l.epochLog.size(); next < s.Epochs.Count; next = l.epochLog.size() + uint64(len(fetched)) {
		page, err := l.src.Epochs(ctx, next, s.Epochs.Count)
		if err != nil {
			return away(fmt.Sprintf("epochs from %d", next), err)
		}
		if len(page) == 0 || uint64(len(page)) > s.Epochs.Count-next {
			return fmt.Errorf("%w: %d epochs from %d to %d", ErrSource, len(page), next, s.Epochs.Count)
		}
		for i, e := range page {
			if e.Number != next+uint64(i) {
				return fmt.Errorf("%w: epoch %d stands where %d belongs", ErrSource, e.Number, next+uint64(i))
			}
			raw = append(raw, e.Encode())
		}
		fetched = append(fetched, page...)
	}
	if err := l.epochLog.extend(raw, s.Epochs.Root); err != nil {
		return err
	}
	l.epochs = append(l.epochs, fetched...)
	if err := l.withdrawn.extend(ctx, l.src, s.Withdrawals.Count, s.Withdrawals.Root); err != nil {
		return err
	}
	if l.head == nil || head.Height != l.head.Height {
		l.seen = time.Now()
	}
	l.head, l.dir, l.longest = head, dir, max(l.longest, dir.Parameters.MaxHeadAge)
	return nil
}

// known is an epoch of the ledger as it was last seen, however long ago.
func (l *ledgerView) known(ctx context.Context, number uint64) (directory.Epoch, bool, error) {
	if err := l.take(ctx); err != nil {
		return directory.Epoch{}, false, err
	}
	defer l.release()
	if number >= uint64(len(l.epochs)) {
		return directory.Epoch{}, false, nil
	}
	return l.epochs[number], true, nil
}

// epoch finds an epoch and its successor, which is nil for the newest one.
func (s *sight) epoch(number uint64) (e directory.Epoch, successor *directory.Epoch, ok bool) {
	n := uint64(len(s.epochs))
	if number >= n {
		return directory.Epoch{}, nil, false
	}
	if number+1 < n {
		successor = &s.epochs[number+1]
	}
	return s.epochs[number], successor, true
}

// inclusion proves an epoch under the sight's head. The log may have grown
// since, so the proof is made for the sight's size.
func (s *sight) inclusion(ctx context.Context, number uint64) ([][]byte, error) {
	if err := s.view.take(ctx); err != nil {
		return nil, err
	}
	defer s.view.release()
	return s.view.epochLog.inclusion(number, uint64(len(s.epochs)))
}

// aged tells whether an epoch was replaced more than limit seconds ago.
func aged(successor *directory.Epoch, now consent.Time, limit uint64) bool {
	return successor != nil && uint64(now) > successor.ClosedAt && uint64(now)-successor.ClosedAt > limit
}
