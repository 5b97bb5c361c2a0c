package ledger_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/zkconsent/zkconsent/registry/ledger"
)

// TestCopyOfAStoppedHome copies the home of a ledger of one, puts it back and
// goes on with it. A running home is not copied, and of a copy with another
// bit, or without a file, nothing is put back.
func TestCopyOfAStoppedHome(t *testing.T) {
	home := newHome(t)
	n := run(t, home)
	ctx := long(t)
	if _, err := n.Submit(ctx, commit(n.Genesis(), 0, 1, sealed(0, 5)).Encode()); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := ledger.CopyHome(ctx, home, filepath.Join(folder, "running"), nil); err == nil {
		t.Error("the home of a running node was copied")
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	c := filepath.Join(folder, "copy")
	if err := ledger.CopyHome(ctx, home, c, nil); err != nil {
		t.Fatal(err)
	}
	if err := ledger.CopyHome(ctx, home, c, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a copy: %v", err)
	}
	if err := ledger.PutBack(ctx, c, home, nil); !errors.Is(err, ledger.ErrHomeInUse) {
		t.Errorf("over a home: %v", err)
	}
	back := ledger.Home(filepath.Join(folder, "back"))
	var files []string
	filepath.WalkDir(c, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 0 {
			bad := append([]byte{}, b...)
			bad[rand.IntN(len(bad))] ^= 1 << rand.IntN(8)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := ledger.PutBack(ctx, c, back, nil); !errors.Is(err, ledger.ErrBackup) {
				t.Errorf("%s with another bit: %v", path, err)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := ledger.PutBack(ctx, c, back, nil); !errors.Is(err, ledger.ErrBackup) {
			t.Errorf("without %s: %v", path, err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := ledger.PutBack(ctx, c, back, nil); err != nil {
		t.Fatal(err)
	}
	again := run(t, back)
	if _, err := again.Submit(ctx, commit(again.Genesis(), 0, 2, sealed(100, 5)).Encode()); err != nil {
		t.Fatal(err)
	}
	if err := again.CheckState(ctx); err != nil {
		t.Error(err)
	}
}
