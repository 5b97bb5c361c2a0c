package proof

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/zkconsent/zkconsent/internal/field"
)

// PlonkSize is the length of a PLONK proof: nine compressed points of G1 and
// seven scalars.
const PlonkSize = 9*32 + (plonkValues+1)*32

// plonkValues is how many values gnark's batched opening claims in a circuit
// without commitments: of the linearised polynomial, l, r, o, s1 and s2.
const plonkValues = 6

// A part is one point or one scalar of a PLONK proof; one of the two is set.
type part struct {
	name  string
	point *bn254.G1Affine
	value *fr.Element
}

// parts lists what a PLONK proof consists of, in the order of its bytes. The
// proof must have room for its claimed values.
func parts(p *plonk.Proof) []part {
	out := make([]part, 0, PlonkSize/32)
	point := func(name string, g *bn254.G1Affine) { out = append(out, part{name: name, point: g}) }
	value := func(name string, v *fr.Element) { out = append(out, part{name: name, value: v}) }
	point("L", &p.LRO[0])
	point("R", &p.LRO[1])
	point("O", &p.LRO[2])
	point("Z", &p.Z)
	point("H0", &p.H[0])
	point("H1", &p.H[1])
	point("H2", &p.H[2])
	point("the opening", &p.BatchedProof.H)
	for i, name := range [plonkValues]string{"linearised(ζ)", "l(ζ)", "r(ζ)", "o(ζ)", "s1(ζ)", "s2(ζ)"} {
		value(name, &p.BatchedProof.ClaimedValues[i])
	}
	point("the shifted opening", &p.ZShiftedOpening.H)
	value("z(ωζ)", &p.ZShiftedOpening.ClaimedValue)
	return out
}

// EncodePlonk returns a proof's bytes. It refuses a proof with commitments, or
// with another number of claimed values, and points at infinity, none of which
// this module's circuits produce.
func EncodePlonk(p *plonk.Proof) (b [PlonkSize]byte, err error) {
	if len(p.Bsb22Commitments) != 0 {
		return b, malformed("proof", "has commitments")
	}
	if len(p.BatchedProof.ClaimedValues) != plonkValues {
		return b, malformed("proof", "has another number of claimed values")
	}
	for i, e := range parts(p) {
		at := b[32*i : 32*i+32]
		switch {
		case e.point == nil:
			v := e.value.Bytes()
			copy(at, v[:])
		case e.point.IsInfinity():
			return b, malformed(e.name, "is infinity")
		default:
			g := e.point.Bytes()
			copy(at, g[:])
		}
	}
	return b, nil
}

// DecodePlonk returns the proof that b encodes. The points are on the curve,
// whose G1 has no other subgroup, and not infinity; the scalars are below r;
// and the proof encodes to b again.
func DecodePlonk(b [PlonkSize]byte) (*plonk.Proof, error) {
	p := new(plonk.Proof)
	p.BatchedProof.ClaimedValues = make([]fr.Element, plonkValues)
	for i, e := range parts(p) {
		at := b[32*i : 32*i+32]
		if e.point != nil {
			if err := decodeG1(e.name, e.point, at); err != nil {
				return nil, err
			}
			continue
		}
		v, err := field.Parse(at)
		if err != nil {
			return nil, malformed(e.name, "is not below the field's order")
		}
		*e.value = v
	}
	return p, nil
}
