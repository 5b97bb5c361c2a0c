package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

func TestCheckReportsWhatItRead(t *testing.T) {
	home := richHome(t)
	stages := map[string]bool{}
	r, err := ledger.Check(context.Background(), home, func(stage string, _, _ uint64) { stages[stage] = true })
	if err != nil {
		t.Fatal(err)
	}
	if r.Height < 12 || r.Base != 1 || r.Top != r.Height || r.Behind() != 0 || len(r.Torn) != 0 {
		t.Errorf("%+v", r)
	}
	if !stages["blocks"] || !stages["record log"] || !stages["entries of state.db"] {
		t.Errorf("it told of %v", slices.Sorted(maps.Keys(stages)))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ledger.Check(ctx, home, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("asked to stop: %v", err)
	}
}

func TestCheckOfAHomeThatNeverRan(t *testing.T) {
	if r, err := ledger.Check(context.Background(), newHome(t), nil); err != nil || r.Height != 0 || r.Top != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCheckRefusesARunningNode(t *testing.T) {
	home := newHome(t)
	run(t, home)
	if _, err := ledger.Check(context.Background(), home, nil); err == nil {
		t.Error("it read a home that is written meanwhile")
	}
}

// TestCheckFindsRewrittenBlocks changes and deletes entries of CometBFT's
// databases through the databases themselves, so that their checksums are
// right.
func TestCheckFindsRewrittenBlocks(t *testing.T) {
	home := richHome(t)
	data := filepath.Join(string(home), "data")
	kinds := map[string]string{ // pattern of keys, and the database
		`^H:5$`: "blockstore", `^P:5:0$`: "blockstore", `^C:5$`: "blockstore", `^BH:`: "blockstore", `^blockStore$`: "blockstore", `^SC:NEWEST$`: "blockstore",
		`^stateKey$`: "state", `^validatorsKey:5$`: "state", `^validatorsKey:1$`: "state", `^consensusParamsKey:1$`: "state", `^abciResponsesKey:5$`: "state",
	}
	r, err := ledger.Check(context.Background(), home, nil)
	if err != nil {
		t.Fatal(err)
	}
	for pattern, name := range kinds {
		re := regexp.MustCompile(strings.ReplaceAll(pattern, "NEWEST", fmt.Sprint(r.Top)))
		for what, change := range map[string]func(db dbm.DB, k, v []byte) error{
			"changed at its end": func(db dbm.DB, k, v []byte) error { v[len(v)-1] ^= 1; return db.SetSync(k, v) },
			"changed within":     func(db dbm.DB, k, v []byte) error { v[len(v)/2] ^= 1; return db.SetSync(k, v) },
			"deleted":            func(db dbm.DB, k, _ []byte) error { return db.DeleteSync(k) },
		} {
			if what == "deleted" && strings.HasPrefix(pattern, "^abciResponses") {
				continue // old answers may be pruned
			}
			t.Run(pattern+" "+what, func(t *testing.T) {
				copied := ledger.Home(t.TempDir())
				if err := os.CopyFS(string(copied), os.DirFS(string(home))); err != nil {
					t.Fatal(err)
				}
				db, err := dbm.NewGoLevelDB(name, filepath.Join(string(copied), "data"))
				if err != nil {
					t.Fatal(err)
				}
				k, v := find(t, db, re)
				if err := errors.Join(change(db, k, v), db.Close()); err != nil {
					t.Fatal(err)
				}
				_, err = ledger.Check(context.Background(), copied, nil)
				var damage *registry.DamageError
				if !errors.As(err, &damage) {
					t.Errorf("%q: not found: %v", k, err)
				}
			})
		}
	}
	if _, err := os.Stat(data); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, db dbm.DB, re *regexp.Regexp) (key, value []byte) {
	t.Helper()
	it, err := db.Iterator(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for ; it.Valid(); it.Next() {
		if re.Match(it.Key()) {
			return bytes.Clone(it.Key()), bytes.Clone(it.Value())
		}
	}
	t.Fatalf("no entry is named like %v", re)
	return nil, nil
}

// TestCheckFindsAnOlderPart puts one part of a home beside newer others, as a
// restore of single folders would.
func TestCheckFindsAnOlderPart(t *testing.T) {
	home := newHome(t)
	grow := func(from uint64) {
		t.Helper()
		n := run(t, home)
		for i := range uint64(6) {
			if _, err := n.Submit(short(t), commit(n.Genesis(), 0, from+i, sealed(from+i, 1)).Encode()); err != nil {
				t.Fatal(err)
			}
		}
		n.Stop()
	}
	grow(0)
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(string(home))); err != nil {
		t.Fatal(err)
	}
	grow(100)
	for part, healed := range map[string]bool{"state": true, "data/blockstore.db": false, "data/state.db": false} {
		t.Run(part, func(t *testing.T) {
			mixed := t.TempDir()
			if err := os.CopyFS(mixed, os.DirFS(string(home))); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(mixed, part)); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(filepath.Join(mixed, part), os.DirFS(filepath.Join(old, part))); err != nil {
				t.Fatal(err)
			}
			r, err := ledger.Check(context.Background(), ledger.Home(mixed), nil)
			switch {
			case healed && (err != nil || r.Behind() < 2):
				t.Errorf("%+v, %v", r, err)
			case !healed && err == nil:
				t.Errorf("not found: %+v", r)
			}
		})
	}
}
