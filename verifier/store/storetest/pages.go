package storetest

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

func purgeForgetsAnswers(t *testing.T, db Database) {
	ctx, s := context.Background(), db.Open(t)
	Add(t, s, 1, 2, 3, 4)
	for n, until := range map[uint64]consent.Time{1: 500, 2: 1500, 3: 3000} {
		a := Answer(n, consent.Once, n)
		a.Until = until
		if err := s.Accept(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Purge(ctx, 900); err != nil || n != 0 {
		t.Fatalf("purged %d answers while their requests could still be answered again, %v", n, err)
	}
	if n, err := s.Purge(ctx, 1000); err != nil || n != 0 {
		t.Fatalf("purged %d answers in the second in which their requests end, %v", n, err)
	}
	if n, err := s.Purge(ctx, 2000); err != nil || n != 2 {
		t.Fatalf("purged %d, %v; want 2", n, err)
	}
	for n := uint64(1); n <= 4; n++ {
		if _, err := s.Request(ctx, ID(n)); n == 3 && err != nil {
			t.Errorf("request %d: %v", n, err)
		} else if n != 3 {
			is(t, "a purged request", err, verifier.ErrNotFound)
		}
	}
	for n := uint64(1); n <= 3; n++ {
		if spent, err := s.Spent(ctx, field.Uint(Scope), field.Uint(n)); err != nil || !spent {
			t.Errorf("nullifier %d after the purge: %v, %v", n, spent, err)
		}
	}
	// The nullifier of a purged answer is still refused, and its id is free again.
	Add(t, s, 1)
	is(t, "the nullifier of a purged answer", s.Accept(ctx, Answer(1, consent.Once, 2)), verifier.ErrSpent)
}

func standingPages(t *testing.T, db Database) {
	ctx, s := context.Background(), db.Open(t)
	for n := uint64(0); n < 20; n++ {
		Add(t, s, n)
		a := Answer(n, []consent.Rule{consent.Once, consent.Pseudonym, consent.None}[n%3], n)
		a.Scope = field.Uint(Scope + n%2)
		switch n {
		case 4:
			a.Until = 1999
		case 6:
			a.Watch = field.Uint(0)
		}
		if err := s.Accept(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	walk := func(next func(after *[16]byte, limit int) ([]verifier.Answer, error), limit int) (got []uint64) {
		t.Helper()
		var after *[16]byte
		for {
			page, err := next(after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("%d answers, at most %d were asked for: %v", len(page), limit, err)
			}
			if len(page) == 0 {
				return got
			}
			for _, a := range page {
				n := binary.BigEndian.Uint64(a.Request[8:])
				want := Answer(n, []consent.Rule{consent.Once, consent.Pseudonym}[n%3], n)
				want.Scope, want.Record = field.Uint(Scope+n%2), nil
				if n == 6 {
					want.Watch = field.Uint(0)
				}
				if !same(a, want) {
					t.Errorf("answer %d: %v", n, a)
				}
				got = append(got, n)
			}
			after = &page[len(page)-1].Request
		}
	}
	for _, limit := range []int{1, 2, 100} {
		all := walk(func(after *[16]byte, limit int) ([]verifier.Answer, error) {
			return s.Standing(ctx, 2000, after, limit)
		}, limit)
		if want := []uint64{0, 1, 3, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19}; !slices.Equal(all, want) {
			t.Errorf("in pages of %d: %v, want %v", limit, all, want)
		}
		for scope, want := range map[uint64][]uint64{Scope: {0, 6, 10, 12, 16, 18}, Scope + 1: {1, 3, 7, 9, 13, 15, 19}, 1: nil} {
			in := walk(func(after *[16]byte, limit int) ([]verifier.Answer, error) {
				return s.StandingIn(ctx, field.Uint(scope), 2000, after, limit)
			}, limit)
			if !slices.Equal(in, want) {
				t.Errorf("scope %d in pages of %d: %v, want %v", scope, limit, in, want)
			}
		}
	}
	for _, limit := range []int{0, -1} {
		if page, err := s.Standing(ctx, 2000, nil, limit); err != nil || len(page) != 0 {
			t.Errorf("a page of %d: %d answers, %v", limit, len(page), err)
		}
	}
}

func scopesAreCounted(t *testing.T, db Database) {
	ctx, s := context.Background(), db.Open(t)
	for n, c := range []struct {
		rule             consent.Rule
		scope, nullifier uint64
		until            consent.Time
	}{
		{consent.Once, 1, 1, 2000}, {consent.Once, 1, 2, 2000}, {consent.Once, 1, 3, 1500},
		{consent.Pseudonym, 2, 1, 2000}, {consent.Pseudonym, 2, 1, 2000}, {consent.Pseudonym, 2, 1, 1500},
		{consent.None, 3, 1, 2000},
	} {
		Add(t, s, uint64(n))
		a := Answer(uint64(n), c.rule, c.nullifier)
		a.Scope, a.Until = field.Uint(c.scope), c.until
		if err := s.Accept(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	check := func(scope uint64, now consent.Time, want [3]uint64) {
		t.Helper()
		answers, nullifiers, standing, err := s.CountScope(ctx, field.Uint(scope), now)
		if got := [3]uint64{answers, nullifiers, standing}; err != nil || got != want {
			t.Errorf("scope %d at %d: %v, %v; want %v", scope, now, got, err, want)
		}
	}
	check(1, 1500, [3]uint64{3, 3, 3})
	check(1, 1501, [3]uint64{3, 3, 2})
	check(2, 2000, [3]uint64{3, 1, 2})
	check(3, 0, [3]uint64{1, 1, 0})
	check(4, 0, [3]uint64{})
	if _, err := s.Purge(ctx, 1600); err != nil {
		t.Fatal(err)
	}
	check(1, 1600, [3]uint64{2, 2, 2})
	check(2, 1600, [3]uint64{2, 1, 2})
}
