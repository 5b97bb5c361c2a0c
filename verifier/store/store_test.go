package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/storetest"
)

func open(t testing.TB, path string, o *Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		storetest.Sound(t, s)
		s.Close()
	})
	return s
}

func id(n uint64) [16]byte { return storetest.ID(n) }

func asked(n uint64) verifier.Asked { return storetest.Asked(n) }

func answer(n uint64, rule consent.Rule, nullifier uint64) verifier.Answer {
	return storetest.Answer(n, rule, nullifier)
}

func add(t *testing.T, s *Store, ns ...uint64) {
	t.Helper()
	storetest.Add(t, s, ns...)
}

// fresh is a file of its own, opened as often as the suite asks.
func fresh(t testing.TB) storetest.Database {
	path := filepath.Join(t.TempDir(), "v.db")
	return storetest.Database{
		Open: func(t testing.TB) storetest.Store {
			t.Helper()
			s, err := Open(context.Background(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
		Execute: func(t testing.TB, statement string) {
			t.Helper()
			db, err := connect(path, 1, defaultBytes)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		},
		Bytes: func(hex string) string { return fmt.Sprintf("x'%s'", hex) },
	}
}

func TestKeepsWhatStoresPromise(t *testing.T) { storetest.Run(t, fresh) }

func TestAttack_AlteredRowsAreFound(t *testing.T) { storetest.AlteredRows(t, fresh) }

// One store of one process.
func TestAttack_ConcurrentSameNullifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := open(t, path, nil)
	storetest.SameNullifier(t, storetest.Database{Open: func(testing.TB) storetest.Store { return s }}, 16)
}

// Three stores on one file, as three processes have them.
func TestAttack_TwoProcessesSameNullifier(t *testing.T) { storetest.SameNullifier(t, fresh(t), 100) }

func TestFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a file?with=odd%20name#.db")
	s := open(t, path, nil)
	add(t, s, 1)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v: want a file for its owner alone", info, err)
	}
	if again := open(t, path, nil); second(again.Request(context.Background(), id(1))) != nil {
		t.Error("the request is not there after the file was opened again")
	}
}

func second[T any](_ T, err error) error { return err }
