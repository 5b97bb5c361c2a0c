package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/internal/armor"
	"github.com/zkconsent/zkconsent/internal/durable"
)

// readMessage reads a file from another party: armored or raw, "-" for
// standard input, of at most max bytes.
func (a *app) readMessage(kind, path string, max int) ([]byte, error) {
	b, err := a.readFile(path, 2*max+256)
	if err != nil {
		return nil, err
	}
	m, err := armor.Decode(kind, b, max)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// readFile reads at most max bytes of a file and refuses a longer one.
func (a *app) readFile(path string, max int) ([]byte, error) {
	in := a.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, int64(max)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > max {
		return nil, fmt.Errorf("%s: larger than the %d bytes that such a file can have", path, max)
	}
	return b, nil
}

// writeMessage armors a message for another party into a file, or to standard
// output when path is "-".
func (a *app) writeMessage(kind, path string, message []byte) error {
	text := armor.Encode(kind, message)
	if path == "-" {
		_, err := a.stdout.Write(text)
		return err
	}
	return writeFile(path, text, 0o600)
}

// writeFile replaces a file as a whole or not at all.
func writeFile(path string, b []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.ReplaceBytes(path, mode, b)
}
