// Package predicate holds the comparisons of the circuits: order, subset,
// the choice of an attribute slot, ranges, links and value sets (docs/spec.md
// §9.3).
//
// # Caveats
//
// Bounds that are public inputs are integers of a known width because the
// verifier forms them from typed integers; they are not checked again here.
// A gadget that relies on that says so.
package predicate

import (
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"
)

// AssertAtMost asserts that b − a, in the field, is an integer below 2^n. For
// a and b below 2^n that is a ≤ b. If only one of them is known to be below
// 2^n, the other lies within 2^n of it, on the right side.
func AssertAtMost(api frontend.API, a, b frontend.Variable, n int) {
	api.ToBinary(api.Sub(b, a), n)
}

// AssertWithin asserts lo ≤ value ≤ hi for lo and hi below 2^n and any field
// element value: value = lo + d leaves lo ≤ value < 2^(n+1) as an integer, and
// then hi − value is not negative. 2^n and r − 1 are refused like the rest.
func AssertWithin(api frontend.API, lo, value, hi frontend.Variable, n int) {
	AssertAtMost(api, lo, value, n)
	AssertAtMost(api, value, hi, n)
}

// AssertSubset asserts that every bit of a is a bit of b, and that both have
// at most n bits: a is the sum of the bits that a and b share. One sum in
// place of n equations saves n constraints, and says the same, since a bit of
// a that b lacks would leave the sum short.
func AssertSubset(api frontend.API, a, b frontend.Variable, n int) {
	s, t := api.ToBinary(a, n), api.ToBinary(b, n)
	shared := make([]frontend.Variable, n)
	for i := range shared {
		shared[i] = api.Mul(s[i], t[i])
	}
	api.AssertIsEqual(bits.FromBinary(api, shared, bits.WithUnconstrainedInputs()), a)
}
