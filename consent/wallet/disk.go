package wallet

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// disk is the part of the file system that a wallet's writes go through, so
// that tests can let each step of a write fail.
type disk interface {
	create(dir string) (file, error) // a new file beside the wallet, mode 0600
	rename(from, to string) error
	syncDir(dir string) error
	remove(path string) error
}

// file is a file that is being written.
type file interface {
	io.WriteCloser
	Name() string
	Sync() error
}

type realDisk struct{}

func (realDisk) create(dir string) (file, error) { return os.CreateTemp(dir, ".wallet-*") }
func (realDisk) rename(from, to string) error    { return os.Rename(from, to) }
func (realDisk) remove(path string) error        { return os.Remove(path) }
func (realDisk) syncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// replace writes content to path so that a reader finds the old or the new
// file, whole, whatever happens in between.
func replace(d disk, path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := d.create(dir)
	if err != nil {
		return fmt.Errorf("wallet: creating a file beside %s: %w", path, err)
	}
	name := f.Name()
	defer func() {
		if err != nil {
			d.remove(name)
		}
	}()
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("wallet: writing beside %s (the wallet is unchanged): %w", path, err)
	}
	if err = d.rename(name, path); err != nil {
		return fmt.Errorf("wallet: replacing %s (the wallet is unchanged): %w", path, err)
	}
	if err := d.syncDir(dir); err != nil {
		return fmt.Errorf("wallet: syncing the directory of %s: %w", path, err)
	}
	return nil
}
