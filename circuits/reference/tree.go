package reference

import "github.com/zkconsent/zkconsent/internal/poseidon"

// A Path leads from a leaf of a 4-ary tree to the root, the leaf's level
// first (docs/spec.md §5).
type Path []Level

// A Level tells which child of its parent a node is, p_0 + 2·p_1, and the
// three other children in their order.
type Level struct {
	Position [2]Element
	Siblings [3]Element
}

// positionsAreBits reports that no level has a position but 0 … 3.
func (p Path) positionsAreBits() bool {
	for _, level := range p {
		if !isBit(level.Position[0]) || !isBit(level.Position[1]) {
			return false
		}
	}
	return true
}

// root climbs from a leaf to the top.
func (p Path) root(node Element) Element {
	for _, level := range p {
		place := 0
		for k, bit := range level.Position {
			if !bit.IsZero() {
				place += 1 << k
			}
		}
		var children [4]Element
		children[place] = node
		for k, sibling := range level.Siblings {
			if k >= place {
				k++
			}
			children[k] = sibling
		}
		node = poseidon.Node(children[0], children[1], children[2], children[3])
	}
	return node
}

// member asserts that the leaf stands in the tree of the depth and root.
func (l *list) member(name string, leaf func() Element, p Path, depth int, root Element) {
	l.assert(name+": positions are bits", p.positionsAreBits)
	l.assert(name+": path to the root", func() bool { return len(p) == depth && p.root(leaf()) == root })
}

// trusted asserts that the authority stands in a trust list, and not as one
// of its empty places.
func (l *list) trusted(name string, authority Element, p Path, root Element) {
	l.assert(name+": not 0", func() bool { return !authority.IsZero() })
	l.member(name, func() Element { return authority }, p, TrustDepth, root)
}
