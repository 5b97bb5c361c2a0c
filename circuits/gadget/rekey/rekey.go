// Package rekey proves that a public key is a holder's key, re-randomised:
// rk = ak + [α]B on BN254's twisted Edwards curve (docs/spec.md §3.1, §9.3).
//
// Multiples of B are constants, so [α]B is a sum of one of four constants for
// each pair of bits of α: seven constraints a pair.
//
// # Caveats
//
// The addition law divides without checking the divisor. That is sound because
// the law is complete here: a = −1 is a square and d is not, so for points on
// the curve no divisor is ever 0, the neutral point and equal points included.
// The gadget therefore asserts that ak is on the curve, and the package's test
// asserts both properties of a and d. ak may have a component of small order;
// verifiers check signatures with the cofactor.
package rekey

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	curve "github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/consensys/gnark-crypto/ecc/twistededwards"
	"github.com/consensys/gnark/frontend"
	gadget "github.com/consensys/gnark/std/algebra/native/twistededwards"
)

// ScalarBits is the number of bits of α: the order of B has 251.
const ScalarBits = 252

// AssertRekeyed asserts that (akX, akY) is on the curve, that alpha has at
// most [ScalarBits] bits, and that (rkX, rkY) = (akX, akY) + [alpha]B.
func AssertRekeyed(api frontend.API, akX, akY, alpha, rkX, rkY frontend.Variable) error {
	c, err := gadget.NewEdCurve(api, twistededwards.BN254)
	if err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	sum := gadget.Point{X: akX, Y: akY}
	c.AssertIsOnCurve(sum)
	bits := api.ToBinary(alpha, ScalarBits)
	step := curve.GetEdwardsCurve().Base
	for i := 0; i < ScalarBits; i += 2 {
		var double, triple curve.PointAffine
		double.Double(&step)
		triple.Add(&double, &step)
		sum = c.Add(sum, pick(api, bits[i], bits[i+1], step, double, triple))
		step.Double(&double)
	}
	api.AssertIsEqual(sum.X, rkX)
	api.AssertIsEqual(sum.Y, rkY)
	return nil
}

// pick returns the neutral point (0, 1) for bits 00 and else one, two or
// three, linear in the bits and their product.
func pick(api frontend.API, b0, b1 frontend.Variable, one, two, three curve.PointAffine) gadget.Point {
	both := api.Mul(b0, b1)
	linear := func(v0, v1, v2, v3 fr.Element) frontend.Variable {
		var d1, d2, d3 fr.Element
		d1.Sub(&v1, &v0)
		d2.Sub(&v2, &v0)
		d3.Sub(&v3, &v0)
		d3.Sub(&d3, &d1)
		d3.Sub(&d3, &d2)
		return api.Add(constant(v0), api.Mul(b0, constant(d1)), api.Mul(b1, constant(d2)), api.Mul(both, constant(d3)))
	}
	var zero fr.Element
	return gadget.Point{
		X: linear(zero, one.X, two.X, three.X),
		Y: linear(fr.One(), one.Y, two.Y, three.Y),
	}
}

func constant(v fr.Element) *big.Int { return v.BigInt(new(big.Int)) }
