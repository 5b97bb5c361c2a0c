// Package merkle is the arithmetic of the protocol's 4-ary trees: the
// ledger's record tree, trust lists and value sets (docs/spec.md §5). It does
// no I/O; a tree's nodes live wherever the caller's [Nodes] keeps them.
//
// # Caveats
//
// Inner nodes carry no domain tag, so a leaf layer may hold only hashes,
// authority ids and 0, never a value that somebody chose freely.
package merkle

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// MaxDepth bounds the depth of a tree: 2^30 leaves.
const MaxDepth = 15

// ErrFull reports an index beyond the last leaf of a tree of its depth.
var ErrFull = errors.New("merkle: index beyond the tree's capacity")

// Capacity is the number of leaves of a tree: 4^depth.
func Capacity(depth int) uint64 { return 1 << (2 * depth) }

var emptyRoots = sync.OnceValue(func() (e [MaxDepth + 1]fr.Element) {
	for i := 1; i <= MaxDepth; i++ {
		e[i] = poseidon.Node(e[i-1], e[i-1], e[i-1], e[i-1])
	}
	return e
})

// Empty returns the root of an empty subtree of the given height; the empty
// leaf is 0.
func Empty(height int) fr.Element { return emptyRoots()[height] }

// A Path is a leaf's proof of membership: its index, and from the leaf layer
// upwards the three siblings of each node in the order of their positions.
type Path struct {
	Index    uint64
	Siblings [][3]fr.Element
}

// Root folds the path over a leaf.
func (p Path) Root(leaf fr.Element) fr.Element {
	index := p.Index
	for _, s := range p.Siblings {
		c := Children(leaf, s, int(index&3))
		leaf = poseidon.Node(c[0], c[1], c[2], c[3])
		index >>= 2
	}
	return leaf
}

// Children puts a node among its siblings at position (0 to 3).
func Children(node fr.Element, siblings [3]fr.Element, position int) (c [4]fr.Element) {
	copy(c[:], siblings[:position])
	c[position] = node
	copy(c[position+1:], siblings[position:])
	return c
}

// A Leaf is a leaf's new value.
type Leaf struct {
	Index uint64
	Value fr.Element
}

// Nodes keeps a tree's nodes by height above the leaf layer and index within
// the layer. Get returns [Empty](height) for a node that was never set.
type Nodes interface {
	Get(height int, index uint64) (fr.Element, error)
	Set(height int, index uint64, v fr.Element) error
}

// Update writes leaves, of which the last one wins where an index recurs, and
// hashes each inner node above them once. It returns the new root. A leaf
// beyond the tree's capacity is refused before anything is written.
func Update(n Nodes, depth int, leaves []Leaf) (fr.Element, error) {
	for _, l := range leaves {
		if l.Index >= Capacity(depth) {
			return fr.Element{}, fmt.Errorf("%w: %d", ErrFull, l.Index)
		}
	}
	dirty := make([]uint64, 0, len(leaves))
	for _, l := range leaves {
		if err := n.Set(0, l.Index, l.Value); err != nil {
			return fr.Element{}, err
		}
		dirty = append(dirty, l.Index)
	}
	slices.Sort(dirty)
	for h := 1; h <= depth; h++ {
		parents := dirty[:0]
		for _, i := range dirty {
			if p := i >> 2; len(parents) == 0 || parents[len(parents)-1] != p {
				parents = append(parents, p)
			}
		}
		if err := hashLayer(n, h, parents); err != nil {
			return fr.Element{}, err
		}
		dirty = parents
	}
	return n.Get(depth, 0)
}

// hashLayer writes the given nodes of a layer anew from their children. They
// do not depend on each other: many are hashed on all processors, in runs that
// bound what is held beside the caller's nodes.
func hashLayer(n Nodes, height int, nodes []uint64) error {
	const run, worthwhile = 4096, 32
	work := make([][4]fr.Element, min(run, len(nodes)))
	for ; len(nodes) > 0; nodes = nodes[len(work):] {
		work = work[:min(len(work), len(nodes))]
		for i := range work {
			for k := range work[i] {
				var err error
				if work[i][k], err = n.Get(height-1, nodes[i]<<2|uint64(k)); err != nil {
					return err
				}
			}
		}
		workers := min(runtime.GOMAXPROCS(0), 1+len(work)/worthwhile)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < len(work); i += workers {
					work[i][0] = poseidon.Node(work[i][0], work[i][1], work[i][2], work[i][3])
				}
			})
		}
		wg.Wait()
		for i := range work {
			if err := n.Set(height, nodes[i], work[i][0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// PathOf reads the path of the leaf at index.
func PathOf(n Nodes, depth int, index uint64) (Path, error) {
	if index >= Capacity(depth) {
		return Path{}, fmt.Errorf("%w: %d", ErrFull, index)
	}
	p := Path{Index: index, Siblings: make([][3]fr.Element, depth)}
	for h := range depth {
		first, k := index&^3, 0
		for c := first; c < first+4; c++ {
			if c == index {
				continue
			}
			v, err := n.Get(h, c)
			if err != nil {
				return Path{}, err
			}
			p.Siblings[h][k] = v
			k++
		}
		index >>= 2
	}
	return p, nil
}
