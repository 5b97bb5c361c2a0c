package merkle

import (
	"errors"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/poseidon"
	"pgregory.net/rapid"
)

// reference is the root by recursion over all leaves, without a tree.
func reference(depth int, leaf func(uint64) fr.Element, first uint64) fr.Element {
	if depth == 0 {
		return leaf(first)
	}
	var c [4]fr.Element
	for k := range c {
		c[k] = reference(depth-1, leaf, first+uint64(k)*Capacity(depth-1))
	}
	return poseidon.Node(c[0], c[1], c[2], c[3])
}

func newTree(t interface{ Fatal(...any) }, depth int, leaves ...fr.Element) *Tree {
	tree, err := NewTree(depth, leaves...)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func drawLeaves(t *rapid.T, depth int) []Leaf {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Leaf {
		return Leaf{
			Index: rapid.Uint64Range(0, Capacity(depth)-1).Draw(t, "index"),
			Value: field.Uint(rapid.Uint64Range(0, 3).Draw(t, "value")),
		}
	}), 0, 12).Draw(t, "leaves")
}

func TestRootIsThatOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(0, 3).Draw(t, "depth")
		leaves := drawLeaves(t, depth)
		tree := newTree(t, depth)
		root, err := tree.Update(leaves)
		if err != nil {
			t.Fatal(err)
		}
		values := map[uint64]fr.Element{}
		for _, l := range leaves {
			values[l.Index] = l.Value // the last one wins
		}
		want := reference(depth, func(i uint64) fr.Element { return values[i] }, 0)
		if root != want || tree.Root() != want {
			t.Fatalf("root %s, want %s", field.Hex(root), field.Hex(want))
		}
	})
}

func TestOneBatchEqualsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(1, MaxDepth).Draw(t, "depth")
		within := min(depth, 4) // dense layers: keep indices low
		leaves := drawLeaves(t, within)
		batch, single := newTree(t, depth), newTree(t, depth)
		if _, err := batch.Update(leaves); err != nil {
			t.Fatal(err)
		}
		for _, l := range leaves {
			if _, err := single.Update([]Leaf{l}); err != nil {
				t.Fatal(err)
			}
		}
		if batch.Root() != single.Root() {
			t.Fatal("the order of updates changes the root")
		}
	})
}

// TestManyProcessorsMakeOneTree writes so many leaves at once that they are
// hashed on all processors and in several runs, and the same ones a few at a
// time.
func TestManyProcessorsMakeOneTree(t *testing.T) {
	leaves := make([]Leaf, 17_000)
	for i := range leaves {
		leaves[i] = Leaf{Index: uint64(i), Value: field.Uint(uint64(i + 1))}
	}
	once, slowly := newTree(t, MaxDepth), newTree(t, MaxDepth)
	if _, err := once.Update(leaves); err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(leaves, 101) {
		if _, err := slowly.Update(part); err != nil {
			t.Fatal(err)
		}
	}
	if once.Root() != slowly.Root() {
		t.Fatal("the number of leaves at once changes the root")
	}
}

func TestEveryPathLeadsToTheRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(1, MaxDepth).Draw(t, "depth")
		tree := newTree(t, depth)
		leaves := drawLeaves(t, min(depth, 3))
		if _, err := tree.Update(leaves); err != nil {
			t.Fatal(err)
		}
		index := rapid.Uint64Range(0, Capacity(depth)-1).Draw(t, "index")
		path, err := tree.Path(index)
		if err != nil {
			t.Fatal(err)
		}
		if len(path.Siblings) != depth || path.Index != index {
			t.Fatalf("path of %d levels for index %d", len(path.Siblings), path.Index)
		}
		if path.Root(tree.Leaf(index)) != tree.Root() {
			t.Fatal("the path does not lead to the root")
		}
		other := tree.Leaf(index)
		one := fr.One()
		other.Add(&other, &one)
		if path.Root(other) == tree.Root() {
			t.Fatal("another leaf has the same path")
		}
	})
}

