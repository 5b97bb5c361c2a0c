package registry

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// A staging is a block in the making: its frame, and all that it writes. Reads
// go through the batch, or through what is fresh, so a block sees its own
// writes.
type staging struct {
	*frame
	db    *pebble.DB    // what was committed before
	batch *pebble.Batch // with an index
	bulk  *pebble.Batch // without
	fresh fresh
}

func newStaging(db *pebble.DB, f *frame) *staging {
	return &staging{frame: f, db: db, batch: db.NewIndexedBatch(), bulk: db.NewBatch(), fresh: newFresh(f)}
}

func (st *staging) close() error { return errors.Join(st.batch.Close(), st.bulk.Close()) }

// has reports whether a key is set.
func (st *staging) has(key []byte) (bool, error) { return has(st.batch, key) }

func has(r pebble.Reader, key []byte) (bool, error) {
	_, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, closer.Close()
}

func (st *staging) set(key, value []byte) error { return st.batch.Set(key, value, nil) }

// append adds an entry to a log.
func (st *staging) append(k journal.Kind, entry []byte) error {
	a, set := st.logs[k], st.set
	if k == journal.Records {
		st.fresh.records, set = append(st.fresh.records, entry), st.put
	}
	if err := set(logKey(k, a.Count()), entry); err != nil {
		return err
	}
	return a.Append(entry)
}

// setAux writes an entry of those that the set hash covers. old is the value
// it replaces, nil for none; without a new value the entry goes.
func (st *staging) setAux(key, old, value []byte) error {
	if old != nil {
		st.aux.remove(key, old)
	}
	if value == nil {
		return st.batch.Delete(key, nil)
	}
	st.aux.add(key, value)
	return st.set(key, value)
}

// seal brings the state message up to date with the logs and writes the frame.
func (st *staging) seal() (err error) {
	for _, k := range journal.Kinds() {
		l, err := st.logs[k].Log()
		if err != nil {
			return err
		}
		switch k {
		case journal.Records:
			st.state.Records = l
		case journal.Withdrawals:
			st.state.Withdrawals = l
		case journal.Epochs:
			st.state.Epochs = l
		case journal.Spends:
			st.state.Spends = l
		case journal.Audits:
			st.state.Audits = l
		}
	}
	st.state.Auxiliary = st.aux.digest()
	return st.set([]byte{keyMeta}, st.frame.encode())
}

// forgetAtOnce is how many entries of the replay set a block drops beyond twice
// those that it adds.
const forgetAtOnce = 1024

// forget drops what the replay set need not remember any more: transactions
// whose last height has passed are refused for that. The set is part of the
// state hash, so this is only for blocks that change the state anyhow: an idle
// one would otherwise call for another. And it is bounded, oldest first,
// because all of a thousand blocks' transactions may expire with one height;
// the set still shrinks to what is needed, by as much as each block adds.
func (st *staging) forget(added int) error {
	it, err := st.batch.NewIter(&pebble.IterOptions{LowerBound: []byte{keyExecuted}, UpperBound: numberKey(keyExecuted, st.height)})
	if err != nil {
		return err
	}
	var keys [][]byte
	for it.First(); it.Valid() && len(keys) < forgetAtOnce+2*added; it.Next() {
		keys = append(keys, append([]byte(nil), it.Key()...))
	}
	if err := it.Close(); err != nil {
		return err
	}
	for _, k := range keys {
		if err := st.setAux(k, []byte{1}, nil); err != nil {
			return err
		}
	}
	return nil
}
