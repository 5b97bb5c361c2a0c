package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestCheckFindsDamageThatChecksumsMiss changes, deletes and adds entries of
// every kind through the store itself, so that its checksums are right.
func TestCheckFindsDamageThatChecksumsMiss(t *testing.T) {
	fs := vfs.NewMem()
	c := newChainOn(t, fs)
	c.one(c.commit(hospital, 1, 2, 3, 4, 5, 6))
	c.one(c.credential(issuer, 7))
	c.epoch()
	c.one(c.signed(hospital, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 1, RS: rs(2)}})))
	c.one(c.signed(hospital, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{rs(1), rs(2)})))
	shared := directory.Scope{Name: "scope", Members: members(insurer)}
	c.one(c.decree(transaction.SetScope, shared.Encode()))
	c.one(c.signed(insurer, transaction.Spend, spending(shared, 1, 2, 3)))
	c.one(c.signed(insurer, transaction.AuditRoot, transaction.AuditPayload([]transaction.Anchor{{Epoch: 0}, {Epoch: 1}})))
	c.one(c.decree(transaction.DistrustRange, transaction.DistrustPayload(transaction.Distrusting{Distrust: directory.Distrust{Authority: issuer.id, To: 9}})))
	c.epoch()
	c.one(c.commit(hospital, 9))
	c.s.Close()

	names, err := fs.List("state")
	if err != nil {
		t.Fatal(err)
	}
	type entry struct{ key, value []byte }
	first := map[byte]entry{}
	raw := func(fs vfs.FS) *pebble.DB {
		db, err := pebble.Open("state", &pebble.Options{FS: fs, Logger: quiet{}, FormatMajorVersion: pebble.FormatNewest})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	clean := copyFS(t, fs, names, "", 0, 0)
	db := raw(clean)
	it, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for it.First(); it.Valid(); it.Next() {
		if _, ok := first[it.Key()[0]]; !ok {
			first[it.Key()[0]] = entry{bytes.Clone(it.Key()), bytes.Clone(it.Value())}
		}
	}
	it.Close()
	db.Close()
	if len(first) != 19 {
		t.Fatalf("%d kinds of entries, the test wants one of each of 19", len(first))
	}
	for prefix, e := range first {
		for what, change := range map[string]func(db *pebble.DB) error{
			"changed": func(db *pebble.DB) error {
				v := bytes.Clone(e.value)
				v[len(v)-1] ^= 1
				return db.Set(e.key, v, pebble.Sync)
			},
			"deleted": func(db *pebble.DB) error { return db.Delete(e.key, pebble.Sync) },
			"added":   func(db *pebble.DB) error { return db.Set(append(bytes.Clone(e.key), 7), e.value, pebble.Sync) },
			"renamed": func(db *pebble.DB) error {
				k := append(bytes.Clone(e.key), 0)
				k[len(e.key)-1] ^= 0x80
				return errors.Join(db.Delete(e.key, pebble.Sync), db.Set(k[:len(e.key)], e.value, pebble.Sync))
			},
		} {
			t.Run(fmt.Sprintf("%c %s", prefix, what), func(t *testing.T) {
				fs := copyFS(t, fs, names, "", 0, 0)
				db := raw(fs)
				if err := change(db); err != nil {
					t.Fatal(err)
				}
				db.Close()
				s, err := registry.Open("state", &registry.Options{FS: fs})
				if err == nil {
					_, err = s.Check(context.Background(), nil)
					s.Close()
				}
				var damage *registry.DamageError
				if !errors.As(err, &damage) {
					t.Errorf("not found: %v", err)
				}
			})
		}
	}
	t.Run("a key that nobody knows", func(t *testing.T) {
		fs := copyFS(t, fs, names, "", 0, 0)
		db := raw(fs)
		db.Set([]byte("zz"), []byte{1}, pebble.Sync)
		db.Close()
		if _, _, err := openAndCheck(fs); err == nil {
			t.Error("not found")
		}
	})
	t.Run("nothing changed", func(t *testing.T) {
		if _, hash, err := openAndCheck(clean); err != nil || hash != c.hash {
			t.Error(err)
		}
	})
}

func TestCheckStopsWhenAsked(t *testing.T) {
	c := newChain(t)
	c.one(c.commit(hospital, 1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.s.Check(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	stages := map[string]bool{}
	if h, err := c.s.Check(context.Background(), func(stage string, _, _ uint64) { stages[stage] = true }); err != nil || h != 1 || len(stages) < 8 {
		t.Errorf("height %d, stages %v, %v", h, stages, err)
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}
