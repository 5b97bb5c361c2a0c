package redsig

import (
	"math/big"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
)

// digits is the number of signed digits of a secret scalar: made odd, it is
// below 2ℓ and so below 2^252.
const digits = 252

// multiplySecret is [s]B with the same sequence of field operations for every
// s: s is made odd by adding ℓ if it is even, and an odd number below 2^252
// has 252 digits that are all 1 or −1. So no digit is 0, no step is left out,
// and the accumulator is never the neutral element, on which gnark-crypto's
// negation would branch.
func multiplySecret(s Scalar) Point {
	b := base().p
	var minusX fr.Element
	minusX.Neg(&b.X)

	n := makeOdd(s.l)
	var acc twistededwards.PointExtended
	acc.FromAffine(&b)
	for i := digits - 1; i > 0; i-- {
		acc.Double(&acc)
		term := twistededwards.PointAffine{Y: b.Y}
		term.X.Select(int(n[i/64]>>(i%64)&1), &minusX, &b.X)
		acc.MixedAdd(&acc, &term)
	}
	var p Point
	inverse := invert(&acc.Z)
	p.p.X.Mul(&acc.X, &inverse)
	p.p.Y.Mul(&acc.Y, &inverse)
	return p
}

// makeOdd adds ℓ, which is odd, to an even number below ℓ.
func makeOdd(a [4]uint64) [4]uint64 {
	mask := (a[0] & 1) - 1 // all ones when even
	var carry uint64
	for i := range a {
		a[i], carry = bits.Add64(a[i], order[i]&mask, carry)
	}
	return a
}

// invert is z^(p−2): unlike Element.Inverse its steps do not depend on z, and
// z, a projective coordinate, tells something about the scalar.
func invert(z *fr.Element) (inverse fr.Element) {
	exponent := fr.Modulus()
	exponent.Sub(exponent, big.NewInt(2))
	inverse.Exp(*z, exponent)
	return inverse
}
