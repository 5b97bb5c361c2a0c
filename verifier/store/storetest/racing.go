package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

// SameNullifier answers so many requests with one nullifier at once, through
// three stores on one database: one answer is kept, and the others are told that
// the nullifier is spent.
func SameNullifier(t *testing.T, db Database, n uint64) {
	ctx := context.Background()
	stores := []Store{db.Open(t), db.Open(t), db.Open(t)}
	for i := range n {
		Add(t, stores[i%3], i)
	}
	var won, spent atomic.Uint64
	var winner atomic.Uint64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			switch err := stores[i%3].Accept(ctx, Answer(i, consent.Once, 5)); {
			case err == nil:
				won.Add(1)
				winner.Store(i)
			case errors.Is(err, verifier.ErrSpent):
				spent.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || spent.Load() != n-1 {
		t.Fatalf("%d won, %d of %d were told that it is spent", won.Load(), spent.Load(), n)
	}
	for i := range n {
		_, err := stores[(i+1)%3].Answer(ctx, ID(i))
		if i == winner.Load() && err != nil || i != winner.Load() && !errors.Is(err, verifier.ErrNotFound) {
			t.Errorf("the answer to request %d, where %d won: %v", i, winner.Load(), err)
		}
	}
	Sound(t, stores[0])
}

// oneAnswer answers one request with many nullifiers at once, through three
// stores.
func oneAnswer(t *testing.T, db Database) {
	const n = 24
	ctx := context.Background()
	stores := []Store{db.Open(t), db.Open(t), db.Open(t)}
	Add(t, stores[0], 1)
	var won atomic.Uint64
	var all sync.WaitGroup
	for i := uint64(1); i <= n; i++ {
		all.Go(func() {
			if err := stores[i%3].Accept(ctx, Answer(1, consent.Once, i)); err != nil {
				is(t, "another answer", err, verifier.ErrAnswered)
			} else if before := won.Swap(i); before != 0 {
				t.Errorf("%d was accepted, and %d before", i, before)
			}
		})
	}
	all.Wait()
	for i := uint64(1); i <= n; i++ {
		if spent, err := stores[0].Spent(ctx, field.Uint(Scope), field.Uint(i)); err != nil || spent != (i == won.Load()) {
			t.Errorf("nullifier %d is spent: %v, %v; %d won", i, spent, err, won.Load())
		}
	}
	if got, err := stores[0].Answer(ctx, ID(1)); err != nil || !same(got, Answer(1, consent.Once, won.Load())) {
		t.Errorf("%v, %v", got, err)
	}
}

// purgeBesideAnswers purges requests while they are being answered: each answer
// is kept whole, or there was no request for it.
func purgeBesideAnswers(t *testing.T, db Database) {
	const n = 60
	ctx := context.Background()
	stores := []Store{db.Open(t), db.Open(t), db.Open(t)}
	for i := range uint64(n) {
		Add(t, stores[0], i)
	}
	kept := make([]bool, n)
	var all sync.WaitGroup
	for i := range uint64(n) {
		all.Go(func() {
			err := stores[i%2].Accept(ctx, Answer(i, consent.Once, i))
			if kept[i] = err == nil; err != nil {
				is(t, "an answer", err, verifier.ErrNotFound)
			}
		})
	}
	all.Go(func() {
		for range 10 {
			if gone, err := stores[2].Purge(ctx, 1500); err != nil || gone != 0 {
				t.Errorf("%d answers went that are relied on, %v", gone, err)
			}
		}
	})
	all.Wait()
	for i := range uint64(n) {
		spent, err := stores[2].Spent(ctx, field.Uint(Scope), field.Uint(i))
		if err != nil || spent != kept[i] {
			t.Errorf("answer %d was kept: %v; its nullifier is spent: %v, %v", i, kept[i], spent, err)
		}
		if _, err := stores[2].Answer(ctx, ID(i)); (err == nil) != kept[i] {
			t.Errorf("answer %d was kept: %v; %v", i, kept[i], err)
		}
	}
}
