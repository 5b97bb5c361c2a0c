package registry

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// closes follows, beside a replay, what the close of each epoch stored for
// readers: the buckets that it changed, and its anchor. It reads the withdrawal
// log along; whether that has its root is judged elsewhere.
type closes struct {
	c                             *checker
	buckets, anchors, withdrawals *pebble.Iterator
	withdrawn, epochs             *journal.Accumulator
}

func (c *checker) closes() (*closes, error) {
	x := &closes{c: c, withdrawn: journal.NewAccumulator(), epochs: journal.NewAccumulator()}
	for prefix, it := range map[byte]**pebble.Iterator{keyBucket: &x.buckets, keyAnchor: &x.anchors, keyWithdrawal: &x.withdrawals} {
		var err error
		if *it, err = c.r.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}}); err != nil {
			return nil, errors.Join(err, x.close())
		}
		(*it).First()
	}
	return x, nil
}

// check compares with a replay that stands at the close of e, which the leaves
// changed.
func (x *closes) check(e directory.Epoch, leaves []merkle.Leaf) error {
	for _, b := range bucketsOf(leaves) {
		root := x.c.tree[journal.BucketHeight][b].Bytes()
		if !x.take(x.buckets, bucketKey(e.Number, b), root[:]) {
			return damaged("changed buckets", "bucket %d of epoch %d is not the replay's", b, e.Number)
		}
	}
	for x.withdrawn.Count() < e.Withdrawals {
		if !x.withdrawals.Valid() {
			return damaged("epoch log", "epoch %d closes beyond the withdrawal log", e.Number)
		}
		if err := x.withdrawn.Append(x.withdrawals.Value()); err != nil {
			return err
		}
		x.withdrawals.Next()
	}
	if x.withdrawn.Count() != e.Withdrawals {
		return damaged("epoch log", "epoch %d has fewer withdrawals than the one before", e.Number)
	}
	if !x.take(x.anchors, numberKey(keyAnchor, e.Number), journal.EncodeAnchor(e, x.c.logs[journal.Records], x.withdrawn, x.epochs)) {
		return damaged("anchors", "that of epoch %d is not the replay's", e.Number)
	}
	return x.epochs.Append(e.Encode())
}

// take accounts for the next entry if it is this one.
func (x *closes) take(it *pebble.Iterator, key, value []byte) bool {
	if !it.Valid() || !bytes.Equal(it.Key(), key) || !bytes.Equal(it.Value(), value) {
		return false
	}
	x.c.seen++
	it.Next()
	return true
}

// done refuses entries beyond the newest epoch.
func (x *closes) done() error {
	if x.buckets.Valid() || x.anchors.Valid() {
		return damaged("changed buckets and anchors", "there are more than the epochs")
	}
	for _, it := range []*pebble.Iterator{x.buckets, x.anchors, x.withdrawals} {
		if err := it.Error(); err != nil {
			return damaged("changed buckets and anchors", "%v", err)
		}
	}
	return nil
}

func (x *closes) close() (err error) {
	for _, it := range []*pebble.Iterator{x.buckets, x.anchors, x.withdrawals} {
		if it != nil {
			err = errors.Join(err, it.Close())
		}
	}
	return err
}
