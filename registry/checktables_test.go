package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestCheckTablesFindsDamageThatNoReadReaches flips a bit in bytes all over a
// table of claims. Whoever reads all its keys meets those of data and index;
// a damaged filter lets a claim that stands pass as new.
func TestCheckTablesFindsDamageThatNoReadReaches(t *testing.T) {
	mem := vfs.NewMem()
	o := storeOptions()
	o.FS = mem
	db, err := pebble.Open("state", o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(500) {
		d := sha256.Sum256(number(i))
		if err := db.Set(append([]byte{keyLock}, d[:16]...), number(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	defer db.Close()
	if err := db.Flush(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, mem, mem.PathJoin("state", "999999.sst"), []byte("half a table, as a kill leaves it"))
	names, err := mem.List("state")
	if err != nil {
		t.Fatal(err)
	}
	silent := func(string, uint64, uint64) {}
	look := func() error { return checkTables(context.Background(), db, mem, "state", silent) }
	tables := 0
	for _, n := range names {
		if filepath.Ext(n) != ".sst" || n == "999999.sst" {
			continue
		}
		tables++
		path := mem.PathJoin("state", n)
		whole := contents(t, mem, path)
		for at := 0; at < len(whole)-64; at += 97 { // the rest is the footer
			bad := append([]byte(nil), whole...)
			bad[at] ^= 1 << (at % 8)
			overwrite(t, mem, path, bad)
			var damage *DamageError
			if err := look(); !errors.As(err, &damage) {
				t.Fatalf("%s, byte %d of %d: %v", n, at, len(whole), err)
			}
		}
		overwrite(t, mem, path, whole)
	}
	if tables == 0 {
		t.Fatal("there is no table")
	}
	if err := look(); err != nil {
		t.Error(err)
	}
}

func contents(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func overwrite(t *testing.T, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
