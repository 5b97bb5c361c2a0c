package registry

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// A place is what the leaf index keeps of a leaf: where the record log commits
// it, what a later entry made of it, and its commitment. That is in no log, and
// here in the order of one, so that a snapshot reads both side by side.
type place struct {
	at      uint64 // position in the record log
	revoked bool
	cm      fr.Element
}

const placeSize = 8 + 1 + field.Size

func (p place) encode() []byte {
	b := append(number(p.at), 0)
	if p.revoked {
		b[8] = 1
	}
	cm := p.cm.Bytes()
	return append(b, cm[:]...)
}

func decodePlace(b []byte) (place, error) {
	if len(b) != placeSize || b[8] > 1 {
		return place{}, damaged("leaf index", "not a leaf's place")
	}
	cm, err := field.Parse(b[9:])
	if err != nil {
		return place{}, damaged("leaf index", "%v", err)
	}
	return place{at: binary.BigEndian.Uint64(b), revoked: b[8] == 1, cm: cm}, nil
}

// place finds a leaf that was committed before, also in this block.
func (st *staging) place(index uint64) (place, error) {
	b, err := get(st.batch, numberKey(keyLeaf, index))
	if p, ok := st.fresh.place(index); ok && errors.Is(err, pebble.ErrNotFound) {
		return p, nil
	}
	if err != nil {
		return place{}, err
	}
	return decodePlace(b)
}

// indexCommit sets the keys by which the commit at a position of the record log
// is found again. Execution and the restore of a snapshot have them from here.
func indexCommit(set func(key, value []byte) error, r journal.Record, p place) error {
	return firstError(
		func() error { return set(numberKey(keyLeaf, r.Index), p.encode()) },
		func() error { return set(claimOf(keyLock, r.Authority, r.Lock).key(), number(r.Index)) },
		func() error { return set(claimOf(keyCommitment, r.Authority, p.cm).key(), number(r.Index)) },
	)
}

// placed is the record at an index.
func (st *staging) placed(index uint64) (journal.Placed, error) {
	p, err := st.place(index)
	if err != nil {
		return journal.Placed{}, err
	}
	r, err := st.record(p.at)
	if err != nil {
		return journal.Placed{}, err
	}
	if r.Revoked || r.Index != index {
		return journal.Placed{}, damaged("leaf index", "entry %d of the record log does not commit leaf %d", p.at, index)
	}
	return journal.Placed{Kind: r.Kind, Authority: r.Authority, Lock: r.Lock, Leaf: r.Leaf, Revoked: p.revoked}, nil
}

// record reads an entry of the record log, also one of this block.
func (st *staging) record(at uint64) (journal.Record, error) {
	b, ok := st.fresh.record(at)
	if !ok {
		var err error
		if b, err = get(st.db, logKey(journal.Records, at)); err != nil {
			return journal.Record{}, err
		}
	}
	r, err := journal.DecodeRecord(b)
	if err != nil {
		return r, damaged("record log", "entry %d: %v", at, err)
	}
	return r, nil
}

// since visits the entries of the record log from a position on, this block's
// included, in their order.
func (st *staging) since(from uint64, visit func(journal.Record) error) error {
	it, err := st.db.NewIter(&pebble.IterOptions{LowerBound: logKey(journal.Records, from), UpperBound: logKey(journal.Records, st.fresh.from)})
	if err != nil {
		return err
	}
	defer it.Close()
	at := from
	entry := func(b []byte) error {
		r, err := journal.DecodeRecord(b)
		if err != nil {
			return damaged("record log", "entry %d: %v", at, err)
		}
		at++
		return visit(r)
	}
	for it.First(); it.Valid(); it.Next() {
		if err := entry(it.Value()); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return err
	}
	if at != st.fresh.from {
		return damaged("record log", "it ends at entry %d, where %d belong", at, st.fresh.from)
	}
	for _, b := range st.fresh.records {
		if err := entry(b); err != nil {
			return err
		}
	}
	return nil
}

// setPlaced writes what can change of a record: whether it is revoked.
func (st *staging) setPlaced(index uint64, p journal.Placed) error {
	was, err := st.place(index)
	if err != nil {
		return err
	}
	was.revoked = p.Revoked
	return st.set(numberKey(keyLeaf, index), was.encode())
}
