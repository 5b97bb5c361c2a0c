package redsig

import (
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
)

// A Point is a point of the curve −x² + y² = 1 + d·x²·y², of any order. Points
// come from [DecodePoint], [NewPoint] or key arithmetic; the zero Point is on
// no curve, and [Verify] refuses it.
type Point struct {
	p twistededwards.PointAffine
}

// signBit marks, in the first byte, that x is the larger of x and −x.
const signBit = 0x80

// DecodePoint reads the canonical encoding and refuses anything else. It
// accepts points of every order; see [Point.IsSmallOrder] and
// [Point.InSubgroup].
func DecodePoint(b []byte) (Point, error) {
	if len(b) != PointSize {
		return Point{}, fmt.Errorf("%w: %d bytes", ErrPointEncoding, len(b))
	}
	larger := b[0]&signBit != 0
	raw := [PointSize]byte(b)
	raw[0] &^= signBit
	var y fr.Element
	if err := y.SetBytesCanonical(raw[:]); err != nil {
		return Point{}, fmt.Errorf("%w: y is not below the field's modulus", ErrPointEncoding)
	}
	x, ok := abscissa(y)
	if !ok {
		return Point{}, ErrNotOnCurve
	}
	if x.LexicographicallyLargest() != larger {
		x.Neg(&x)
	}
	p := Point{twistededwards.NewPointAffine(x, y)}
	if p.Bytes() != [PointSize]byte(b) {
		return Point{}, fmt.Errorf("%w: the sign of x = 0 is not 0", ErrPointEncoding)
	}
	return p, nil
}

// abscissa is one of the two x for y. The denominator −1 − d·y² is never 0,
// since −1 is a square and d is not.
func abscissa(y fr.Element) (x fr.Element, ok bool) {
	curve := twistededwards.GetEdwardsCurve()
	var one, num, den fr.Element
	one.SetOne()
	num.Square(&y)
	den.Mul(&num, &curve.D)
	num.Sub(&one, &num)
	den.Sub(&curve.A, &den)
	x.Div(&num, &den)
	return x, x.Sqrt(&x) != nil
}

// NewPoint is the point with these coordinates, which must be on the curve.
func NewPoint(x, y fr.Element) (Point, error) {
	p := twistededwards.NewPointAffine(x, y)
	if !p.IsOnCurve() {
		return Point{}, ErrNotOnCurve
	}
	return Point{p}, nil
}

// Bytes is the canonical encoding: y big-endian, the top bit set if and only
// if x is lexicographically larger than −x.
func (p Point) Bytes() [PointSize]byte {
	b := p.p.Y.Bytes()
	if p.p.X.LexicographicallyLargest() {
		b[0] |= signBit
	}
	return b
}

// X is the first coordinate, as circuits take it.
func (p Point) X() fr.Element { return p.p.X }

// Y is the second coordinate.
func (p Point) Y() fr.Element { return p.p.Y }

// String is the encoding in hexadecimal.
func (p Point) String() string { b := p.Bytes(); return hex.EncodeToString(b[:]) }

// Equal tells whether both are the same point.
func (p Point) Equal(q Point) bool { return p.p.Equal(&q.p) }

// Add returns p + q.
func (p Point) Add(q Point) Point {
	var r Point
	r.p.Add(&p.p, &q.p)
	return r
}

// IsSmallOrder tells whether [8]p = O.
func (p Point) IsSmallOrder() bool {
	var e twistededwards.PointExtended
	e.FromAffine(&p.p)
	timesCofactor(&e)
	return e.IsZero()
}

// InSubgroup tells whether [ℓ]p = O, so that p is a multiple of the base.
func (p Point) InSubgroup() bool {
	curve := twistededwards.GetEdwardsCurve()
	var e twistededwards.PointExtended
	e.FromAffine(&p.p)
	e.ScalarMultiplication(&e, &curve.Order)
	return e.IsZero()
}

func timesCofactor(e *twistededwards.PointExtended) {
	e.Double(e).Double(e).Double(e)
}

// base is B, the generator of the prime-order subgroup.
func base() Point { return Point{twistededwards.GetEdwardsCurve().Base} }

// multiplyPublic is [s]p in time that depends on s.
func multiplyPublic(s Scalar, p Point) twistededwards.PointExtended {
	b := s.Bytes()
	var e twistededwards.PointExtended
	e.FromAffine(&p.p)
	e.ScalarMultiplication(&e, new(big.Int).SetBytes(b[:]))
	return e
}
