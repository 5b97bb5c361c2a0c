package storetest

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

func same(a, b verifier.Answer) bool {
	return a.Request == b.Request && a.Digest == b.Digest && a.Rule == b.Rule && a.Scope.Equal(&b.Scope) &&
		a.Nullifier.Equal(&b.Nullifier) && a.Watch.Equal(&b.Watch) && a.Until == b.Until && bytes.Equal(a.Record, b.Record)
}

func keepsWhatItWasGiven(t *testing.T, db Database) {
	ctx, s := context.Background(), db.Open(t)
	Add(t, s, 1)
	want := Answer(1, consent.Once, 5)
	if err := s.Accept(ctx, want); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = db.Open(t)
	if got, err := s.Request(ctx, ID(1)); err != nil || got.ID != ID(1) || got.Expires != 1000 || !bytes.Equal(got.Signed, []byte("request")) {
		t.Errorf("request %v, %v", got, err)
	}
	if got, err := s.Answer(ctx, ID(1)); err != nil || !same(got, want) {
		t.Errorf("answer %v, %v", got, err)
	}
	if spent, err := s.Spent(ctx, want.Scope, want.Nullifier); err != nil || !spent {
		t.Errorf("spent %v, %v", spent, err)
	}
}

func keepsBounds(t *testing.T, db Database) {
	ctx, s := context.Background(), db.Open(t)
	var largest fr.Element
	largest.SetOne().Neg(&largest) // the modulus less one
	for n, a := range []verifier.Answer{
		{Digest: [32]byte(bytes.Repeat([]byte{0xff}, 32)), Rule: consent.Once, Scope: largest, Nullifier: largest, Watch: largest, Until: consent.MaxTime, Record: bytes.Repeat([]byte{0, 0xff}, 1<<20)},
		{Rule: consent.None, Record: []byte{0}},
	} {
		r := verifier.Asked{Expires: a.Until, Signed: bytes.Repeat([]byte{0xff, 0}, 500_000)}
		for i := range r.ID {
			r.ID[i] = byte(0xff * (1 - n))
		}
		a.Request = r.ID
		if err := s.AddRequest(ctx, r); err != nil {
			t.Fatal(err)
		}
		if err := s.Accept(ctx, a); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Request(ctx, r.ID); err != nil || got.ID != r.ID || got.Expires != r.Expires || !bytes.Equal(got.Signed, r.Signed) {
			t.Errorf("request %d: %v", n, err)
		}
		if got, err := s.Answer(ctx, r.ID); err != nil || !same(got, a) {
			t.Errorf("answer %d: %v", n, err)
		}
	}
}

func reportsWhatIsMissing(t *testing.T, db Database) {
	ctx, s := context.Background(), db.Open(t)
	Add(t, s, 1)
	is(t, "another request", second(s.Request(ctx, ID(2))), verifier.ErrNotFound)
	is(t, "no answer", second(s.Answer(ctx, ID(1))), verifier.ErrNotFound)
	is(t, "an answer to nothing", s.Accept(ctx, Answer(2, consent.Once, 1)), verifier.ErrNotFound)
	if spent, err := s.Spent(ctx, field.Uint(Scope), field.Uint(1)); err != nil || spent {
		t.Errorf("an answer to nothing spent its nullifier: %v, %v", spent, err)
	}
}

func keepsTheFirstRequest(t *testing.T, db Database) {
	ctx := context.Background()
	stores := []Store{db.Open(t), db.Open(t), db.Open(t)}
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			a := Asked(1)
			a.Signed = []byte{byte(i + 1)}
			switch err := stores[i%3].AddRequest(ctx, a); err {
			case nil:
				if before := won.Swap(int64(i + 1)); before != 0 {
					t.Errorf("request %d was kept, and %d before", i+1, before)
				}
			default:
				is(t, "a request of the same id", err, verifier.ErrExists)
			}
		})
	}
	all.Wait()
	if got, err := stores[0].Request(ctx, ID(1)); err != nil || int64(got.Signed[0]) != won.Load() {
		t.Errorf("request %v is kept, %v; %d was acknowledged", got.Signed, err, won.Load())
	}
}

func refusesSecondAnswers(t *testing.T, db Database) {
	ctx, s := context.Background(), db.Open(t)
	Add(t, s, 1, 2, 3, 4)
	if err := s.Accept(ctx, Answer(1, consent.Once, 5)); err != nil {
		t.Fatal(err)
	}
	is(t, "a second answer", s.Accept(ctx, Answer(1, consent.Once, 6)), verifier.ErrAnswered)
	is(t, "the same answer again", s.Accept(ctx, Answer(1, consent.Once, 5)), verifier.ErrAnswered)
	if spent, err := s.Spent(ctx, field.Uint(Scope), field.Uint(6)); err != nil || spent {
		t.Errorf("a refused answer spent its nullifier: %v", err)
	}
	is(t, "the same nullifier", s.Accept(ctx, Answer(2, consent.Once, 5)), verifier.ErrSpent)
	is(t, "a refused answer", second(s.Answer(ctx, ID(2))), verifier.ErrNotFound)
	for n := uint64(2); n <= 3; n++ { // a pseudonym may come again
		if err := s.Accept(ctx, Answer(n, consent.Pseudonym, 5)); err != nil {
			t.Error(err)
		}
	}
	if spent, err := s.Spent(ctx, field.Uint(8), field.Uint(5)); err != nil || spent {
		t.Errorf("spent in another scope: %v, %v", spent, err)
	}
	other := Answer(4, consent.Once, 5)
	other.Scope = field.Uint(8)
	if err := s.Accept(ctx, other); err != nil {
		t.Errorf("same nullifier in another scope: %v", err)
	}
}

func cancelledCalls(t *testing.T, db Database) {
	s := db.Open(t)
	Add(t, s, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, err := range map[string]error{
		"AddRequest": s.AddRequest(ctx, Asked(2)), "Request": second(s.Request(ctx, ID(1))), "Answer": second(s.Answer(ctx, ID(1))),
		"Spent": second(s.Spent(ctx, field.Uint(1), field.Uint(1))), "Accept": s.Accept(ctx, Answer(1, consent.Once, 5)),
		"Standing": second(s.Standing(ctx, 0, nil, 1)), "StandingIn": second(s.StandingIn(ctx, field.Uint(1), 0, nil, 1)),
		"Purge": second(s.Purge(ctx, 5000)), "Check": s.Check(ctx),
	} {
		is(t, name, err, context.Canceled)
	}
	ctx = context.Background()
	is(t, "a cancelled request", second(s.Request(ctx, ID(2))), verifier.ErrNotFound)
	is(t, "a cancelled answer", second(s.Answer(ctx, ID(1))), verifier.ErrNotFound)
	if spent, err := s.Spent(ctx, field.Uint(Scope), field.Uint(5)); err != nil || spent {
		t.Errorf("spent %v, %v", spent, err)
	}
	if err := s.Accept(ctx, Answer(1, consent.Once, 5)); err != nil {
		t.Errorf("after the cancelled calls: %v", err)
	}
}

func closedStores(t *testing.T, db Database) {
	ctx, s := context.Background(), db.Open(t)
	Add(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Accept(ctx, Answer(1, consent.Once, 5)); err == nil {
		t.Error("a closed store accepted")
	}
	if spent, err := s.Spent(ctx, field.Uint(Scope), field.Uint(5)); err == nil {
		t.Errorf("a closed store knows that a nullifier is spent: %v", spent)
	}
}
