package redsig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"pgregory.net/rapid"
)

func ell() *big.Int { c := twistededwards.GetEdwardsCurve(); return &c.Order }

func (s Scalar) big() *big.Int { b := s.Bytes(); return new(big.Int).SetBytes(b[:]) }

func scalarOf(v *big.Int) Scalar {
	var b [ScalarSize]byte
	new(big.Int).Mod(v, ell()).FillBytes(b[:])
	s, err := DecodeScalar(b[:])
	if err != nil {
		panic(err)
	}
	return s
}

func TestConstantsAreThoseOfTheCurve(t *testing.T) {
	r := new(big.Int).Lsh(big.NewInt(1), 256)
	two64 := new(big.Int).Lsh(big.NewInt(1), 64)
	minus := new(big.Int).ModInverse(ell(), two64)
	minus.Sub(two64, minus)
	for name, c := range map[string]struct {
		got  [4]uint64
		want *big.Int
	}{
		"order":     {order, ell()},
		"montR":     {montR, new(big.Int).Mod(r, ell())},
		"montR2":    {montR2, new(big.Int).Mod(new(big.Int).Mul(r, r), ell())},
		"montMinus": {[4]uint64{montMinus}, minus},
	} {
		if got := (Scalar{c.got}).big(); got.Cmp(c.want) != 0 {
			t.Errorf("%s is %x, want %x", name, got, c.want)
		}
	}
}

// edges are scalars where carries and reductions go wrong first.
func edges() []*big.Int {
	one := big.NewInt(1)
	out := []*big.Int{big.NewInt(0), one, big.NewInt(2)}
	for _, k := range []uint{63, 64, 127, 128, 192, 250} {
		p := new(big.Int).Lsh(one, k)
		out = append(out, p, new(big.Int).Sub(p, one))
	}
	return append(out, new(big.Int).Sub(ell(), one), new(big.Int).Rsh(ell(), 1))
}

func TestScalarArithmeticEqualsBigIntegers(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, x, y *big.Int) {
		a, b := scalarOf(x), scalarOf(y)
		if want := new(big.Int).Mod(new(big.Int).Add(x, y), ell()); a.Add(b).big().Cmp(want) != 0 {
			t.Fatalf("%x + %x", x, y)
		}
		if want := new(big.Int).Mod(new(big.Int).Mul(x, y), ell()); a.Mul(b).big().Cmp(want) != 0 {
			t.Fatalf("%x * %x", x, y)
		}
	}
	for _, x := range edges() {
		for _, y := range edges() {
			check(t, x, y)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) *big.Int {
			v := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 40, 40).Draw(t, name))
			return v.Mod(v, ell())
		}
		check(t, draw("x"), draw("y"))
	})
}

func TestReductionEqualsBigIntegers(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, wide [64]byte) {
		want := new(big.Int).SetBytes(wide[:])
		want.Mod(want, ell())
		if got := ReduceScalar(wide).big(); got.Cmp(want) != 0 {
			t.Fatalf("%x reduces to %x, want %x", wide, got, want)
		}
	}
	var wide [64]byte
	check(t, wide)
	for i := range wide {
		wide[i] = 0xff
		check(t, wide)
	}
	for k := int64(-2); k <= 2; k++ {
		new(big.Int).Add(ell(), big.NewInt(k)).FillBytes(wide[:])
		check(t, wide)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, [64]byte(rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "wide")))
	})
}

func TestRefusesNonCanonicalScalars(t *testing.T) {
	at := func(v *big.Int, n int) []byte { return v.FillBytes(make([]byte, n)) }
	sum := func(k int64) *big.Int { return new(big.Int).Add(ell(), big.NewInt(k)) }
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"zero":        {make([]byte, 32), nil},
		"l-1":         {at(sum(-1), 32), nil},
		"l":           {at(sum(0), 32), ErrScalarRange},
		"l+1":         {at(sum(1), 32), ErrScalarRange},
		"all ones":    {bytes.Repeat([]byte{0xff}, 32), ErrScalarRange},
		"31 bytes":    {make([]byte, 31), ErrScalarRange},
		"33 bytes":    {make([]byte, 33), ErrScalarRange},
		"empty":       {nil, ErrScalarRange},
		"2^255 + one": {append([]byte{0x80}, at(big.NewInt(1), 31)...), ErrScalarRange},
	} {
		s, err := DecodeScalar(c.in)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if b := s.Bytes(); err == nil && !bytes.Equal(b[:], c.in) {
			t.Errorf("%s: re-encodes as %x", name, b)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := scalarOf(new(big.Int).Sub(ell(), big.NewInt(5)))
	k := SecretKey{s}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "scalar", s, "key", k, "pointer", &k)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "scalar", s, "key", k)
	out := log.String() + fmt.Sprint(s, k, &k, struct{ K SecretKey }{k}) +
		fmt.Sprintf("%v %+v %#v %x %d %s %q %v %x", s, s, s, s, s, s, s, k, k) + k.String() + s.String()
	hexed := fmt.Sprintf("%x", s.big())
	for _, leak := range []string{hexed, strings.ToUpper(hexed), s.big().String(), fmt.Sprint(s.l[0]), fmt.Sprintf("%x", s.l[3])} {
		if strings.Contains(out, leak) {
			t.Errorf("a secret was printed: %s", leak)
		}
	}
	if strings.Count(out, redacted) < 10 {
		t.Errorf("secrets are not marked as redacted: %s", out)
	}
	for _, v := range []any{s, k, &k, map[string]any{"k": k}} {
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("marshalled as %s", b)
		}
	}
}

func FuzzDecodeScalar(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Add(ell().Bytes())
	f.Add(new(big.Int).Sub(ell(), big.NewInt(1)).FillBytes(make([]byte, 32)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeScalar(b)
		if err != nil {
			if !errors.Is(err, ErrScalarRange) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if out := s.Bytes(); !bytes.Equal(out[:], b) {
			t.Fatalf("%x re-encodes as %x", b, out)
		}
	})
}
