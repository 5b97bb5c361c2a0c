// Package poseidon is the protocol's hash inside a circuit: the counterpart
// of internal/poseidon, constraint for value (docs/spec.md §2.2, §2.3).
//
// # Caveats
//
// As outside the circuit, [Hasher.Node] carries no tag: no leaf layer of a
// tree may hold a value that a prover can choose freely. A hash of a record's
// leaf or of an interval always goes through [Hasher.Sum] first.
package poseidon

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/permutation/poseidon2"
	native "github.com/zkconsent/zkconsent/internal/poseidon"
)

// A Hasher holds the two permutations of one circuit.
type Hasher struct {
	api          frontend.API
	narrow, wide *poseidon2.Permutation
}

// New returns a Hasher for a circuit over the scalar field of BN254.
func New(api frontend.API) (*Hasher, error) {
	narrow, err := poseidon2.NewPoseidon2FromParameters(api, native.NarrowWidth, native.NarrowFullRounds, native.NarrowPartialRounds)
	if err != nil {
		return nil, fmt.Errorf("poseidon: narrow permutation: %w", err)
	}
	wide, err := poseidon2.NewPoseidon2FromParameters(api, native.WideWidth, native.WideFullRounds, native.WidePartialRounds)
	if err != nil {
		return nil, fmt.Errorf("poseidon: wide permutation: %w", err)
	}
	return &Hasher{api, narrow, wide}, nil
}

// Sum is H(tag; inputs) with 264 constraints for up to three inputs and 555
// for up to fifteen. More inputs are a programming error and panic.
func (h *Hasher) Sum(tag fr.Element, inputs ...frontend.Variable) frontend.Variable {
	permutation, width := h.narrow, native.NarrowWidth
	if len(inputs) >= native.NarrowWidth {
		permutation, width = h.wide, native.WideWidth
	}
	if len(inputs) >= width {
		panic("poseidon: too many inputs")
	}
	state := make([]frontend.Variable, width)
	state[0] = tag
	for i := 1; i < width; i++ {
		state[i] = 0
	}
	copy(state[1:], inputs)
	return h.compress(permutation, state)
}

// Node is the parent of four children of a 4-ary tree.
func (h *Hasher) Node(children [4]frontend.Variable) frontend.Variable {
	return h.compress(h.narrow, append([]frontend.Variable(nil), children[:]...))
}

// compress overwrites state.
func (h *Hasher) compress(p *poseidon2.Permutation, state []frontend.Variable) frontend.Variable {
	first := state[0]
	if err := p.Permutation(state); err != nil {
		panic("poseidon: " + err.Error()) // only the width can be wrong, and it is a constant
	}
	return h.api.Add(state[0], first)
}
