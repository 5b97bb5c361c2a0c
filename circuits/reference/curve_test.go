package reference

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"pgregory.net/rapid"
)

func TestCurveIsGnarkCryptos(t *testing.T) {
	c := twistededwards.GetEdwardsCurve()
	if curveA != c.A || curveD != c.D || base != (Point{c.Base.X, c.Base.Y}) {
		t.Error("a constant differs")
	}
	if curveA.Legendre() != 1 || curveD.Legendre() != -1 {
		t.Error("the law would have exceptions")
	}
	var order Element
	order.SetBigInt(&c.Order)
	if multiple(order) != (Point{Y: fr.One()}) {
		t.Error("[ℓ]B is not the neutral point")
	}
}

// Points of the subgroup, moved by a point of order 2 or 4 or not at all.
func TestLawIsGnarkCryptos(t *testing.T) {
	c := twistededwards.GetEdwardsCurve()
	var i, minus Element
	minus.SetInt64(-1)
	if i.Sqrt(&minus) == nil {
		t.Fatal("−1 has no square root")
	}
	// (1/√a, 0) has order 4, and a = −1.
	torsion := []twistededwards.PointAffine{{Y: fr.One()}, {Y: minus}, {X: *i.Inverse(&i)}}
	point := func(t *rapid.T) (p twistededwards.PointAffine) {
		n := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "scalar")
		p.ScalarMultiplication(&c.Base, new(big.Int).SetBytes(n))
		q := rapid.SampledFrom(torsion).Draw(t, "torsion")
		return *p.Add(&p, &q)
	}
	rapid.Check(t, func(t *rapid.T) {
		p, q := point(t), point(t)
		mixed := twistededwards.PointAffine{X: q.X, Y: p.Y}
		if !(Point{p.X, p.Y}).onCurve() || (Point{mixed.X, mixed.Y}).onCurve() != mixed.IsOnCurve() {
			t.Fatal("on the curve, or not")
		}
		want := new(twistededwards.PointAffine).Add(&p, &q)
		if add(Point{p.X, p.Y}, Point{q.X, q.Y}) != (Point{want.X, want.Y}) {
			t.Fatal("the sum differs")
		}
		var n Element
		n.SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "n"))
		want.ScalarMultiplication(&c.Base, n.BigInt(new(big.Int)))
		if multiple(n) != (Point{want.X, want.Y}) {
			t.Fatal("the multiple differs")
		}
	})
}
