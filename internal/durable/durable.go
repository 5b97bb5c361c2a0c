// Package durable replaces files so that a crash, or a disk that runs full,
// leaves the old content or the new one, and what was reported as written is
// on the disk (docs/spec.md §6.6).
package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Replace writes a file whole or not at all: to a temporary one beside it,
// synced, renamed, and the folder synced. Nothing stays behind after an error.
func Replace(path string, mode os.FileMode, write func(io.Writer) error) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = errors.Join(f.Chmod(mode), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReplaceBytes is [Replace] for content that is there already.
func ReplaceBytes(path string, mode os.FileMode, content []byte) error {
	return Replace(path, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
