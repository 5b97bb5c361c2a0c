package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

func open(t *testing.T, path string, o *Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Check(context.Background()); err != nil && !t.Failed() {
			t.Errorf("the file is not sound at the end: %v", err)
		}
		s.Close()
	})
	return s
}

func id(n uint64) (b [16]byte) {
	binary.BigEndian.PutUint64(b[8:], n)
	return b
}

func asked(n uint64) verifier.Asked {
	return verifier.Asked{ID: id(n), Expires: 1000, Signed: []byte("request")}
}

func answer(n uint64, rule consent.Rule, nullifier uint64) verifier.Answer {
	return verifier.Answer{
		Request: id(n), Digest: [32]byte{1, byte(n)}, Rule: rule, Scope: field.Uint(7), Nullifier: field.Uint(nullifier),
		Watch: field.Uint(9), Until: 2000, Record: []byte("record"),
	}
}

func add(t *testing.T, s *Store, ns ...uint64) {
	t.Helper()
	for _, n := range ns {
		if err := s.AddRequest(context.Background(), asked(n)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKeepsWhatItWasGiven(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "a file?with=odd%20name#.db")
	s, err := Open(ctx, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, 1)
	want := answer(1, consent.Once, 5)
	if err := s.Accept(ctx, want); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v: want a file for its owner alone", info, err)
	}
	s = open(t, path, nil)
	if got, err := s.Request(ctx, id(1)); err != nil || got.Expires != 1000 || !bytes.Equal(got.Signed, []byte("request")) {
		t.Fatalf("request %v, %v", got, err)
	}
	got, err := s.Answer(ctx, id(1))
	if err != nil || got.Digest != want.Digest || got.Rule != want.Rule || !got.Nullifier.Equal(&want.Nullifier) ||
		!got.Scope.Equal(&want.Scope) || !got.Watch.Equal(&want.Watch) || got.Until != want.Until || !bytes.Equal(got.Record, want.Record) {
		t.Fatalf("answer %v, %v", got, err)
	}
	if spent, err := s.Spent(ctx, field.Uint(7), field.Uint(5)); err != nil || !spent {
		t.Fatalf("spent %v, %v", spent, err)
	}
	for name, err := range map[string]error{
		"request": second(s.Request(ctx, id(2))), "answer": second(s.Answer(ctx, id(2))), "accept": s.Accept(ctx, answer(2, consent.None, 1)),
	} {
		if !errors.Is(err, verifier.ErrNotFound) {
			t.Errorf("%s of an unknown id: %v", name, err)
		}
	}
	other := asked(1)
	other.Signed = []byte("another request")
	if err := s.AddRequest(ctx, other); !errors.Is(err, verifier.ErrExists) {
		t.Errorf("a request of the same id: %v", err)
	}
	if got, err := s.Request(ctx, id(1)); err != nil || !bytes.Equal(got.Signed, []byte("request")) {
		t.Errorf("the request after another one of the same id: %v, %v", got, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRefusesSecondAnswerAndSpentNullifier(t *testing.T) {
	ctx, s := context.Background(), open(t, filepath.Join(t.TempDir(), "v.db"), nil)
	add(t, s, 1, 2, 3, 4)
	if err := s.Accept(ctx, answer(1, consent.Once, 5)); err != nil {
		t.Fatal(err)
	}
	if err := s.Accept(ctx, answer(1, consent.Once, 6)); !errors.Is(err, verifier.ErrAnswered) {
		t.Errorf("second answer: %v", err)
	}
	if spent, _ := s.Spent(ctx, field.Uint(7), field.Uint(6)); spent {
		t.Error("a refused answer spent its nullifier")
	}
	if err := s.Accept(ctx, answer(2, consent.Once, 5)); !errors.Is(err, verifier.ErrSpent) {
		t.Errorf("same nullifier: %v", err)
	}
	if _, err := s.Answer(ctx, id(2)); !errors.Is(err, verifier.ErrNotFound) {
		t.Errorf("a refused answer was kept: %v", err)
	}
	for n := uint64(2); n <= 3; n++ { // a pseudonym may come again
		if err := s.Accept(ctx, answer(n, consent.Pseudonym, 5)); err != nil {
			t.Error(err)
		}
	}
	other := answer(4, consent.Once, 5)
	other.Scope = field.Uint(8)
	if err := s.Accept(ctx, other); err != nil {
		t.Errorf("same nullifier in another scope: %v", err)
	}
}

func TestAttack_ConcurrentSameNullifier(t *testing.T) {
	ctx, s := context.Background(), open(t, filepath.Join(t.TempDir(), "v.db"), nil)
	const n = 16
	var won, spent atomic.Int32
	var wg sync.WaitGroup
	for i := uint64(1); i <= n; i++ {
		add(t, s, i)
	}
	for i := uint64(1); i <= n; i++ {
		wg.Go(func() {
			switch err := s.Accept(ctx, answer(i, consent.Once, 5)); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, verifier.ErrSpent):
				spent.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || spent.Load() != n-1 {
		t.Fatalf("%d won, %d were told that it is spent", won.Load(), spent.Load())
	}
}

func TestAttack_TwoProcessesSameNullifier(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "v.db")
	a, b := open(t, path, nil), open(t, path, nil)
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := uint64(1); i <= 20; i++ {
		add(t, a, i)
	}
	for i := uint64(1); i <= 20; i++ {
		s := a
		if i%2 == 0 {
			s = b
		}
		wg.Go(func() {
			if err := s.Accept(ctx, answer(i, consent.Once, i/10)); err == nil {
				won.Add(1)
			} else if !errors.Is(err, verifier.ErrSpent) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 3 { // nullifiers 0, 1, 2
		t.Fatalf("%d answers for 3 nullifiers", won.Load())
	}
}

func TestPurgeForgetsAnswersButNotSpentNullifiers(t *testing.T) {
	ctx, s := context.Background(), open(t, filepath.Join(t.TempDir(), "v.db"), nil)
	add(t, s, 1, 2, 3, 4)
	for n, until := range map[uint64]consent.Time{1: 500, 2: 1500, 3: 3000} {
		a := answer(n, consent.Once, n)
		a.Until = until
		if err := s.Accept(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Purge(ctx, 900); err != nil || n != 0 {
		t.Fatalf("purged %d answers while their requests could still be answered again, %v", n, err)
	}
	if n, err := s.Purge(ctx, 2000); err != nil || n != 2 {
		t.Fatalf("purged %d, %v; want 2", n, err)
	}
	for n := uint64(1); n <= 4; n++ {
		_, err := s.Request(ctx, id(n))
		if gone := errors.Is(err, verifier.ErrNotFound); gone != (n != 3) {
			t.Errorf("request %d: %v", n, err)
		}
	}
	for n := uint64(1); n <= 3; n++ {
		if spent, err := s.Spent(ctx, field.Uint(7), field.Uint(n)); err != nil || !spent {
			t.Errorf("nullifier %d after the purge: %v, %v", n, spent, err)
		}
	}
}

func TestStandingPagesWithoutRecords(t *testing.T) {
	ctx, s := context.Background(), open(t, filepath.Join(t.TempDir(), "v.db"), nil)
	for n := uint64(0); n < 10; n++ {
		add(t, s, n)
		a := answer(n, []consent.Rule{consent.Once, consent.Pseudonym, consent.None}[n%3], n)
		if n == 4 {
			a.Until = 100
		}
		if err := s.Accept(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	var after *[16]byte
	for {
		page, err := s.Standing(ctx, 2000, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, a := range page {
			if a.Record != nil {
				t.Error("a record came along")
			}
			got = append(got, binary.BigEndian.Uint64(a.Request[8:]))
		}
		after = &page[len(page)-1].Request
	}
	want := []uint64{0, 1, 3, 6, 7, 9}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}
