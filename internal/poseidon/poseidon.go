// Package poseidon is the algebraic hash of the protocol: Poseidon2 over the
// scalar field of BN254 with the HorizenLabs constants, in two widths, and
// the tagged hash and the tree node built on it (docs/spec.md §2.2, §2.3).
//
// # Caveats
//
// [Node] carries no tag: it is safe only because no leaf layer of any tree
// holds a value that somebody can choose freely (docs/spec.md §5).
package poseidon

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/poseidon2"
)

// The two widths and their numbers of full and partial rounds.
const (
	NarrowWidth         = 4
	NarrowFullRounds    = 8
	NarrowPartialRounds = 56

	WideWidth         = 16
	WideFullRounds    = 8
	WidePartialRounds = 57

	// MaxInputs is the largest number of inputs of [Sum]: lane 0 is the tag.
	MaxInputs = WideWidth - 1
)

// The permutations are built on first use, since deriving the narrow one's
// parameters takes longer than a version flag should.
var (
	narrow = sync.OnceValue(func() *poseidon2.Permutation {
		return poseidon2.NewPermutation(NarrowWidth, NarrowFullRounds, NarrowPartialRounds)
	})
	wide = sync.OnceValue(func() *poseidon2.Permutation {
		return poseidon2.NewPermutation(WideWidth, WideFullRounds, WidePartialRounds)
	})
)

// Sum is the tagged hash H(tag; inputs): the narrow permutation for up to
// three inputs, the wide one for up to fifteen, unused lanes 0, and lane 0
// fed forward. More inputs are a programming error and panic.
func Sum(tag fr.Element, inputs ...fr.Element) fr.Element {
	if len(inputs) < NarrowWidth {
		var s [NarrowWidth]fr.Element
		s[0] = tag
		copy(s[1:], inputs)
		return compress(narrow(), s[:])
	}
	if len(inputs) > MaxInputs {
		panic("poseidon: too many inputs")
	}
	var s [WideWidth]fr.Element
	s[0] = tag
	copy(s[1:], inputs)
	return compress(wide(), s[:])
}

// Node is the parent of four children of a 4-ary tree.
func Node(a, b, c, d fr.Element) fr.Element {
	s := [NarrowWidth]fr.Element{a, b, c, d}
	return compress(narrow(), s[:])
}

func compress(p *poseidon2.Permutation, state []fr.Element) fr.Element {
	first := state[0]
	if err := p.Permutation(state); err != nil {
		panic("poseidon: " + err.Error()) // only the width can be wrong, and it is a constant
	}
	var out fr.Element
	out.Add(&state[0], &first)
	return out
}
