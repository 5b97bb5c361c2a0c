package merkle

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/zkconsent/zkconsent/circuits/gadget/poseidon"
	"github.com/zkconsent/zkconsent/internal/merkle"
	native "github.com/zkconsent/zkconsent/internal/poseidon"
)

const depth = 3

type member struct {
	Leaf, Root frontend.Variable
	Path       Path
}

func (c *member) Define(api frontend.API) error {
	h, err := poseidon.New(api)
	if err != nil {
		return err
	}
	AssertMember(api, h, c.Leaf, c.Path, c.Root)
	return nil
}

func compiled(t *testing.T) func(c *member) bool {
	t.Helper()
	var system constraint.ConstraintSystem
	system, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &member{Path: NewPath(depth)})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *member) bool {
		t.Helper()
		w, err := frontend.NewWitness(c, ecc.BN254.ScalarField())
		if err != nil {
			t.Fatal(err)
		}
		return system.IsSolved(w) == nil
	}
}

func random() (e fr.Element) { e.MustSetRandom(); return e }

func assigned(leaf fr.Element, p merkle.Path) *member {
	c := &member{Leaf: leaf, Root: p.Root(leaf), Path: NewPath(depth)}
	for i, s := range p.Siblings {
		c.Path.Siblings[i] = [3]frontend.Variable{s[0], s[1], s[2]}
		c.Path.Positions[i] = [2]frontend.Variable{p.Index >> (2 * i) & 1, p.Index >> (2*i + 1) & 1}
	}
	return c
}

// Every one of the 64 leaves of a tree, with the native path and no other.
func TestEqualsNativeAtEveryPosition(t *testing.T) {
	solved := compiled(t)
	leaves := make([]fr.Element, merkle.Capacity(depth))
	for i := range leaves {
		leaves[i] = random()
	}
	tree, err := merkle.NewTree(depth, leaves...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range leaves {
		p, err := tree.Path(uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		c := assigned(leaves[i], p)
		c.Root = tree.Root()
		if !solved(c) {
			t.Fatalf("leaf %d is refused", i)
		}
		p.Index ^= uint64(1 << (i % (2 * depth)))
		wrong := assigned(leaves[i], p)
		wrong.Root = tree.Root()
		if solved(wrong) {
			t.Fatalf("leaf %d is accepted at place %d", i, p.Index)
		}
	}
}

func TestAttack_PositionIsNotBits(t *testing.T) {
	solved := compiled(t)
	// All four children are equal, so that any position gives the true root:
	// only the bits' own constraints can refuse.
	leaf := random()
	p := merkle.Path{Siblings: make([][3]fr.Element, depth)}
	node := leaf
	for i := range p.Siblings {
		p.Siblings[i] = [3]fr.Element{node, node, node}
		node = native.Node(node, node, node, node)
	}
	if !solved(assigned(leaf, p)) {
		t.Fatal("the control is refused")
	}
	for level := range depth {
		for bit := range 2 {
			c := assigned(leaf, p)
			c.Path.Positions[level][bit] = 2
			if solved(c) {
				t.Errorf("bit %d of level %d may be 2", bit, level)
			}
		}
	}
}

func TestAttack_AnotherLeafOrSibling(t *testing.T) {
	solved := compiled(t)
	p := merkle.Path{Index: 0b111001, Siblings: make([][3]fr.Element, depth)}
	for i := range p.Siblings {
		p.Siblings[i] = [3]fr.Element{random(), random(), random()}
	}
	leaf := random()
	c := assigned(leaf, p)
	if !solved(c) {
		t.Fatal("the control is refused")
	}
	c.Leaf = random()
	if solved(c) {
		t.Error("another leaf")
	}
	for level := range depth {
		for k := range 3 {
			c := assigned(leaf, p)
			c.Path.Siblings[level][k] = random()
			if solved(c) {
				t.Errorf("another sibling %d of level %d", k, level)
			}
		}
	}
}
