// Package storetest holds every implementation of verifier.Store to the
// guarantees that its interfaces promise (docs/spec.md §10.4, row 13): one suite
// for all, run on the real database each time.
package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

// A Store is what the suite tests: one that can look for damage in itself.
type Store interface {
	verifier.Store
	Check(context.Context) error
	Close() error
}

// A Database is an empty one, for one test.
type Database struct {
	// Open opens another store on it, as another replica would. What is left
	// open is closed when the test ends.
	Open func(t testing.TB) Store
	// Execute changes the database past all stores, as an insider would.
	Execute func(t testing.TB, statement string)
	// Schema stands before the names of tables.
	Schema string
	// Bytes is a literal of bytes that are written in hexadecimal.
	Bytes func(hex string) string
}

// Run runs the suite, each test on a database of its own.
func Run(t *testing.T, fresh func(t testing.TB) Database) {
	for name, test := range map[string]func(*testing.T, Database){
		"keeps what it was given":                     keepsWhatItWasGiven,
		"keeps values at their bounds":                keepsBounds,
		"reports what is missing":                     reportsWhatIsMissing,
		"keeps the first request of an id":            keepsTheFirstRequest,
		"refuses second answers and spent nullifiers": refusesSecondAnswers,
		"one answer of many to one request":           oneAnswer,
		"purge forgets answers, not nullifiers":       purgeForgetsAnswers,
		"purge beside answers":                        purgeBesideAnswers,
		"standing answers come in pages":              standingPages,
		"scopes are counted":                          scopesAreCounted,
		"cancelled calls leave nothing":               cancelledCalls,
		"closed stores answer nothing":                closedStores,
	} {
		t.Run(name, func(t *testing.T) {
			db := fresh(t)
			test(t, db)
			Sound(t, db.Open(t))
		})
	}
}

// ID is a request's id that sorts like its number.
func ID(n uint64) (b [16]byte) {
	binary.BigEndian.PutUint64(b[8:], n)
	return b
}

// Asked is a request that expires at 1000.
func Asked(n uint64) verifier.Asked {
	return verifier.Asked{ID: ID(n), Expires: 1000, Signed: []byte("request")}
}

// Scope is the scope of every Answer.
const Scope = 7

// Answer is an answer to request n, relied on until 2000.
func Answer(n uint64, rule consent.Rule, nullifier uint64) verifier.Answer {
	return verifier.Answer{
		Request: ID(n), Digest: [32]byte{1, byte(n)}, Rule: rule, Scope: field.Uint(Scope), Nullifier: field.Uint(nullifier),
		Watch: field.Uint(9), Until: 2000, Record: []byte("record"),
	}
}

// Add keeps requests.
func Add(t testing.TB, s verifier.Requests, ns ...uint64) {
	t.Helper()
	for _, n := range ns {
		if err := s.AddRequest(context.Background(), Asked(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// Sound fails the test if a store finds damage in itself.
func Sound(t testing.TB, s Store) {
	t.Helper()
	if err := s.Check(context.Background()); err != nil && !t.Failed() {
		t.Errorf("the database is not sound at the end: %v", err)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func second[T any](_ T, err error) error { return err }
