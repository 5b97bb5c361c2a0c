package registry

import (
	"bytes"
	"encoding/binary"

	"github.com/zkconsent/zkconsent/registry/journal"
)

// nodes compares every stored node of the tree with the rebuilt one.
func (c *checker) nodes() error {
	// Each layer holds the ancestors of the leaves that the newest epoch
	// includes, and nothing else.
	total := uint64(0)
	for _, l := range c.tree {
		total += uint64(len(l))
	}
	return c.scan(keyNode, total, func(_ uint64, key, value []byte) error {
		if len(key) != 9 || int(key[0]) > journal.Depth {
			return damaged("tree nodes", "not a node's place")
		}
		h, i := int(key[0]), binary.BigEndian.Uint64(key[1:])
		if i >= uint64(len(c.tree[h])) {
			return damaged("tree nodes", "layer %d has no node %d", h, i)
		}
		if b := c.tree[h][i].Bytes(); !bytes.Equal(b[:], value) {
			return damaged("tree nodes", "node %d of layer %d is not the hash of its children", i, h)
		}
		return nil
	})
}
