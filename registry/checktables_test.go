package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
)

// TestCheckFindsEveryDamagedBlockOfATable flips a bit in each byte of a table
// but its footer: in filters, which no reading of keys reaches, as elsewhere.
func TestCheckFindsEveryDamagedBlockOfATable(t *testing.T) {
	mem := vfs.NewMem()
	s, err := registry.Open("state", &registry.Options{FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	g := testGenesis()
	c := &chain{t: t, s: s, genesis: directory.GenesisHash(g), time: start}
	if _, err := s.InitGenesis(g.Encode()); err != nil {
		t.Fatal(err)
	}
	c.one(c.commit(hospital, span(0, 8)...))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// What is in the log becomes a table when the store is opened again.
	if s, err = registry.Open("state", &registry.Options{FS: mem}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name, whole := table(t, mem)
	missed := 0
	for at := 0; at < len(whole)-64; at += 29 {
		bad := append([]byte(nil), whole...)
		bad[at] ^= 1 << (at % 8)
		write(t, mem, name, bad)
		s, err := registry.Open("state", &registry.Options{FS: mem, ReadOnly: true})
		if err != nil {
			continue // found when it was opened
		}
		var damage *registry.DamageError
		if _, err := s.Check(context.Background(), nil); !errors.As(err, &damage) {
			t.Errorf("byte %d of %d: %v", at, len(whole), err)
			missed++
		}
		s.Close()
		if missed > 8 {
			t.FailNow()
		}
	}
	write(t, mem, name, whole)
	if s, err = registry.Open("state", &registry.Options{FS: mem, ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Check(context.Background(), nil); err != nil {
		t.Error(err)
	}
}

func table(t *testing.T, fs vfs.FS) (name string, content []byte) {
	t.Helper()
	names, err := fs.List("state")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !strings.HasSuffix(n, ".sst") {
			continue
		}
		f, err := fs.Open(fs.PathJoin("state", n))
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, info.Size())
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if len(b) > len(content) {
			name, content = fs.PathJoin("state", n), b
		}
	}
	if content == nil {
		t.Fatal("the store has no table")
	}
	return name, content
}

func write(t *testing.T, fs vfs.FS, name string, content []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