// TestAttack_ForgedPath: a path for a leaf that is not there, at another
// index, or with a changed sibling leads elsewhere.
func TestAttack_ForgedPath(t *testing.T) {
	leaves := make([]fr.Element, 20)
	for i := range leaves {
		leaves[i] = field.Uint(uint64(100 + i))
	}
	tree := newTree(t, 3, leaves...)
	path, err := tree.Path(7)
	if err != nil {
		t.Fatal(err)
	}
	if path.Root(leaves[7]) != tree.Root() {
		t.Fatal("the honest path does not lead to the root")
	}
	for index := range uint64(64) {
		if moved := (Path{index, path.Siblings}); index != 7 && moved.Root(leaves[7]) == tree.Root() {
			t.Errorf("leaf 7 proves to stand at %d", index)
		}
	}
	for h := range path.Siblings {
		for k := range 3 {
			forged := Path{7, append([][3]fr.Element{}, path.Siblings...)}
			forged.Siblings[h][k] = field.Uint(1)
			if forged.Root(leaves[7]) == tree.Root() {
				t.Errorf("sibling %d of level %d is not bound", k, h)
			}
		}
	}
	short := Path{7 >> 2, path.Siblings[1:]}
	if short.Root(leaves[7]) == tree.Root() {
		t.Error("a path without its lowest level proves the leaf")
	}
}

func TestRevokedLeafIsAsIfNeverSet(t *testing.T) {
	tree := newTree(t, 4, field.Uint(5), field.Uint(6))
	before := newTree(t, 4, field.Uint(5)).Root()
	root, err := tree.Update([]Leaf{{Index: 1}})
	if err != nil || root != before || tree.Len() != 2 {
		t.Errorf("root %s, %d leaves, %v", field.Hex(root), tree.Len(), err)
	}
}

func TestEmptyRoots(t *testing.T) {
	for depth := range MaxDepth + 1 {
		if newTree(t, depth).Root() != Empty(depth) {
			t.Errorf("the empty tree of depth %d has another root", depth)
		}
	}
	if want := reference(3, func(uint64) fr.Element { return fr.Element{} }, 0); Empty(3) != want {
		t.Error("Empty(3) is not the root over 64 zeros")
	}
}

// TestRefusesLeavesBeyondCapacity: without any effect, also on the leaves of
// the same batch that would fit.
func TestRefusesLeavesBeyondCapacity(t *testing.T) {
	full := make([]fr.Element, 16)
	for i := range full {
		full[i] = field.Uint(uint64(i + 1))
	}
	tree := newTree(t, 2, full...)
	before := tree.Root()
	for _, batch := range [][]Leaf{
		{{Index: 16}},
		{{Index: 0, Value: field.Uint(99)}, {Index: 16, Value: field.Uint(1)}},
		{{Index: 1<<64 - 1}},
	} {
		if _, err := tree.Update(batch); !errors.Is(err, ErrFull) {
			t.Errorf("%v: %v", batch, err)
		}
		if tree.Root() != before || tree.Leaf(0) != full[0] || tree.Len() != 16 {
			t.Error("a refused batch changed the tree")
		}
	}
	if _, err := NewTree(2, append(full, field.Uint(17))...); !errors.Is(err, ErrFull) {
		t.Errorf("17 leaves at depth 2: %v", err)
	}
	if _, err := tree.Path(16); !errors.Is(err, ErrFull) {
		t.Errorf("path of index 16: %v", err)
	}
	if Capacity(MaxDepth) != 1<<30 {
		t.Errorf("capacity %d", Capacity(MaxDepth))
	}
}

// A brokenDisk fails after a number of calls.
type brokenDisk struct {
	*Tree
	left int
}

var errDisk = errors.New("disk")

func (d *brokenDisk) Get(h int, i uint64) (fr.Element, error) {
	if d.left--; d.left < 0 {
		return fr.Element{}, errDisk
	}
	return (*layers)(d.Tree).Get(h, i)
}

func (d *brokenDisk) Set(h int, i uint64, v fr.Element) error {
	if d.left--; d.left < 0 {
		return errDisk
	}
	return (*layers)(d.Tree).Set(h, i, v)
}

func TestStorageErrorsAreReturned(t *testing.T) {
	for calls := range 11 { // one leaf at depth 2: 1 + 2·5 calls and the root
		if _, err := Update(&brokenDisk{newTree(t, 2), calls}, 2, []Leaf{{Index: 3}}); !errors.Is(err, errDisk) {
			t.Errorf("update failing after %d calls: %v", calls, err)
		}
	}
	for calls := range 6 {
		if _, err := PathOf(&brokenDisk{newTree(t, 2), calls}, 2, 3); !errors.Is(err, errDisk) {
			t.Errorf("path failing after %d calls: %v", calls, err)
		}
	}
}
