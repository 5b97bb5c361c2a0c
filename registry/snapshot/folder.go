package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/zkconsent/zkconsent/internal/durable"
)

// A Folder keeps snapshots: manifests by their height, and chunks by their
// digest, so that a chunk that several snapshots have is there once. A
// manifest is written after its chunks, so that what is listed is whole.
//
// The record log takes about 70 bytes an entry; a folder that keeps two
// snapshots holds the log once and what changed between them twice.
type Folder string

func (f Folder) chunk(d [sha256.Size]byte) string {
	return filepath.Join(string(f), "chunks", hex.EncodeToString(d[:]))
}

func (f Folder) manifest(height uint64) string {
	return filepath.Join(string(f), fmt.Sprintf("%020d%s", height, manifestSuffix))
}

const manifestSuffix = ".manifest"

// Has says whether a chunk of this digest is there. What is in the file is for
// [Folder.Chunk] to check.
func (f Folder) Has(d [sha256.Size]byte) bool {
	_, err := os.Stat(f.chunk(d))
	return err == nil
}

// Put writes a chunk, whole or not at all.
func (f Folder) Put(d [sha256.Size]byte, b []byte) error {
	if err := os.MkdirAll(filepath.Join(string(f), "chunks"), 0o700); err != nil {
		return err
	}
	return durable.ReplaceBytes(f.chunk(d), 0o600, b)
}

// Chunk reads chunk n of a snapshot. A damaged file is a [ChunkError].
func (f Folder) Chunk(m *Manifest, n int) ([]byte, error) {
	if n < 0 || n >= len(m.Chunks) {
		return nil, &ChunkError{n}
	}
	b, err := readBounded(f.chunk(m.Chunks[n]), MaxChunk)
	if err != nil {
		return nil, err
	}
	return b, m.Check(n, b)
}

// Drop removes the file of a damaged chunk, so that the next snapshot makes it
// anew.
func (f Folder) Drop(m *Manifest, n int) error { return os.Remove(f.chunk(m.Chunks[n])) }

func readBounded(name string, max int64) ([]byte, error) {
	r, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("snapshot: %s is longer than %d bytes", filepath.Base(name), max)
	}
	return b, err
}

// Add writes the manifest of a snapshot whose chunks are there.
func (f Folder) Add(m *Manifest) error {
	return durable.ReplaceBytes(f.manifest(m.Height), 0o600, m.Encode())
}

// List returns the manifests, newest first. Files that are none are passed
// over: nobody is served from them.
func (f Folder) List() ([]*Manifest, error) {
	names, err := os.ReadDir(string(f))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*Manifest
	for _, n := range names {
		height, err := strconv.ParseUint(strings.TrimSuffix(n.Name(), manifestSuffix), 10, 64)
		if err != nil || filepath.Base(f.manifest(height)) != n.Name() {
			continue
		}
		b, err := readBounded(f.manifest(height), MaxManifest)
		if err != nil {
			return nil, err
		}
		if m, err := Decode(b); err == nil && m.Height == height {
			out = append(out, m)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Height > out[j].Height })
	return out, nil
}

// Keep removes all but the newest n snapshots, and every chunk that none of
// those has, half-written ones included. It must not run beside Put.
func (f Folder) Keep(n int) error {
	ms, err := f.List()
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for i, m := range ms {
		if i >= n {
			if err := os.Remove(f.manifest(m.Height)); err != nil {
				return err
			}
			continue
		}
		for _, d := range m.Chunks {
			used[hex.EncodeToString(d[:])] = true
		}
	}
	names, err := os.ReadDir(filepath.Join(string(f), "chunks"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, c := range names {
		if !used[c.Name()] {
			if err := os.Remove(filepath.Join(string(f), "chunks", c.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
