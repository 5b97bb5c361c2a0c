package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrRunning reports a home on which a node runs.
var ErrRunning = errors.New("ledger: a node runs on this home")

// Idle returns nil when no node runs on the home and [ErrRunning] when one
// does. It must not be asked by the process that runs the node.
func (h Home) Idle() error {
	if _, err := os.Stat(h.StateDir()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := vfs.Default.Lock(filepath.Join(h.StateDir(), "LOCK"))
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return ErrRunning
	}
	if err != nil {
		return err
	}
	return lock.Close()
}

// DestroyValidator overwrites the validator's key and what it signed last, and
// removes both files. The caller has made sure that no validator set holds the
// key any more: until then it is missed, and afterwards whoever finds it could
// help to sign another past. File systems and disks that write elsewhere than
// they read, and backups, may keep what was there.
func (h Home) DestroyValidator() error {
	if err := h.Idle(); err != nil {
		return err
	}
	// The key goes first: a record of signatures without a key signs nothing,
	// a key without its record could sign twice.
	for _, file := range []string{h.keyFile(), h.keyState()} {
		if err := shred(file); err != nil {
			return fmt.Errorf("ledger: destroying %s: %w", filepath.Base(file), err)
		}
	}
	return nil
}

func shred(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Remove(file); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
