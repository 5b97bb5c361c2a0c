package predicate

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
)

// binary applies a gadget of two wires.
type binary struct {
	A, B   frontend.Variable
	assert func(api frontend.API, a, b frontend.Variable, n int)
	n      int
}

func (c *binary) Define(api frontend.API) error {
	c.assert(api, c.A, c.B, c.n)
	return nil
}

func compile(t *testing.T, c frontend.Circuit) constraint.ConstraintSystem {
	t.Helper()
	s, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func solved(t *testing.T, s constraint.ConstraintSystem, c frontend.Circuit) bool {
	t.Helper()
	w, err := frontend.NewWitness(c, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	return s.IsSolved(w) == nil
}

// All pairs of 4 bits, and what lies just beyond them.
func TestSubsetOnAllPairs(t *testing.T) {
	const n = 4
	s := compile(t, &binary{assert: AssertSubset, n: n})
	for a := range 1<<n + 2 {
		for b := range 1<<n + 2 {
			want := a < 1<<n && b < 1<<n && a&^b == 0
			if got := solved(t, s, &binary{A: a, B: b}); got != want {
				t.Errorf("%b in %b: %v", a, b, got)
			}
		}
	}
}

func TestAtMostOnAllPairs(t *testing.T) {
	const n = 4
	s := compile(t, &binary{assert: AssertAtMost, n: n})
	for a := range 1 << n {
		for b := range 1 << n {
			if got := solved(t, s, &binary{A: a, B: b}); got != (a <= b) {
				t.Errorf("%d at most %d: %v", a, b, got)
			}
		}
	}
}

type within struct{ Lo, Value, Hi frontend.Variable }

func (c *within) Define(api frontend.API) error {
	AssertWithin(api, c.Lo, c.Value, c.Hi, ValueBits)
	return nil
}

// Field elements of every sort against bounds of 64 bits.
func TestWithinAtTheEdges(t *testing.T) {
	s := compile(t, &within{})
	pow := func(n uint, add int64) *big.Int {
		v := new(big.Int).Lsh(big.NewInt(1), n)
		return v.Add(v, big.NewInt(add))
	}
	r := ecc.BN254.ScalarField()
	below := func(n int64) *big.Int { return new(big.Int).Sub(r, big.NewInt(n)) }
	bounds := []*big.Int{big.NewInt(0), big.NewInt(1), pow(63, -1), pow(63, 0), pow(63, 1), pow(64, -2), pow(64, -1)}
	values := append([]*big.Int{pow(64, 0), pow(64, 1), pow(65, -2), pow(65, 0), pow(128, 0), below(1), below(2),
		new(big.Int).Sub(r, pow(64, 0)), new(big.Int).Sub(r, pow(64, -1))}, bounds...)
	for _, lo := range bounds {
		for _, hi := range bounds {
			for _, v := range values {
				want := lo.Cmp(v) <= 0 && v.Cmp(hi) <= 0
				if got := solved(t, s, &within{lo, v, hi}); got != want {
					t.Errorf("%s in [%s, %s]: %v", v, lo, hi, got)
				}
			}
		}
	}
}

type slotted struct {
	Choice, Attributes [3]frontend.Variable
	Mask, Value, Slot  frontend.Variable
}

func (c *slotted) Define(api frontend.API) error {
	v, k := AssertSlot(api, c.Choice[:], c.Mask, c.Attributes[:])
	api.AssertIsEqual(v, c.Value)
	api.AssertIsEqual(k, c.Slot)
	return nil
}

// Every choice of entries −1, 0, 1, 2 under every mask: one-hot inside the
// mask passes, and nothing else, whatever value the prover names.
func TestSlotOnAllChoices(t *testing.T) {
	s := compile(t, &slotted{})
	attributes := [3]int{7, 11, 13}
	for mask := range 9 {
		for code := range 64 {
			e := [3]int{code%4 - 1, code/4%4 - 1, code/16 - 1}
			hot, value, slot, ok := 0, 0, 0, mask < 8
			for i, x := range e {
				value += x * attributes[i]
				slot += x * i
				switch {
				case x == 1:
					hot++
					ok = ok && mask>>i&1 == 1
				case x != 0:
					ok = false
				}
			}
			want := ok && hot == 1
			c := &slotted{Mask: mask, Value: value, Slot: slot}
			for i := range e {
				c.Choice[i], c.Attributes[i] = e[i], attributes[i]
			}
			if got := solved(t, s, c); got != want {
				t.Errorf("choice %v under mask %b: %v", e, mask, got)
			}
		}
	}
}

type linked struct{ Flag, Off, Slot, First frontend.Variable }

func (c *linked) Define(api frontend.API) error {
	AssertLink(api, c.Flag, c.Off, c.Slot, c.First, 10)
	return nil
}

func TestLinkOnAllDistances(t *testing.T) {
	s := compile(t, &linked{})
	for flag := range 3 {
		for first := range 11 {
			for slot := range 11 {
				for _, off := range []int{0, slot - first + 10, slot - first + 11} {
					want := flag == 0 || flag == 1 && off == slot-first+10
					if got := solved(t, s, &linked{flag, off, slot, first}); got != want {
						t.Error(fmt.Sprint("flag ", flag, " off ", off, " slot ", slot, " first ", first, ": ", got))
					}
				}
			}
		}
	}
}
