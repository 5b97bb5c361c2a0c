package wallet

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestReallyFullDisk fills a file system of 128 KiB. It needs the right to
// mount one; TestFullDiskKeepsTheWallet needs none.
func TestReallyFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	path := filepath.Join(dir, "wallet")
	w, _, err := Create(path, passphrase, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.update(func(c *contents) error { c.next = 7; return nil }); err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 512))
	}
	filler.Close()
	if err := w.update(func(c *contents) error { c.next = 8; return nil }); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want ENOSPC", err)
	}
	w.Close()
	again, err := Open(path, passphrase, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.data.next != 7 {
		t.Errorf("next is %d, want 7", again.data.next)
	}
	again.Close()
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
