package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// An Export is a committed state, held still while blocks go on, to make a
// snapshot of (docs/spec.md §6.8).
type Export struct {
	r    *pebble.Snapshot
	f    *frame
	last []byte // key of the newest auxiliary entry that was written
}

// Export holds the newest committed state. It costs nothing; the caller closes
// it, before the State.
func (s *State) Export() (*Export, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, err := s.current(); err != nil {
		return nil, err
	}
	x := &Export{r: s.db.NewSnapshot()}
	var err error
	if x.f, err = loadFrame(x.r); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// Close lets go of the state.
func (x *Export) Close() error { return x.r.Close() }

// Height is that of the newest block in the state.
func (x *Export) Height() uint64 { return x.f.height }

// Write makes the chunks that are not in the folder yet, and returns the
// manifest, which it does not add. Full pages of logs never change: those that
// an older snapshot has are taken from it unread, so that a snapshot costs what
// is new. older may be nil.
func (x *Export) Write(ctx context.Context, to snapshot.Folder, older *snapshot.Manifest, progress Progress) (_ *snapshot.Manifest, err error) {
	defer func() {
		// The store panics on some kinds of damage.
		if r := recover(); r != nil {
			err = damaged("store", "%v", r)
		}
	}()
	entries := uint64(0)
	if err := x.auxiliary(nil, func(_, _ []byte) bool { entries++; return true }); err != nil {
		return nil, err
	}
	x.last = nil
	m := &snapshot.Manifest{Height: x.f.height, Time: x.f.time, State: x.f.state, Directory: uint64(len(x.f.dirBytes)), Auxiliary: entries}
	known := map[snapshot.Place][sha256.Size]byte{}
	if older != nil && older.State.Genesis == m.State.Genesis {
		for i, p := range older.Places() {
			if p.Section.Log() != 0 && p.Full() {
				known[p] = older.Chunks[i]
			}
		}
	}
	places := m.Places()
	for i, p := range places {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if progress != nil {
			progress("snapshot", uint64(i), uint64(len(places)))
		}
		d, ok := known[p]
		if !ok || !to.Has(d) {
			content, err := x.content(p)
			if err != nil {
				return nil, err
			}
			chunk := p.Encode(content)
			if len(chunk) > snapshot.MaxChunk {
				return nil, fmt.Errorf("registry: a chunk of %d bytes", len(chunk))
			}
			d = sha256.Sum256(chunk)
			if !to.Has(d) {
				if err := to.Put(d, chunk); err != nil {
					return nil, fmt.Errorf("registry: writing a snapshot: %w", err)
				}
			}
		}
		m.Chunks = append(m.Chunks, d)
	}
	if progress != nil {
		progress("snapshot", uint64(len(places)), uint64(len(places)))
	}
	return m, nil
}

// auxiliary visits the entries that no log holds whose keys are above one, in
// the order of their keys, until visit says that it has enough. They are never
// all in memory: a thousand full blocks of short transactions leave millions.
func (x *Export) auxiliary(above []byte, visit func(key, value []byte) bool) error {
	for _, prefix := range auxiliaryKeys {
		lower := []byte{prefix}
		if bytes.Compare(lower, above) <= 0 {
			lower = append(bytes.Clone(above), 0)
		}
		if lower[0] > prefix {
			continue
		}
		it, err := x.r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{prefix + 1}})
		if err != nil {
			return err
		}
		more := true
		for it.First(); more && it.Valid(); it.Next() {
			more = visit(it.Key(), it.Value())
		}
		if err := it.Close(); err != nil {
			return damaged(stageOf(prefix), "%v", err)
		}
		if !more {
			return nil
		}
	}
	return nil
}

// page reads the entries that follow those of the page before.
func (x *Export) page(count int) ([]byte, error) {
	out := make([]snapshot.Entry, 0, count)
	err := x.auxiliary(x.last, func(key, value []byte) bool {
		out = append(out, snapshot.Entry{Key: bytes.Clone(key), Value: bytes.Clone(value)})
		return len(out) < count
	})
	if err == nil && len(out) != count {
		err = damaged("auxiliary", "%d entries are left where %d belong", len(out), count)
	}
	if err != nil {
		return nil, err
	}
	x.last = out[count-1].Key
	return snapshot.EncodeEntries(out), nil
}

func (x *Export) content(p snapshot.Place) ([]byte, error) {
	end := p.First + uint64(p.Count)
	switch p.Section {
	case snapshot.Directory:
		return x.f.dirBytes[p.First:end], nil
	case snapshot.Auxiliary:
		return x.page(p.Count)
	case snapshot.Records:
		rs, err := x.records(p.First, end)
		return snapshot.EncodeRecords(rs), err
	}
	var out []byte
	err := x.scanLog(p.Section.Log(), p.First, end, func(entry []byte) error {
		out = append(out, entry...)
		return nil
	})
	return out, err
}

func (x *Export) scanLog(k journal.Kind, from, to uint64, visit func(entry []byte) error) error {
	it, err := x.r.NewIter(&pebble.IterOptions{LowerBound: logKey(k, from), UpperBound: logKey(k, to)})
	if err != nil {
		return err
	}
	defer it.Close()
	n := from
	for it.First(); it.Valid(); it.Next() {
		if !bytes.Equal(it.Key(), logKey(k, n)) {
			break
		}
		if err := visit(it.Value()); err != nil {
			return damaged(k.String()+" log", "entry %d: %v", n, err)
		}
		n++
	}
	if err := it.Error(); err != nil {
		return damaged(k.String()+" log", "%v", err)
	}
	if n != to {
		return damaged(k.String()+" log", "entry %d is missing", n)
	}
	return nil
}

// records reads the log, and the commitments from the leaf index along it:
// commits follow each other in both.
func (x *Export) records(from, to uint64) (out []snapshot.Record, err error) {
	out = make([]snapshot.Record, 0, to-from)
	var first, commits uint64
	if err := x.scanLog(journal.Records, from, to, func(entry []byte) error {
		r, err := journal.DecodeRecord(entry)
		switch {
		case err != nil:
			return err
		case r.Revoked:
			out = append(out, snapshot.Record{Revoked: true, Index: r.Index, RS: r.RS})
			return nil
		case commits == 0:
			first = r.Index
		}
		commits++
		out = append(out, snapshot.Record{Kind: r.Kind, Authority: r.Authority, Lock: r.Lock})
		return nil
	}); err != nil || commits == 0 {
		return out, err
	}
	it, err := x.r.NewIter(&pebble.IterOptions{LowerBound: numberKey(keyLeaf, first), UpperBound: numberKey(keyLeaf, first+commits)})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	it.First()
	for i := range out {
		if out[i].Revoked {
			continue
		}
		if !it.Valid() {
			return nil, errors.Join(damaged("leaf index", "shorter than the record log"), it.Error())
		}
		p, err := decodePlace(it.Value())
		if err != nil {
			return nil, err
		}
		if p.at != from+uint64(i) {
			return nil, damaged("leaf index", "entry %d of the record log has another place", from+uint64(i))
		}
		out[i].Commitment = p.cm
		it.Next()
	}
	return out, it.Error()
}
