package registry

import (
	"bytes"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// fresh is what a block has placed so far and may ask for again. Nearly all
// that a block writes is of this kind; an index over the batch would cost as
// much as the hashing.
type fresh struct {
	from    uint64   // position of the block's first entry in the record log
	records [][]byte // its entries from there on
	first   uint64   // index of the block's first leaf
	places  []place  // of its leaves
	claimed map[claim]struct{}
}

func newFresh(f *frame) fresh {
	return fresh{from: f.logs[journal.Records].Count(), first: f.next, claimed: map[claim]struct{}{}}
}

func (f *fresh) record(at uint64) ([]byte, bool) {
	if at < f.from || at-f.from >= uint64(len(f.records)) {
		return nil, false
	}
	return f.records[at-f.from], true
}

func (f *fresh) place(index uint64) (p place, ok bool) {
	if index < f.first || index-f.first >= uint64(len(f.places)) {
		return place{}, false
	}
	return f.places[index-f.first], true
}

func (f *fresh) has(c claim) bool {
	_, ok := f.claimed[c]
	return ok
}

// claims reports which claims stood before this block. They are looked up in
// the order of their keys by one iterator: each table is opened once for all of
// them, and its filter answers for most. Those of the lowest level, which holds
// nearly all claims, are used on demand alone: without them each look-up reads
// a block.
func (st *staging) claims(cs []claim) ([]bool, error) {
	order := make([]int, len(cs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(cs[a][:], cs[b][:]) })
	it, err := st.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return nil, err
	}
	known := make([]bool, len(cs))
	for _, i := range order {
		known[i] = it.SeekPrefixGE(cs[i].key())
	}
	return known, it.Close()
}

// claim remembers the claims of a leaf.
func (f *fresh) claim(cs ...claim) {
	for _, c := range cs {
		f.claimed[c] = struct{}{}
	}
}

// put writes what the block will not read from its batch again.
func (st *staging) put(key, value []byte) error { return st.bulk.Set(key, value, nil) }

// finish joins what the block writes into one batch. What is in the indexed
// one comes last, and so it holds.
func (st *staging) finish() (*pebble.Batch, error) {
	return st.bulk, st.bulk.Apply(st.batch, nil)
}
