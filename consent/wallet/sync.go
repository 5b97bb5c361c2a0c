package wallet

import (
	"context"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// gapLimit is how many numbers beyond the last one seen a wallet looks for
// (docs/spec.md §6.3). Grant goes no further ahead of the ledger: a registrar
// that held many consents back and committed the last of them would otherwise
// put it where a wallet restored from its words does not look.
const gapLimit = 1024

// page is how many entries of a log are read at once.
const page = 4096

// Sync reads what is new on the ledger and finds the wallet's own records in
// it: leaves that registrars committed, withdrawals that are final, revocations
// of consents and of credentials. After Restore it finds the records of the
// words. It reads the same ranges as every other wallet at the same point.
func (w *Wallet) Sync(ctx context.Context, l Ledger) error {
	w.work.Lock()
	defer w.work.Unlock()
	_, err := w.sync(ctx, l)
	return err
}

// sync is Sync for callers that hold work.
func (w *Wallet) sync(ctx context.Context, l Ledger) (*Snapshot, error) {
	s, err := w.snapshot(ctx, l)
	if err != nil {
		return nil, err
	}
	old, k, err := w.current()
	if err != nil {
		return nil, err
	}
	if old.records > s.Epoch.Records || old.withdrawals > s.Head.State.Withdrawals.Count {
		return nil, fmt.Errorf("%w: its logs are shorter than they were", ErrLedger)
	}
	c, err := old.clone()
	if err != nil {
		return nil, err
	}
	first := max(old.records, s.RecordsFrom)
	if first > old.records && (old.records > 0 || old.next > 0) {
		return nil, fmt.Errorf("%w: the copy of it begins at entry %d, and this wallet has read up to %d", ErrLedger, first, old.records)
	}
	if s.WithdrawalsFrom > old.withdrawals && (old.records > 0 || old.next > 0) {
		return nil, fmt.Errorf("%w: the copy of it begins at withdrawal %d, and this wallet has read up to %d", ErrLedger, s.WithdrawalsFrom, old.withdrawals)
	}
	f := &finder{contents: c, keys: k, commitments: map[ID]fr.Element{}, epoch: consent.Time(s.Epoch.ClosedAt), now: w.moment(), delay: s.Directory.Parameters.RevokeDelay}
	before := len(c.consents)
	// A number found near the end of the window moves the window, and what it
	// now covers may stand anywhere in the part that is new.
	for next := ^uint64(0); next != c.next; {
		next = c.next
		if err := f.window(); err != nil {
			return nil, err
		}
		if err := pages(ctx, first, s.Epoch.Records, l.Records, f.record); err != nil {
			return nil, err
		}
	}
	from := old.withdrawals
	if len(c.consents) > before {
		from = 0 // a record found now may have been withdrawn long ago
	}
	if err := f.secrets(); err != nil {
		return nil, err
	}
	if err := pages(ctx, max(from, s.WithdrawalsFrom), s.Head.State.Withdrawals.Count, l.Withdrawals, f.withdrawal); err != nil {
		return nil, err
	}
	c.records, c.withdrawals = s.Epoch.Records, s.Head.State.Withdrawals.Count
	return s, w.update(func(d *contents) error {
		*d = *c
		return nil
	})
}

func pages[T any](ctx context.Context, from, to uint64, read func(context.Context, uint64, uint64) ([]T, error), each func(T) error) error {
	for from < to {
		end := min(to, from+page)
		entries, err := read(ctx, from, end)
		if err != nil {
			return fmt.Errorf("wallet: reading the ledger's logs: %w", err)
		}
		if uint64(len(entries)) != end-from {
			return fmt.Errorf("%w: %d entries where %d were asked for", ErrLedger, len(entries), end-from)
		}
		for _, e := range entries {
			if err := each(e); err != nil {
				return err
			}
		}
		from = end
	}
	return nil
}

// A finder recognises a wallet's records among everybody's.
type finder struct {
	*contents
	keys        *keys
	epoch, now  consent.Time
	delay       uint64
	numbers     map[fr.Element]uint64 // lock → number
	commitments map[ID]fr.Element     // of sealed records, computed once
	withdrawals map[fr.Element]uint64 // v → number
}

func (f *finder) window() error {
	f.numbers = make(map[fr.Element]uint64, f.next+gapLimit)
	for i := range f.next + gapLimit {
		lock, err := f.keys.lock(i)
		if err != nil {
			return err
		}
		f.numbers[lock] = i
	}
	return nil
}

func (f *finder) secrets() error {
	f.withdrawals = make(map[fr.Element]uint64, f.next)
	for i := range f.next {
		v, err := f.keys.withdrawal(i)
		if err != nil {
			return err
		}
		f.withdrawals[v] = i
	}
	return nil
}

func (f *finder) record(e journal.Record) error {
	if e.Revoked {
		f.revocation(e.Index)
		return nil
	}
	if e.Kind != consent.KindConsent {
		return nil
	}
	if i, ok := f.numbers[e.Lock]; ok {
		return f.mine(i, e)
	}
	// A registrar that put in another lock keeps the power to revoke, and the
	// patient has none: the leaf tells, since the lock stands beside it.
	for _, r := range f.consents {
		if r.state != Sealed || !r.known || !r.registrar.Equal(&e.Authority) {
			continue
		}
		cm, err := f.commitment(r)
		if err != nil {
			return err
		}
		if leaf := consent.Leaf(consent.KindConsent, e.Authority, cm, e.Lock); leaf.Equal(&e.Leaf) {
			r.state = Misregistered
		}
	}
	return nil
}

func (f *finder) commitment(r *consentRecord) (fr.Element, error) {
	if cm, ok := f.commitments[r.id]; ok {
		return cm, nil
	}
	s, err := r.sealed(f.keys)
	if err == nil {
		f.commitments[r.id] = s.Commitment
	}
	return s.Commitment, err
}

// mine takes in a commit that carries the lock of number i.
func (f *finder) mine(i uint64, e journal.Record) error {
	// A number without a record is one that the words alone know: registrars
	// commit in any order, so it may lie below others that were found.
	unopened, numbered := false, false
	for _, r := range f.consents {
		if r.state == Draft || r.number != i {
			continue
		}
		numbered = true
		if !r.registrar.Equal(&e.Authority) {
			unopened = unopened || !r.known
			continue
		}
		if r.placed {
			return nil
		}
		r.placed, r.index = true, e.Index
		right := true
		if r.known {
			leaf, err := r.leaf(f.keys)
			if err != nil {
				return err
			}
			right = leaf.Equal(&e.Leaf)
		}
		switch {
		case r.state == Sealed && right:
			r.state, r.registered = Registered, f.epoch
		case r.state == Sealed:
			r.state = Misregistered
		case r.state == Withdrawn:
			return f.schedule(r)
		}
		return nil
	}
	// A lock that another authority copied means nothing to a wallet that
	// knows its own leaf. One that lost its openings cannot tell the copy from
	// the original and keeps both, since it can revoke both.
	if numbered && !unopened {
		return nil
	}
	id, err := newID()
	if err != nil {
		return err
	}
	f.consents = append(f.consents, &consentRecord{
		id: id, state: Registered, number: i, registrar: e.Authority, found: true,
		placed: true, index: e.Index, registered: f.epoch, imported: f.now,
	})
	f.next = max(f.next, i+1)
	return nil
}

func (f *finder) revocation(index uint64) {
	for _, r := range f.consents {
		if r.placed && r.index == index {
			r.state, r.revokeAt = Revoked, 0
		}
	}
	for _, r := range f.credentials {
		if r.index == index {
			r.revoked = true
		}
	}
}

func (f *finder) withdrawal(e journal.Withdrawal) error {
	i, ok := f.withdrawals[e.V]
	if !ok {
		return nil
	}
	for _, r := range f.consents {
		if r.state == Draft || r.number != i {
			continue
		}
		r.publishAt = 0
		if r.state == Revoked || r.state == Withdrawn {
			continue
		}
		r.state = Withdrawn
		if err := f.schedule(r); err != nil {
			return err
		}
	}
	return nil
}

// schedule sets the time of a revocation that has none yet. It counts from a
// withdrawal that stands on the ledger: one that was delayed, and a revocation
// that was not, would otherwise be sent together and name the leaf.
func (f *finder) schedule(r *consentRecord) (err error) {
	if r.placed && r.revokeAt == 0 {
		r.revokeAt, err = revokeTime(f.now, f.delay)
	}
	return err
}
