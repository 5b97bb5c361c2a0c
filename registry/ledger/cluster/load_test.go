package cluster_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// patience is how long a client waits for a node before it asks another one.
const patience = 6 * time.Second

// A tally is what was reported done to clients, by the numbers of the records.
type tally struct {
	mu        sync.Mutex
	commits   map[uint64]uint64 // first record and size
	withdrawn []uint64
	revoked   []uint64
	retried   int // sent again, to another member, since the first did not answer
	last      time.Time
	gap       time.Duration // the longest time without any report
}

func newTally() *tally { return &tally{commits: map[uint64]uint64{}, last: time.Now()} }

func (a *tally) note(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	a.gap = max(a.gap, time.Since(a.last))
	a.last = time.Now()
}

func (a *tally) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.commits) + len(a.withdrawn) + len(a.revoked)
}

// silence returns the longest time without a report since it was asked last.
func (a *tally) silence() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	gap := max(a.gap, time.Since(a.last))
	a.gap, a.last = 0, time.Now()
	return gap
}

// load lets three writers for each member write until stop is called, which
// returns when the last has ended.
func (c *cluster) load(a *tally) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range 3 * len(c.members) {
		w := &writer{c: c, done: a, at: i % len(c.members), next: uint64(i+1) << 32}
		all.Go(func() {
			for ctx.Err() == nil {
				if err := w.batch(ctx); err != nil && ctx.Err() == nil {
					c.t.Errorf("writer %d: %v", i+1, err)
					return
				}
			}
		})
	}
	return sync.OnceFunc(func() { cancel(); all.Wait() })
}

// A writer sends one transaction after the other to a member, and turns to
// the next member when it gets no answer.
type writer struct {
	c      *cluster
	done   *tally
	at     int
	next   uint64 // number of the next record
	height uint64
}

// batch commits one to eight records, withdraws as often as not, and revokes
// the first of the records where its number says so.
func (w *writer) batch(ctx context.Context) error {
	from, size := w.next, 1+w.next%8
	w.next += size
	before := w.records(ctx)
	t := w.transaction(transaction.CommitConsents, from, transaction.SealedPayload(sealed(from, size)))
	if err := w.send(ctx, t, func() { w.done.commits[from] = size }); err != nil {
		return err
	}
	if from%2 == 0 {
		t := w.transaction(transaction.Withdraw, from, transaction.WithdrawalPayload([]fr.Element{numbered("test-v", from)}))
		if err := w.send(ctx, t, func() { w.done.withdrawn = append(w.done.withdrawn, from) }); err != nil {
			return err
		}
	}
	if from%3 != 0 {
		return nil
	}
	index, ok := w.indexOf(ctx, before, sealed(from, 1)[0].Lock)
	if !ok {
		return nil // this member is behind, or does not answer
	}
	t = w.transaction(transaction.Revoke, from, transaction.RevocationPayload([]transaction.Revocation{{Index: index, RS: numbered("test-rs", from)}}))
	return w.send(ctx, t, func() { w.done.revoked = append(w.done.revoked, from) })
}

func (w *writer) transaction(k transaction.Kind, nonce uint64, payload []byte) *transaction.Transaction {
	w.height = max(w.height, w.c.witness.height())
	t := &transaction.Transaction{Genesis: directory.GenesisHash(w.c.genesis), Expiry: w.height + 500, Nonce: nonce, Kind: k, Payload: payload}
	t.Sign(hospital().ID, key(1))
	return t
}

// send submits the same bytes until a member says what became of them. One
// that says that they were executed before has them on disk as well.
func (w *writer) send(ctx context.Context, t *transaction.Transaction, done func()) error {
	for {
		r, err := w.c.submit(ctx, w.at, t)
		switch {
		case err == nil && r.Code == transaction.Executed:
			for i, c := range r.Items {
				if c != transaction.Accepted {
					return fmt.Errorf("%v: item %d: %v", t.Kind, i, c)
				}
			}
			w.done.note(done)
			return nil
		case err == nil && r.Code == transaction.Repeated:
			w.done.note(done)
			return nil
		case err == nil:
			return fmt.Errorf("%v: %w", t.Kind, r.Refused())
		case ctx.Err() != nil:
			return nil
		case errors.As(err, new(*light.LieError)):
			return err
		}
		w.done.mu.Lock()
		w.done.retried++
		w.done.mu.Unlock()
		w.at = (w.at + 1) % len(w.c.members)
		time.Sleep(20 * time.Millisecond)
	}
}

// submit sends a transaction to a member, for as long as a client waits.
func (c *cluster) submit(ctx context.Context, to int, t *transaction.Transaction) (*transaction.Result, error) {
	l, err := light.Open(light.Config{Genesis: c.genesis, Source: c.members[to]})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return l.Submit(ctx, t)
}

// records is where the record log ends, as the writer's member tells, 0 if it
// does not.
func (w *writer) records(ctx context.Context) uint64 {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b, err := w.c.members[w.at].Checkpoint(ctx)
	if err != nil {
		return 0
	}
	h, err := directory.DecodeHead(b)
	if err != nil {
		return 0
	}
	return h.State.Records.Count
}

// indexOf finds a lock in a member's record log behind a position. The word of
// one member will do: with another index the revocation is refused.
func (w *writer) indexOf(ctx context.Context, from uint64, lock fr.Element) (uint64, bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for range 64 {
		entries, err := w.c.members[w.at].Log(ctx, journal.Records, from, 4096)
		if err != nil {
			return 0, false
		}
		for _, e := range entries {
			if r, err := journal.DecodeRecord(e); err == nil && !r.Revoked && r.Lock.Equal(&lock) {
				return r.Index, true
			}
		}
		if len(entries) == 0 {
			return 0, false
		}
		from += uint64(len(entries))
	}
	return 0, false
}

func numbered(domain string, n uint64) fr.Element {
	return field.Of(domain, binary.BigEndian.AppendUint64(nil, n))
}

func sealed(from, n uint64) []consent.Sealed {
	out := make([]consent.Sealed, n)
	for i := range out {
		out[i] = consent.Sealed{Commitment: numbered("test-cm", from+uint64(i)), Lock: consent.Lock(numbered("test-rs", from+uint64(i)))}
	}
	return out
}
