package storetest

import (
	"context"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

// AlteredRows changes each column of each table past the store, on a fresh
// database each time: Check finds it, and so does whoever reads the row.
func AlteredRows(t *testing.T, fresh func(t testing.TB) Database) {
	ctx, zero := context.Background(), strings.Repeat("00", 32)
	for change, reading := range map[string]func(Store) error{
		"UPDATE requests SET expires = expires + 1":                         func(s Store) error { return second(s.Request(ctx, ID(1))) },
		"UPDATE requests SET signed = {00}":                                 func(s Store) error { return second(s.Request(ctx, ID(1))) },
		"UPDATE requests SET sum = {" + zero + "}":                          func(s Store) error { return s.Accept(ctx, Answer(1, consent.Once, 6)) },
		"UPDATE answers SET rule = 'none'":                                  func(s Store) error { return second(s.Answer(ctx, ID(1))) },
		"UPDATE answers SET until = until + 1":                              func(s Store) error { return second(s.Standing(ctx, 0, nil, 10)) },
		"UPDATE answers SET record = {00}":                                  func(s Store) error { return second(s.Answer(ctx, ID(1))) },
		"UPDATE answers SET watch = {" + zero + "}":                         func(s Store) error { return second(s.StandingIn(ctx, field.Uint(Scope), 0, nil, 10)) },
		"UPDATE answers SET digest = {" + zero + "}":                        func(s Store) error { return second(s.Answer(ctx, ID(1))) },
		"UPDATE answers SET recorded = {" + zero + "}":                      func(s Store) error { return second(s.Standing(ctx, 0, nil, 10)) },
		"UPDATE answers SET sum = {" + zero + "}":                           func(s Store) error { return second(s.Answer(ctx, ID(1))) },
		"UPDATE answers SET nullifier = {" + zero + "}":                     func(s Store) error { return second(s.Answer(ctx, ID(1))) },
		"UPDATE answers SET scope = {" + zero + "}":                         func(s Store) error { return second(s.Answer(ctx, ID(1))) },
		"UPDATE answers SET nullifier = {" + strings.Repeat("ff", 32) + "}": func(s Store) error { return second(s.Standing(ctx, 0, nil, 10)) },
		"UPDATE spent SET nullifier = {" + zero + "}":                       func(s Store) error { return second(s.Spent(ctx, field.Uint(Scope), field.Uint(0))) },
		"UPDATE spent SET sum = {" + zero + "}":                             func(s Store) error { return s.Accept(ctx, Answer(2, consent.Once, 5)) },
		"DELETE FROM spent":                                                 nil,
	} {
		t.Run(strings.ReplaceAll(change, zero, "0"), func(t *testing.T) {
			db := fresh(t)
			s := db.Open(t)
			Add(t, s, 1, 2)
			if err := s.Accept(ctx, Answer(1, consent.Once, 5)); err != nil {
				t.Fatal(err)
			}
			if err := s.Check(ctx); err != nil {
				t.Fatalf("before: %v", err)
			}
			statement := change
			for _, table := range []string{"requests", "answers", "spent"} {
				statement = strings.Replace(statement, " "+table, " "+db.Schema+table, 1)
			}
			if before, hex, found := strings.Cut(statement, "{"); found {
				statement = before + db.Bytes(strings.TrimSuffix(hex, "}"))
			}
			db.Execute(t, statement)
			is(t, "Check after "+change, s.Check(ctx), verifier.ErrStoreDamaged)
			if reading != nil {
				is(t, "reading after "+change, reading(s), verifier.ErrStoreDamaged)
			}
			s.Close()
		})
	}
}
