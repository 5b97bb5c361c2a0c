package circuits

import (
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
)

// A constraint L·R = O says the same with L and R exchanged, but costs the
// prover differently: each wire that occurs on some R side is a term of the
// multi-exponentiation for B, which Groth16 computes in G1 and in G2, and a
// wire on some L side is one for A, in G1 alone. gnark puts the shorter side
// on R; what counts is how many distinct wires are there at all.
//
// The choice is part of the constraint system and so of every key made for
// it. It is made before setup, once, by a search that depends on nothing but
// the system.

// Costs of a wire on each side, in tenths of a G1 term. A G2 term takes two
// to three times as long.
const (
	costL     = 10
	costR     = 30
	maxPasses = 8
)

// SideCounts returns the number of distinct wires on the L and on the R sides
// of a system's constraints.
func SideCounts(system *cs.R1CS) (l, r int) {
	onL, onR := map[uint32]bool{}, map[uint32]bool{}
	for _, c := range sided(system) {
		for _, w := range c.left() {
			onL[w] = true
		}
		for _, w := range c.right() {
			onR[w] = true
		}
	}
	return len(onL), len(onR)
}

// chooseSides exchanges L and R where that lowers the total cost of the wires
// on either side, until nothing is left to gain or maxPasses are over.
func chooseSides(system *cs.R1CS) {
	constraints := sided(system)
	wires := system.GetNbPublicVariables() + system.GetNbSecretVariables() + system.GetNbInternalVariables()
	s := sides{onL: make([]int, wires), onR: make([]int, wires)}
	for _, c := range constraints {
		s.count(c, 1)
	}
	for range maxPasses {
		changed := false
		for _, c := range constraints {
			before := s.cost(c)
			s.exchange(c)
			if s.cost(c) < before {
				changed = true
			} else {
				s.exchange(c)
			}
		}
		if !changed {
			return
		}
	}
}

// sides counts for each wire in how many constraints it is on each side.
type sides struct{ onL, onR []int }

func (s *sides) count(c r1c, by int) {
	for _, w := range c.left() {
		s.onL[w] += by
	}
	for _, w := range c.right() {
		s.onR[w] += by
	}
}

// cost is that of the wires of c alone: no other wire's cost depends on how c
// lies. A wire that occurs twice in c is counted twice, before and after alike.
func (s *sides) cost(c r1c) (total int) {
	for _, side := range [][]uint32{c.left(), c.right()} {
		for _, w := range side {
			if s.onL[w] > 0 {
				total += costL
			}
			if s.onR[w] > 0 {
				total += costR
			}
		}
	}
	return total
}

func (s *sides) exchange(c r1c) {
	s.count(c, -1)
	c.exchange()
	s.count(c, 1)
}

// An r1c is one constraint in gnark's generic R1CS blueprint, in place: the
// length of the whole, the numbers of terms of L, R and O, and then the terms,
// each a coefficient id and a wire id.
type r1c struct{ data []uint32 }

const (
	r1cHeader = 4
	r1cLeft   = 1
	r1cRight  = 2
)

// sided returns the constraints of a system; instructions that are not
// constraints (hints) and blueprints of other kinds are left alone.
func sided(system *cs.R1CS) []r1c {
	var out []r1c
	for _, packed := range system.Instructions {
		if _, ok := system.Blueprints[packed.BlueprintID].(*constraint.BlueprintGenericR1C); !ok {
			continue
		}
		out = append(out, r1c{data: packed.Unpack(&system.System).Calldata})
	}
	return out
}

func wires(terms []uint32) []uint32 {
	out := make([]uint32, 0, len(terms)/2)
	for i := 1; i < len(terms); i += 2 {
		out = append(out, terms[i])
	}
	return out
}

func (c r1c) left() []uint32 {
	n := 2 * int(c.data[r1cLeft])
	return wires(c.data[r1cHeader : r1cHeader+n])
}

func (c r1c) right() []uint32 {
	l, n := 2*int(c.data[r1cLeft]), 2*int(c.data[r1cRight])
	return wires(c.data[r1cHeader+l : r1cHeader+l+n])
}

func (c r1c) exchange() {
	l, n := 2*int(c.data[r1cLeft]), 2*int(c.data[r1cRight])
	terms := c.data[r1cHeader : r1cHeader+l+n]
	left := append([]uint32(nil), terms[:l]...)
	copy(terms, terms[l:])
	copy(terms[n:], left)
	c.data[r1cLeft], c.data[r1cRight] = c.data[r1cRight], c.data[r1cLeft]
}
