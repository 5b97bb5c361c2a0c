package redsig

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
)

// A Scalar is an integer modulo ℓ, the order of the curve's prime subgroup.
// Its zero value is 0. Scalars are blindings and keys, so printing, logging
// and marshalling one yields REDACTED or an error; [Scalar.Bytes] is the
// only way out.
type Scalar struct {
	l [4]uint64 // little-endian limbs, below order
}

// The constants of arithmetic modulo ℓ with R = 2^256. Tests check them
// against gnark-crypto's curve and math/big.
var (
	order     = [4]uint64{0x677297dc392126f1, 0xab3eedb83920ee0a, 0x370a08b6d0302b0b, 0x060c89ce5c263405}
	montR     = [4]uint64{0x073315dea08f9c76, 0xe7acffc6a098f24b, 0xf85a9201d818f015, 0x01f16424e1bb7724} // R mod ℓ
	montR2    = [4]uint64{0x35e44abee7ecb21e, 0x74646cacf5f84ec4, 0xe472df203faa158f, 0x0445b524f1ba50a8} // R² mod ℓ
	montMinus = uint64(0x532ce5aebc48f5ef)                                                                // −ℓ⁻¹ mod 2^64
)

// DecodeScalar reads the canonical encoding and refuses anything else.
func DecodeScalar(b []byte) (Scalar, error) {
	if len(b) != ScalarSize {
		return Scalar{}, fmt.Errorf("%w: %d bytes", ErrScalarRange, len(b))
	}
	l := limbs(b)
	if _, borrow := subtract(l, order); borrow == 0 {
		return Scalar{}, ErrScalarRange
	}
	return Scalar{l}, nil
}

// ReduceScalar is a big-endian 512-bit number modulo ℓ; its bias is below 2^-260.
func ReduceScalar(wide [64]byte) Scalar {
	hi, lo := limbs(wide[:32]), limbs(wide[32:])
	return Scalar{addMod(montMul(hi, montR2), montMul(lo, montR))}
}

// Bytes reveals the scalar in its canonical encoding.
func (s Scalar) Bytes() (b [ScalarSize]byte) {
	for i, w := range s.l {
		binary.BigEndian.PutUint64(b[24-8*i:], w)
	}
	return b
}

// IsZero tells whether the scalar is 0.
func (s Scalar) IsZero() bool { return s.l[0]|s.l[1]|s.l[2]|s.l[3] == 0 }

// Add returns s + t modulo ℓ.
func (s Scalar) Add(t Scalar) Scalar { return Scalar{addMod(s.l, t.l)} }

// Mul returns s · t modulo ℓ.
func (s Scalar) Mul(t Scalar) Scalar { return Scalar{montMul(montMul(s.l, montR2), t.l)} }

const redacted = "REDACTED"

// errSecret answers every attempt to marshal a secret.
var errSecret = errors.New("redsig: secrets have no text or JSON form")

// Format writes REDACTED for every verb.
func (s Scalar) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// String is REDACTED.
func (s Scalar) String() string { return redacted }

// LogValue is REDACTED.
func (s Scalar) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses.
func (s Scalar) MarshalText() ([]byte, error) { return nil, errSecret }

// MarshalJSON refuses.
func (s Scalar) MarshalJSON() ([]byte, error) { return nil, errSecret }

func limbs(b []byte) (l [4]uint64) {
	for i := range l {
		l[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
	return l
}

func subtract(a, b [4]uint64) (d [4]uint64, borrow uint64) {
	for i := range d {
		d[i], borrow = bits.Sub64(a[i], b[i], borrow)
	}
	return d, borrow
}

// reduceOnce maps [0, 2ℓ) to [0, ℓ) without branching on the value.
func reduceOnce(a [4]uint64) [4]uint64 {
	d, borrow := subtract(a, order)
	mask := -borrow // all ones when a was below ℓ already
	for i := range d {
		d[i] = d[i]&^mask | a[i]&mask
	}
	return d
}

// addMod adds two numbers below ℓ; 2ℓ is below 2^252, so nothing carries out.
func addMod(a, b [4]uint64) (s [4]uint64) {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(a[i], b[i], carry)
	}
	return reduceOnce(s)
}

// montMul is a·b·R⁻¹ mod ℓ for any a below R and b below ℓ: before the last
// step the value is below (R·ℓ + R·ℓ)/R = 2ℓ.
func montMul(a, b [4]uint64) [4]uint64 {
	var t [6]uint64
	for _, x := range a {
		var carry uint64
		for j := range b {
			hi, lo := bits.Mul64(x, b[j])
			var c uint64
			lo, c = bits.Add64(lo, t[j], 0)
			hi += c
			t[j], c = bits.Add64(lo, carry, 0)
			carry = hi + c
		}
		t[4], t[5] = bits.Add64(t[4], carry, 0)

		m := t[0] * montMinus
		carry = 0
		for j := range order {
			hi, lo := bits.Mul64(m, order[j])
			var c uint64
			lo, c = bits.Add64(lo, t[j], 0)
			hi += c
			lo, c = bits.Add64(lo, carry, 0)
			carry = hi + c
			if j > 0 {
				t[j-1] = lo
			}
		}
		var c uint64
		t[3], c = bits.Add64(t[4], carry, 0)
		t[4] = t[5] + c
	}
	return reduceOnce([4]uint64{t[0], t[1], t[2], t[3]})
}
