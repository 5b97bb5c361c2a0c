package registry

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// format is the version of the store's layout.
const format = 3

// logs are the accumulators, by journal.Kind.
type logs [journal.Audits + 1]*journal.Accumulator

// A DamageError reports stored bytes that are not what the ledger wrote.
type DamageError struct {
	Where  string
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("registry: damaged state: %s: %s; restore a backup or synchronise the node anew", e.Where, e.Reason)
}

func damaged(where, format string, args ...any) error {
	return &DamageError{Where: where, Reason: fmt.Sprintf(format, args...)}
}

// encode writes what loadFrame needs beside the genesis and the directory. It
// ends in its own SHA-256.
func (f *frame) encode() []byte {
	e := tlv.NewEncoder("meta")
	e.Uint(1, format)
	e.Uint(2, f.height)
	e.Uint(3, f.time)
	e.Uint(4, f.lastClose)
	e.Uint(5, f.closed)
	e.Uint(6, f.next)
	e.Bytes(7, f.state.Encode())
	for _, k := range journal.Kinds() {
		e.Bytes(7+uint8(k), f.logs[k].Hashes())
	}
	e.Bytes(13, f.aux.bytes())
	b := e.Encoded()
	d := sha256.Sum256(b)
	return append(b, d[:]...)
}

// loadFrame reads the newest committed frame, nil from an empty store.
func loadFrame(r pebble.Reader) (*frame, error) {
	switch half, err := has(r, []byte{keyRestoring}); {
	case err != nil:
		return nil, err
	case half:
		return nil, ErrUnfinished
	}
	b, err := get(r, []byte{keyMeta})
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, refuseLeftovers(r)
	}
	if err != nil {
		return nil, err
	}
	f, err := decodeMeta(b)
	if err != nil {
		return nil, err
	}
	return f, f.loadDocuments(r)
}

// decodeMeta reads what encode writes.
func decodeMeta(b []byte) (*frame, error) {
	n := len(b) - sha256.Size
	if n < 0 || sha256.Sum256(b[:n]) != [sha256.Size]byte(b[n:]) {
		return nil, damaged("meta", "its digest does not match")
	}
	d := tlv.NewDecoder("meta", b[:n], 1<<16)
	f := &frame{}
	if v := d.Uint(1, "format", 1<<32); d.Err() == nil && v != format {
		return nil, damaged("meta", "layout %d; this program reads %d", v, format)
	}
	f.height = d.Uint(2, "height", 1<<62)
	f.time = d.Uint(3, "time", directory.MaxTime)
	f.lastClose = d.Uint(4, "last close", directory.MaxTime)
	f.closed = d.Uint(5, "closed", 1<<62)
	f.next = d.Uint(6, "next", 1<<62)
	state := d.Bytes(7, "state", 0, 1<<10)
	var hashes [len(f.logs)][]byte
	for _, k := range journal.Kinds() {
		hashes[k] = d.Bytes(7+uint8(k), k.String(), 0, 64*sha256.Size)
	}
	aux := d.Bytes(13, "aux", 2*setLanes, 2*setLanes)
	if err := d.Done(); err != nil {
		return nil, damaged("meta", "%v", err)
	}
	s, err := directory.DecodeState(state)
	if err != nil {
		return nil, damaged("state", "%v", err)
	}
	f.state = *s
	f.aux = *lanes((*[2 * setLanes]byte)(aux))
	if f.aux.digest() != s.Auxiliary {
		return nil, damaged("quotas and replay set", "their hash is not the state's")
	}
	for _, k := range journal.Kinds() {
		want := k.Of(s)
		if f.logs[k], err = journal.Restore(want.Count, hashes[k]); err != nil {
			return nil, damaged(k.String(), "%v", err)
		}
		if got, err := f.logs[k].Log(); err != nil || got != want {
			return nil, damaged(k.String(), "the compact range does not have the state's root")
		}
	}
	return f, nil
}

// refuseLeftovers holds a store without a frame to being empty: a genesis on
// top of old entries would be another ledger.
func refuseLeftovers(r pebble.Reader) error {
	it, err := r.NewIter(nil)
	if err != nil {
		return err
	}
	defer it.Close()
	if it.First() {
		return damaged("meta", "missing, although the store is not empty")
	}
	return it.Error()
}

// loadDocuments reads the genesis and the directory and holds them against
// the state's digests.
func (f *frame) loadDocuments(r pebble.Reader) (err error) {
	if f.genesis, err = get(r, []byte{keyGenesis}); err != nil {
		return damaged("genesis", "%v", err)
	}
	if sha256.Sum256(f.genesis) != f.state.Genesis {
		return damaged("genesis", "its digest is not the state's")
	}
	if f.dirBytes, err = get(r, []byte{keyDirectory}); err != nil {
		return damaged("directory", "%v", err)
	}
	if sha256.Sum256(f.dirBytes) != f.state.Directory {
		return damaged("directory", "its digest is not the state's")
	}
	if f.dir, err = directory.DecodeDirectory(f.dirBytes); err != nil {
		return damaged("directory", "%v", err)
	}
	return nil
}

// clone is a frame to stage the next block on. The directory is shared until
// it is replaced as a whole.
func (f *frame) clone() *frame {
	c := *f
	for _, k := range journal.Kinds() {
		c.logs[k] = f.logs[k].Clone()
	}
	return &c
}

// get returns a copy of a value.
func get(r pebble.Reader, key []byte) ([]byte, error) {
	v, closer, err := r.Get(key)
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(v)
	if out == nil {
		out = []byte{}
	}
	return out, closer.Close()
}
