package redsig

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"pgregory.net/rapid"
)

// torsion returns the eight points whose order divides the cofactor.
func torsion(t testing.TB) []Point {
	t.Helper()
	for y := uint64(2); y < 200; y++ {
		e := fr.NewElement(y)
		x, ok := abscissa(e)
		if !ok {
			continue
		}
		var g twistededwards.PointAffine
		p := twistededwards.NewPointAffine(x, e)
		g.ScalarMultiplication(&p, ell())
		all := []Point{{g}}
		for len(all) < 8 && !all[len(all)-1].p.IsZero() {
			all = append(all, all[len(all)-1].Add(Point{g}))
		}
		if len(all) == 8 {
			return all // multiples 1 to 8 of a point of order 8
		}
	}
	t.Fatal("no point of order 8 found")
	return nil
}

func neutral(t testing.TB) Point {
	p, err := NewPoint(fr.Element{}, fr.One())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryPointHasOneEncoding(t *testing.T) {
	points := append(torsion(t), base(), neutral(t))
	for i := range 20 {
		points = append(points, multiplySecret(scalarOf(big.NewInt(int64(i+1)))).Add(points[i%8]))
	}
	for _, p := range points {
		b := p.Bytes()
		q, err := DecodePoint(b[:])
		if err != nil || !q.Equal(p) {
			t.Errorf("%x: %v", b, err)
		}
		flipped := b
		flipped[0] ^= signBit
		q, err = DecodePoint(flipped[:])
		if x := p.X(); x.IsZero() {
			if !errors.Is(err, ErrPointEncoding) {
				t.Errorf("x = 0 with the sign bit set: %v", err)
			}
		} else if err != nil || q.Equal(p) {
			t.Errorf("the sign bit does not choose between x and −x: %v", err)
		}
	}
}

func TestRefusesNonCanonicalPoints(t *testing.T) {
	modulus := fr.Modulus()
	at := func(v *big.Int) []byte { return v.FillBytes(make([]byte, 32)) }
	offCurve := fr.NewElement(2)
	for _, ok := abscissa(offCurve); ok; _, ok = abscissa(offCurve) {
		offCurve.SetUint64(offCurve.Uint64() + 1)
	}
	off := offCurve.Bytes()
	minusOne := new(big.Int).Sub(modulus, big.NewInt(1))
	signed := func(b []byte) []byte { c := bytes.Clone(b); c[0] |= signBit; return c }
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"neutral element":                  {at(big.NewInt(1)), nil},
		"order 2":                          {at(minusOne), nil},
		"neutral element, x = -0":          {signed(at(big.NewInt(1))), ErrPointEncoding},
		"order 2, x = -0":                  {signed(at(minusOne)), ErrPointEncoding},
		"y = p":                            {at(modulus), ErrPointEncoding},
		"y = p + 1, the neutral element":   {at(new(big.Int).Add(modulus, big.NewInt(1))), ErrPointEncoding},
		"y = 2^255 - 1":                    {bytes.Repeat([]byte{0xff}, 32), ErrPointEncoding},
		"y that no point has":              {off[:], ErrNotOnCurve},
		"y that no point has, with sign":   {signed(off[:]), ErrNotOnCurve},
		"31 bytes":                         {make([]byte, 31), ErrPointEncoding},
		"33 bytes":                         {make([]byte, 33), ErrPointEncoding},
		"no bytes":                         {nil, ErrPointEncoding},
		"y + p, the base, second encoding": {func() []byte { y := base().Y(); v := y.BigInt(new(big.Int)); return at(v.Add(v, modulus)) }(), ErrPointEncoding},
	} {
		if _, err := DecodePoint(c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestNewPointRefusesCoordinatesOffTheCurve(t *testing.T) {
	b := base()
	if _, err := NewPoint(b.X(), b.X()); !errors.Is(err, ErrNotOnCurve) {
		t.Error(err)
	}
	if _, err := NewPoint(fr.Element{}, fr.Element{}); !errors.Is(err, ErrNotOnCurve) {
		t.Error(err)
	}
	if p, err := NewPoint(b.X(), b.Y()); err != nil || !p.Equal(b) {
		t.Error(err)
	}
}

func TestOrders(t *testing.T) {
	if b := base(); b.IsSmallOrder() || !b.InSubgroup() {
		t.Error("the base is not of prime order")
	}
	for i, p := range torsion(t) {
		if !p.IsSmallOrder() {
			t.Errorf("torsion point %d is not of small order", i)
		}
		if p.InSubgroup() != (i == 7) {
			t.Errorf("torsion point %d in the subgroup: %v", i, p.InSubgroup())
		}
		if mixed := p.Add(base()); mixed.IsSmallOrder() || mixed.InSubgroup() != (i == 7) {
			t.Errorf("base plus torsion point %d", i)
		}
	}
}

// TestFixedSequenceMultiplication compares the multiplication by secrets with
// gnark-crypto's.
func TestFixedSequenceMultiplication(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, v *big.Int) {
		var want twistededwards.PointAffine
		b := base().p
		want.ScalarMultiplication(&b, v)
		if got := multiplySecret(scalarOf(v)); !got.p.Equal(&want) {
			t.Fatalf("[%x]B", v)
		}
	}
	for _, v := range edges() {
		check(t, v)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "scalar"))
		check(t, v.Mod(v, ell()))
	})
}

func FuzzDecodePoint(f *testing.F) {
	for _, p := range append(torsion(f), base()) {
		b := p.Bytes()
		f.Add(b[:])
	}
	f.Add(fr.Modulus().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePoint(b)
		if err != nil {
			if !errors.Is(err, ErrPointEncoding) && !errors.Is(err, ErrNotOnCurve) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if !p.p.IsOnCurve() {
			t.Fatalf("%x is not on the curve", b)
		}
		if out := p.Bytes(); !bytes.Equal(out[:], b) {
			t.Fatalf("%x re-encodes as %x", b, out)
		}
	})
}
