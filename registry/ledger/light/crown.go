package light

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// crownDepth is the depth of the tree over the roots of buckets.
const crownDepth = journal.Depth - journal.BucketHeight

// A crown is the part of the record tree above the buckets: at height 0 their
// roots, one for each bucket with a leaf. It is a merkle.Nodes of crownDepth.
type crown [crownDepth + 1][]fr.Element

func (c *crown) Get(height int, index uint64) (fr.Element, error) {
	if l := c[height]; index < uint64(len(l)) {
		return l[index], nil
	}
	return merkle.Empty(height + journal.BucketHeight), nil
}

func (c *crown) Set(height int, index uint64, v fr.Element) error {
	for uint64(len(c[height])) <= index {
		c[height] = append(c[height], merkle.Empty(height+journal.BucketHeight))
	}
	c[height][index] = v
	return nil
}

// buckets is how many buckets have a leaf.
func (c *crown) buckets() uint64 { return uint64(len(c[0])) }

// newCrown hashes the roots of the first buckets.
func newCrown(roots []fr.Element) (*crown, error) {
	c := &crown{}
	leaves := make([]merkle.Leaf, len(roots))
	for i, r := range roots {
		leaves[i] = merkle.Leaf{Index: uint64(i), Value: r}
	}
	_, err := merkle.Update(c, crownDepth, leaves)
	return c, err
}

// A patch is a crown with changes that are not taken over yet.
type patch struct {
	on    *crown
	nodes map[place]fr.Element
}

type place struct {
	height int
	index  uint64
}

func newPatch(on *crown) *patch { return &patch{on: on, nodes: map[place]fr.Element{}} }

func (p *patch) Get(height int, index uint64) (fr.Element, error) {
	if v, ok := p.nodes[place{height, index}]; ok {
		return v, nil
	}
	return p.on.Get(height, index)
}

func (p *patch) Set(height int, index uint64, v fr.Element) error {
	p.nodes[place{height, index}] = v
	return nil
}

// change puts in the roots of buckets that a close has changed and returns the
// tree's root.
func (p *patch) change(list []journal.Change) (fr.Element, error) {
	leaves := make([]merkle.Leaf, len(list))
	for i, c := range list {
		leaves[i] = merkle.Leaf{Index: c.Bucket, Value: c.Root}
	}
	return merkle.Update(p, crownDepth, leaves)
}

// root is the root of one bucket.
func (p *patch) root(bucket uint64) fr.Element {
	v, _ := p.Get(0, bucket)
	return v
}

// buckets is how many there are once the patch is taken over.
func (p *patch) buckets() uint64 {
	n := p.on.buckets()
	for at := range p.nodes {
		if at.height == 0 {
			n = max(n, at.index+1)
		}
	}
	return n
}

// apply takes the changes over.
func (p *patch) apply() {
	for at, v := range p.nodes {
		_ = p.on.Set(at.height, at.index, v) // of memory: it cannot fail
	}
	clear(p.nodes)
}
