package circuittest

import (
	"math/rand/v2"
	"testing"

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
func (t *sparse) put(tb testing.TB, v fr.Element) uint64 {
	tb.Helper()
	for {
		index := t.rng.Uint64N(merkle.Capacity(t.depth))
		if old, _ := t.Get(0, index); !old.IsZero() {
			continue
		}
		if _, err := merkle.Update(t, t.depth, []merkle.Leaf{{Index: index, Value: v}}); err != nil {
			tb.Fatal(err)
		}
		return index
	}
}

func (t *sparse) path(tb testing.TB, index uint64) merkle.Path {
	tb.Helper()
	p, err := merkle.PathOf(t, t.depth, index)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func (t *sparse) root() fr.Element {
	r, _ := t.Get(t.depth, 0)
	return r
}
