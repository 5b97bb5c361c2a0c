package setup

import (
	"bufio"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/circuits/manifest"
)

// writeFile writes a file whole or not at all: to a temporary one beside it,
// synced, renamed, and the folder synced. It returns the content's digest.
func writeFile(path string, write func(io.Writer) (int64, error)) (d manifest.Digest, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return d, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	h := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(f, h), 1<<16)
	if _, err = write(b); err != nil {
		return d, err
	}
	if err = b.Flush(); err != nil {
		return d, err
	}
	if err = f.Sync(); err != nil {
		return d, err
	}
	if err = f.Close(); err != nil {
		return d, err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return d, err
	}
	copy(d[:], h.Sum(nil))
	return d, syncFolder(filepath.Dir(path))
}

func writeBytes(path string, content []byte) (manifest.Digest, error) {
	return writeFile(path, func(w io.Writer) (int64, error) {
		n, err := w.Write(content)
		return int64(n), err
	})
}

// syncFolder makes a rename durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func fileDigest(path string) (d manifest.Digest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return d, err
	}
	copy(d[:], h.Sum(nil))
	return d, nil
}
