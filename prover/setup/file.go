package setup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/internal/durable"
)

// writeFile writes a file whole or not at all and returns its content's digest.
func writeFile(path string, write func(io.Writer) (int64, error)) (d manifest.Digest, err error) {
	h := sha256.New()
	err = durable.Replace(path, 0o600, func(w io.Writer) error {
		b := bufio.NewWriterSize(io.MultiWriter(w, h), 1<<16)
		if _, err := write(b); err != nil {
			return err
		}
		return b.Flush()
	})
	copy(d[:], h.Sum(nil))
	return d, err
}

func writeBytes(path string, content []byte) (manifest.Digest, error) {
	return writeFile(path, func(w io.Writer) (int64, error) {
		n, err := w.Write(content)
		return int64(n), err
	})
}

func digestOf(write func(io.Writer) (int64, error)) (d manifest.Digest, err error) {
	h := sha256.New()
	b := bufio.NewWriterSize(h, 1<<16)
	if _, err := write(b); err != nil {
		return d, err
	}
	err = b.Flush()
	copy(d[:], h.Sum(nil))
	return d, err
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

// openFolder makes a folder of keys unless there is one, waits for others who
// write to it, and returns its manifest, the manifest's file, and what ends the
// lock.
func openFolder(ctx context.Context, dir string) (m *manifest.Manifest, path string, unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", nil, fmt.Errorf("setup: %w", err)
	}
	if unlock, err = Lock(ctx, filepath.Join(dir, "setup.lock")); err != nil {
		return nil, "", nil, err
	}
	path = filepath.Join(dir, manifest.FileName)
	if m, err = manifest.Load(path); errors.Is(err, fs.ErrNotExist) {
		m, err = &manifest.Manifest{}, nil
	}
	if err != nil {
		unlock()
		return nil, "", nil, fmt.Errorf("setup: %s cannot be used; move the folder away, or name another: %w", path, err)
	}
	return m, path, unlock, nil
}
