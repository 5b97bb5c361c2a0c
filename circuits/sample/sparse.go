package sample

import (
	"math/rand/v2"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

// sparse is a tree whose leaves lie anywhere, so that paths turn at every
// level. It starts with a few leaves that belong to nobody.
type sparse struct {
	depth int
	nodes map[[2]uint64]fr.Element
	rng   *rand.Rand
}

func newSparse(depth int, rng *rand.Rand) *sparse {
	t := &sparse{depth, map[[2]uint64]fr.Element{}, rng}
	for range 3 {
		var e fr.Element
		e.SetUint64(rng.Uint64())
		// Update fails only for an index beyond the tree.
		_, _ = merkle.Update(t, depth, []merkle.Leaf{{Index: rng.Uint64N(merkle.Capacity(depth)), Value: e}})
	}
	return t
}

func (t *sparse) Get(height int, index uint64) (fr.Element, error) {
	if v, ok := t.nodes[[2]uint64{uint64(height), index}]; ok {
		return v, nil
	}
	return merkle.Empty(height), nil
}

func (t *sparse) Set(height int, index uint64, v fr.Element) error {
	t.nodes[[2]uint64{uint64(height), index}] = v
	return nil
}

// put writes v to a free leaf.
//
// Neither it nor path fails: this tree's nodes are in memory, and the indices
// inside it.
func (t *sparse) put(v fr.Element) uint64 {
	for {
		index := t.rng.Uint64N(merkle.Capacity(t.depth))
		if old, _ := t.Get(0, index); !old.IsZero() {
			continue
		}
		_, _ = merkle.Update(t, t.depth, []merkle.Leaf{{Index: index, Value: v}})
		return index
	}
}

func (t *sparse) path(index uint64) merkle.Path {
	p, _ := merkle.PathOf(t, t.depth, index)
	return p
}

func (t *sparse) root() fr.Element {
	r, _ := t.Get(t.depth, 0)
	return r
}
