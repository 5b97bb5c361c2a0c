package light

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// A bucket is leaves as they stood at a position of the record log.
type bucket struct {
	leaves []fr.Element // journal.BucketSize of them
	at     uint64       // entries of the record log that are in them
	tree   *merkle.Tree // over the leaves; nil until settled
}

// settle hashes the leaves and returns their root.
func (b *bucket) settle() (fr.Element, error) {
	t, err := merkle.NewTree(journal.BucketHeight, b.leaves...)
	if err != nil {
		return fr.Element{}, err
	}
	b.tree = t
	return t.Root(), nil
}

// path is the leaf's path up to the root of the tree that the crown closes.
func (b *bucket) path(c *crown, index uint64) (merkle.Path, error) {
	p, err := b.tree.Path(index % journal.BucketSize)
	if err != nil {
		return p, err
	}
	above, err := merkle.PathOf(c, crownDepth, index/journal.BucketSize)
	return merkle.Path{Index: index, Siblings: append(p.Siblings, above.Siblings...)}, err
}

// parseBucket reads a source's answer: the leaves of a bucket.
func parseBucket(b []byte) ([]fr.Element, error) {
	if len(b) != journal.BucketSize*field.Size {
		return nil, fmt.Errorf("%d bytes are not %d leaves", len(b), journal.BucketSize)
	}
	return parseElements(b)
}

// parseElements reads field elements, 32 bytes each.
func parseElements(b []byte) ([]fr.Element, error) {
	if len(b)%field.Size != 0 {
		return nil, fmt.Errorf("%d bytes are not a run of field elements", len(b))
	}
	out := make([]fr.Element, len(b)/field.Size)
	for i := range out {
		var err error
		if out[i], err = field.Parse(b[i*field.Size : (i+1)*field.Size]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// advance brings buckets from where they stand to a later position of the log.
// It changes none that it was given.
func advance(records *shelf, from map[uint64]*bucket, to uint64) (map[uint64]*bucket, error) {
	out, least := map[uint64]*bucket{}, to
	for n, b := range from {
		out[n] = &bucket{leaves: b.leaves, at: to, tree: b.tree}
		least = min(least, b.at)
	}
	err := records.read(least, to, func(position uint64, entry []byte) error {
		r, err := journal.DecodeRecord(entry)
		if err != nil {
			return lie(ForgedEntry, "%v", err)
		}
		n := r.Index / journal.BucketSize
		b := out[n]
		if b == nil || position < from[n].at {
			return nil
		}
		if &b.leaves[0] == &from[n].leaves[0] {
			b.leaves, b.tree = append([]fr.Element(nil), b.leaves...), nil
		}
		b.leaves[r.Index%journal.BucketSize] = r.Leaf // zero in a revocation
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, b := range out {
		if b.tree == nil {
			if _, err := b.settle(); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
