package circuits_test

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
)

func keysOf(a frontend.Circuit) *circuits.HolderPart {
	switch a := a.(type) {
	case *circuits.Enrol:
		return &a.Keys
	case *circuits.Consent:
		return &a.Keys
	case *circuits.Eligibility:
		return &a.Keys
	case *circuits.Claim:
		return &a.Keys
	}
	panic("unknown circuit")
}

func TestAttack_Holder(t *testing.T) { play(t, holderAttacks) }

func holderAttacks(t testing.TB) (attacks, controls []attack) {
	attacks = []attack{
		{name: "another alpha", on: everywhere, after: func(c *circuittest.Case) { c.Witness.Holder.Alpha[31] ^= 1 }},
		{name: "another rk.x", on: everywhere, after: func(c *circuittest.Case) { c.Statement.RkX = c.Element() }},
		{name: "another rk.y", on: everywhere, after: func(c *circuittest.Case) { c.Statement.RkY = c.Element() }},
		{name: "the negative of rk", on: everywhere, after: func(c *circuittest.Case) { c.Statement.RkX.Neg(&c.Statement.RkX) }},
		{name: "another nullifier", on: everywhere, after: func(c *circuittest.Case) { c.Statement.Nullifier = c.Element() }},
		{name: "nullifier of another scope", on: everywhere, after: func(c *circuittest.Case) {
			c.Statement.Nullifier = consent.Nullifier(c.Witness.Holder.Nk, c.Element())
		}},
		{name: "a second nullifier from another nk", on: everywhere, after: func(c *circuittest.Case) {
			c.Witness.Holder.Nk = c.Element()
			c.Statement.Nullifier = consent.Nullifier(c.Witness.Holder.Nk, c.Statement.Scope)
		}},
		{name: "another holder", on: []consent.CircuitID{consent.Enrol}, after: func(c *circuittest.Case) { c.Statement.Holder = c.Element() }},
		{name: "somebody else's ak", on: everywhere, after: func(c *circuittest.Case) {
			other := circuittest.New(t, consent.Enrol, 77)
			c.Witness.Holder.AkX, c.Witness.Holder.AkY = other.Witness.Holder.AkX, other.Witness.Holder.AkY
			rk := c.Rk()
			c.Statement.RkX, c.Statement.RkY = rk.X, rk.Y
		}},
		// α + 4ℓ is another scalar for the same rk, of 254 bits.
		{name: "alpha beyond 252 bits", on: everywhere, raw: func(c *circuittest.Case, a frontend.Circuit) {
			curve := twistededwards.GetEdwardsCurve()
			alpha := new(big.Int).SetBytes(c.Witness.Holder.Alpha[:])
			keysOf(a).Alpha = alpha.Add(alpha, new(big.Int).Lsh(&curve.Order, 2))
		}},
		// The bits of 2 are not "2 and then zeros". A prover service that could say so
		// would choose the point that it adds to the patient's key, and so know the
		// secret of the sum: it could present as the patient, with its own signature.
		{name: "alpha's lowest bit is 2", on: everywhere, after: func(c *circuittest.Case) {
			h := &c.Witness.Holder
			h.Alpha = [32]byte{31: 2}
			rk := twistededwards.PointAffine{X: h.AkX, Y: h.AkY}
			base := twistededwards.GetEdwardsCurve().Base
			one := fr.One()
			base.X.Double(&base.X)
			base.Y.Double(&base.Y).Sub(&base.Y, &one)
			rk.Add(&rk, &base)
			c.Statement.RkX, c.Statement.RkY = rk.X, rk.Y
		}},
		// Everything fits the off-curve point, down to the circuit's own
		// sequence of additions, but for the curve's equation.
		{name: "ak off the curve", on: everywhere, before: func(c *circuittest.Case) { c.Witness.Holder.AkX = c.Element() },
			after: func(c *circuittest.Case) {
				rk := windows(twistededwards.PointAffine{X: c.Witness.Holder.AkX, Y: c.Witness.Holder.AkY}, c.Witness.Holder.Alpha)
				c.Statement.RkX, c.Statement.RkY = rk.X, rk.Y
			}},
	}
	controls = []attack{
		{name: "alpha 0", on: everywhere, before: func(c *circuittest.Case) { c.Witness.Holder.Alpha = [32]byte{} }},
		{name: "alpha = order", on: everywhere, before: func(c *circuittest.Case) {
			curve := twistededwards.GetEdwardsCurve()
			curve.Order.FillBytes(c.Witness.Holder.Alpha[:])
		}},
		{name: "rk neutral", on: everywhere, before: func(c *circuittest.Case) {
			curve := twistededwards.GetEdwardsCurve()
			new(big.Int).Sub(&curve.Order, c.Ask).FillBytes(c.Witness.Holder.Alpha[:])
		}},
		{name: "ak neutral", on: everywhere, before: func(c *circuittest.Case) {
			c.Witness.Holder.AkX, c.Witness.Holder.AkY = fr.Element{}, fr.One()
		}},
		{name: "the windows computed natively", on: everywhere, after: func(c *circuittest.Case) {
			rk := windows(twistededwards.PointAffine{X: c.Witness.Holder.AkX, Y: c.Witness.Holder.AkY}, c.Witness.Holder.Alpha)
			if !rk.X.Equal(&c.Statement.RkX) || !rk.Y.Equal(&c.Statement.RkY) {
				t.Error("windows is not what the circuit computes")
			}
		}},
	}
	return attacks, controls
}

// windows adds as the circuit adds, two bits of alpha at a time: off the curve
// addition is not associative, and only this order gives the circuit's rk.
func windows(sum twistededwards.PointAffine, alpha [32]byte) twistededwards.PointAffine {
	curve := twistededwards.GetEdwardsCurve()
	n := new(big.Int).SetBytes(alpha[:])
	step := curve.Base
	for i := 0; i < 252; i += 2 {
		term := twistededwards.PointAffine{Y: fr.One()}
		for range n.Bit(i) + 2*n.Bit(i+1) {
			term.Add(&term, &step)
		}
		sum.Add(&sum, &term)
		step.Double(&step)
		step.Double(&step)
	}
	return sum
}
