package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/storetest"
)

// TestAttack_FailoverToAnOldStandby: the database of a running fleet is replaced
// by a standby that had not received the last answers. Each replica notices with
// its first new connection, and no nullifier is accepted again.
func TestAttack_FailoverToAnOldStandby(t *testing.T) {
	for name, c := range map[string]struct {
		rule   consent.Rule
		forget string
	}{
		"a nullifier": {consent.Once, "DELETE FROM zkconsent_verifier.answers WHERE true; DELETE FROM zkconsent_verifier.spent WHERE true"},
		"an answer":   {consent.Pseudonym, "DELETE FROM zkconsent_verifier.answers WHERE true"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			db := fresh(t)
			s := db.Open(t).(*Store)
			for n := range uint64(3) {
				if err := s.AddRequest(ctx, storetest.Asked(n)); err != nil {
					t.Fatal(err)
				}
			}
			kept, again := storetest.Answer(1, c.rule, 5), storetest.Answer(2, c.rule, 5)
			kept.Until = consent.Time(time.Now().Add(time.Hour).Unix())
			if err := s.Accept(ctx, kept); err != nil {
				t.Fatal(err)
			}
			s.pool.Reset() // another server with all of it
			if _, err := s.Answer(ctx, kept.Request); err != nil {
				t.Fatalf("a server that lost nothing: %v", err)
			}
			db.Execute(t, c.forget)
			s.pool.Reset()
			if err := s.Accept(ctx, again); !errors.Is(err, ErrForgot) {
				t.Fatalf("the nullifier that was forgotten: %v", err)
			}
			// Also with connections that nobody asked anything.
			for range 3 {
				if _, err := s.Request(ctx, storetest.ID(0)); !errors.Is(err, ErrForgot) {
					t.Errorf("afterwards: %v", err)
				}
			}
			// Who starts it anew has looked into it.
			if _, err := db.Open(t).Request(ctx, storetest.ID(0)); err != nil {
				t.Error(err)
			}
			if _, err := db.Open(t).Answer(ctx, kept.Request); !errors.Is(err, verifier.ErrNotFound) {
				t.Error(err)
			}
		})
	}
}

// What was purged, or is past its end, was not forgotten.
func TestPurgedAnswersWereNotForgotten(t *testing.T) {
	ctx := context.Background()
	s := fresh(t).Open(t).(*Store)
	for n := range uint64(remembered + 10) {
		if err := s.AddRequest(ctx, storetest.Asked(n)); err != nil {
			t.Fatal(err)
		}
		if err := s.Accept(ctx, storetest.Answer(n, consent.Once, n)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Purge(ctx, 3000); err != nil || n != remembered+10 {
		t.Fatal(n, err)
	}
	s.pool.Reset()
	if spent, err := s.Spent(ctx, storetest.Answer(0, consent.Once, 0).Scope, storetest.Answer(0, consent.Once, 0).Nullifier); err != nil || !spent {
		t.Errorf("%v, %v", spent, err)
	}
	if len(s.kept.last) != remembered {
		t.Errorf("%d are remembered", len(s.kept.last))
	}
}
