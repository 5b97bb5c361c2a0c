package durable_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/zkconsent/zkconsent/internal/durable"
)

func TestReplacesWholeOrNotAtAll(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	if err := durable.ReplaceBytes(path, 0o600, []byte("old")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left")
	if err := durable.Replace(path, 0o600, func(w io.Writer) error {
		if _, err := w.Write([]byte("ne")); err != nil {
			return err
		}
		return full
	}); !errors.Is(err, full) {
		t.Fatalf("%v, want the writer's error", err)
	}
	check := func(content string) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil || string(b) != content {
			t.Fatalf("%q, %v, want %q", b, err, content)
		}
		if all, err := os.ReadDir(folder); err != nil || len(all) != 1 {
			t.Fatalf("%d files, %v: something stayed behind", len(all), err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("mode %v, %v", info.Mode(), err)
		}
	}
	check("old")
	if err := durable.ReplaceBytes(path, 0o600, []byte("new")); err != nil {
		t.Fatal(err)
	}
	check("new")
	if err := durable.ReplaceBytes(filepath.Join(folder, "nowhere", "file"), 0o600, nil); err == nil {
		t.Fatal("a folder that is not there was written to")
	}
}
