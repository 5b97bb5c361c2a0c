package rekey

import (
	"crypto/rand"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	curve "github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
)

type rekeyed struct{ AkX, AkY, Alpha, RkX, RkY frontend.Variable }

func (c *rekeyed) Define(api frontend.API) error {
	return AssertRekeyed(api, c.AkX, c.AkY, c.Alpha, c.RkX, c.RkY)
}

// What makes the unchecked divisions sound: a = −1 is a square and d is not.
func TestAdditionLawIsComplete(t *testing.T) {
	c := curve.GetEdwardsCurve()
	minusOne := fr.One()
	minusOne.Neg(&minusOne)
	if !c.A.Equal(&minusOne) {
		t.Errorf("a = %s", c.A.String())
	}
	if c.A.Legendre() != 1 {
		t.Error("a is not a square")
	}
	if c.D.Legendre() != -1 {
		t.Error("d is a square")
	}
	if n := c.Order.BitLen(); n > ScalarBits {
		t.Errorf("the order has %d bits", n)
	}
	var p curve.PointAffine
	if p.ScalarMultiplication(&c.Base, &c.Order); !p.IsZero() {
		t.Error("the base point has another order")
	}
}

func TestEqualsNative(t *testing.T) {
	system, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &rekeyed{})
	if err != nil {
		t.Fatal(err)
	}
	solved := func(ak curve.PointAffine, alpha *big.Int, rk curve.PointAffine) bool {
		w, err := frontend.NewWitness(&rekeyed{ak.X, ak.Y, alpha, rk.X, rk.Y}, ecc.BN254.ScalarField())
		if err != nil {
			t.Fatal(err)
		}
		return system.IsSolved(w) == nil
	}
	c := curve.GetEdwardsCurve()
	top := new(big.Int).Lsh(big.NewInt(1), ScalarBits)
	random := func() *big.Int {
		n, err := rand.Int(rand.Reader, top)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	neutral := curve.PointAffine{Y: fr.One()}
	minusOne := fr.One()
	minusOne.Neg(&minusOne)
	torsion := curve.PointAffine{Y: minusOne} // (0, −1) has order 2
	points := map[string]curve.PointAffine{"base": c.Base, "neutral": neutral, "order 2": torsion}
	var ak curve.PointAffine
	points["random"] = *ak.ScalarMultiplication(&c.Base, random())
	var twisted curve.PointAffine
	points["random with torsion"] = *twisted.Add(&ak, &torsion)
	scalars := map[string]*big.Int{
		"0": big.NewInt(0), "1": big.NewInt(1), "3": big.NewInt(3), "order - 1": new(big.Int).Sub(&c.Order, big.NewInt(1)),
		"order": &c.Order, "2^252 - 1": new(big.Int).Sub(top, big.NewInt(1)), "random": random(),
	}
	for pointName, ak := range points {
		for scalarName, alpha := range scalars {
			var rk curve.PointAffine
			rk.ScalarMultiplication(&c.Base, alpha)
			rk.Add(&rk, &ak)
			if !solved(ak, alpha, rk) {
				t.Errorf("%s + [%s]B is refused", pointName, scalarName)
			}
			rk.Add(&rk, &c.Base)
			if solved(ak, alpha, rk) {
				t.Errorf("%s + [%s]B may be one B more", pointName, scalarName)
			}
		}
	}
	if solved(c.Base, top, c.Base) {
		t.Error("an alpha of 253 bits is accepted")
	}
}
