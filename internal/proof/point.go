package proof

import (
	"bytes"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// gnark-crypto's flags in the first byte of a point.
const (
	flagMask     = 0xc0
	flagRaw      = 0x00
	flagInfinity = 0x40
)

// The reasons for which bytes are refused as a point, after the point's name.
const (
	notCompressed = "is not compressed"
	isInfinity    = "is infinity"
	coordinates   = "is infinity and has a coordinate"
	beyondModulus = "has a coordinate that is not below p"
	offCurve      = "is on no point of the curve"
	outside       = "is outside the subgroup"
	secondForm    = "is not in canonical form"
)

// pointG1 reads the one encoding of a point of G1 other than infinity. The
// reason is empty when b is that.
func pointG1(p *bn254.G1Affine, b []byte) (reason string) {
	if reason := refuseFlags(b); reason != "" {
		return reason
	}
	if n, err := p.SetBytes(b); err != nil || n != len(b) {
		return offCurve // G1 is the whole curve
	}
	if again := p.Bytes(); !bytes.Equal(again[:], b) {
		return secondForm
	}
	return ""
}

// pointG2 is pointG1 for G2.
func pointG2(p *bn254.G2Affine, b []byte) (reason string) {
	if reason := refuseFlags(b); reason != "" {
		return reason
	}
	if n, err := p.SetBytes(b); err != nil || n != len(b) {
		if bn254.NewDecoder(bytes.NewReader(b), bn254.NoSubgroupChecks()).Decode(p) == nil {
			return outside
		}
		return offCurve
	}
	if again := p.Bytes(); !bytes.Equal(again[:], b) {
		return secondForm
	}
	return ""
}

// refuseFlags looks at what can be told without arithmetic on the curve.
func refuseFlags(b []byte) (reason string) {
	x := bytes.Clone(b)
	x[0] &^= flagMask
	switch b[0] & flagMask {
	case flagRaw:
		return notCompressed
	case flagInfinity:
		if len(bytes.Trim(x, "\x00")) != 0 {
			return coordinates
		}
		return isInfinity
	}
	for ; len(x) > 0; x = x[fp.Bytes:] {
		var e fp.Element
		if e.SetBytesCanonical(x[:fp.Bytes]) != nil {
			return beyondModulus
		}
	}
	return ""
}
