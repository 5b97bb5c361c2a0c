package merkle

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// A Tree keeps its nodes in memory, the layers dense from index 0. The zero
// Tree is not usable; see [NewTree].
type Tree struct {
	depth  int
	layers [][]fr.Element
}

// NewTree returns a tree of the given depth with leaves at indices 0, 1, ….
func NewTree(depth int, leaves ...fr.Element) (*Tree, error) {
	t := &Tree{depth: depth, layers: make([][]fr.Element, depth+1)}
	changes := make([]Leaf, len(leaves))
	for i, v := range leaves {
		changes[i] = Leaf{uint64(i), v}
	}
	if _, err := t.Update(changes); err != nil {
		return nil, err
	}
	return t, nil
}

// Root returns the tree's root.
func (t *Tree) Root() fr.Element {
	r, _ := (*layers)(t).Get(t.depth, 0)
	return r
}

// Len is one more than the highest index that was ever set.
func (t *Tree) Len() uint64 { return uint64(len(t.layers[0])) }

// Leaf returns the leaf at index, 0 where none was set.
func (t *Tree) Leaf(index uint64) fr.Element {
	v, _ := (*layers)(t).Get(0, index)
	return v
}

// Update writes leaves and returns the new root; see the function [Update].
// The memory used grows with the highest index: callers bound it.
func (t *Tree) Update(leaves []Leaf) (fr.Element, error) {
	return Update((*layers)(t), t.depth, leaves)
}

// Path returns the path of the leaf at index.
func (t *Tree) Path(index uint64) (Path, error) {
	return PathOf((*layers)(t), t.depth, index)
}

// layers is a Tree's face towards the arithmetic.
type layers Tree

func (t *layers) Get(height int, index uint64) (fr.Element, error) {
	if l := t.layers[height]; index < uint64(len(l)) {
		return l[index], nil
	}
	return Empty(height), nil
}

func (t *layers) Set(height int, index uint64, v fr.Element) error {
	for uint64(len(t.layers[height])) <= index {
		t.layers[height] = append(t.layers[height], Empty(height))
	}
	t.layers[height][index] = v
	return nil
}
