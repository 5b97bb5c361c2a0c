// Package merkle proves that a value is a leaf of a 4-ary tree: the
// counterpart of internal/merkle (docs/spec.md §5).
//
// # Caveats
//
// The depth is the length of the path, which the circuit fixes: a path of
// another length would let an inner node pass as a leaf. Callers hash what
// they look up with a tag of its own before it comes here.
package merkle

import (
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits/gadget/poseidon"
)

// A Path is a private proof of membership: for each level, from the leaves
// upwards, the three siblings in the order of their positions and the two
// bits of the node's own position, low bit first.
type Path struct {
	Siblings  [][3]frontend.Variable
	Positions [][2]frontend.Variable
}

// NewPath returns a path of the given depth without values.
func NewPath(depth int) Path {
	return Path{make([][3]frontend.Variable, depth), make([][2]frontend.Variable, depth)}
}

// AssertMember asserts that leaf is under root.
func AssertMember(api frontend.API, h *poseidon.Hasher, leaf frontend.Variable, p Path, root frontend.Variable) {
	for i := range p.Siblings {
		leaf = h.Node(Children(api, leaf, p.Siblings[i], p.Positions[i]))
	}
	api.AssertIsEqual(leaf, root)
}

// Children puts a node among its siblings at the position whose bits are
// given, and asserts that these are bits. Whatever the position, the four
// children are the node and its siblings, each once.
func Children(api frontend.API, node frontend.Variable, s [3]frontend.Variable, position [2]frontend.Variable) [4]frontend.Variable {
	b0, b1 := position[0], position[1]
	api.AssertIsBoolean(b0)
	api.AssertIsBoolean(b1)
	// is0 … is3 tell the position; their sum is 1 by construction.
	is3 := api.Mul(b0, b1)
	is1 := api.Sub(b0, is3)
	is0 := api.Sub(api.Add(1, is3), b0, b1)
	c0 := api.Add(s[0], api.Mul(is0, api.Sub(node, s[0])))
	c3 := api.Add(s[2], api.Mul(is3, api.Sub(node, s[2])))
	c1 := api.Add(s[1], api.Mul(is0, api.Sub(s[0], s[1])), api.Mul(is1, api.Sub(node, s[1])))
	// The remaining child is what the others leave over: no multiplication.
	c2 := api.Sub(api.Add(node, s[0], s[1], s[2]), c0, c1, c3)
	return [4]frontend.Variable{c0, c1, c2, c3}
}
