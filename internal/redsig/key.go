package redsig

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
)

// A SecretKey signs: ask, or ask + α. It is never 0 unless it is the zero
// SecretKey, with which nothing can be signed. It has no encoding: a wallet
// derives it again from its seed.
type SecretKey struct {
	s Scalar
}

// NewSecretKey reduces 64 bytes that were derived from a wallet's seed
// (docs/spec.md §3). It refuses the one value in 2^251 that reduces to 0.
func NewSecretKey(derived [64]byte) (SecretKey, error) {
	s := ReduceScalar(derived)
	if s.IsZero() {
		return SecretKey{}, fmt.Errorf("%w as secret key", ErrZeroScalar)
	}
	return SecretKey{s}, nil
}

// Public is ak = [ask]B.
func (k SecretKey) Public() (Point, error) {
	if k.s.IsZero() {
		return Point{}, fmt.Errorf("%w as secret key", ErrZeroScalar)
	}
	return multiplySecret(k.s), nil
}

// Format writes REDACTED for every verb.
func (k SecretKey) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// String is REDACTED.
func (k SecretKey) String() string { return redacted }

// LogValue is REDACTED.
func (k SecretKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses.
func (k SecretKey) MarshalText() ([]byte, error) { return nil, errSecret }

// MarshalJSON refuses.
func (k SecretKey) MarshalJSON() ([]byte, error) { return nil, errSecret }

// Blind draws the α of one presentation (docs/spec.md §3.1): HKDF-SHA-256 over
// nonceKey ‖ fresh ‖ challenge, so that neither a cloned random generator nor
// a repeated challenge alone makes two presentations share a key.
func Blind(nonceKey [NonceKeySize]byte, fresh [FreshSize]byte, challenge fr.Element) (Scalar, error) {
	c := challenge.Bytes()
	secret := make([]byte, 0, NonceKeySize+FreshSize+len(c))
	secret = append(secret, nonceKey[:]...)
	secret = append(secret, fresh[:]...)
	secret = append(secret, c[:]...)
	wide, err := hkdf.Key(sha256.New, secret, []byte(field.Prefix+"wallet"), "alpha", 64)
	if err != nil {
		return Scalar{}, fmt.Errorf("redsig: deriving a blinding: %w", err)
	}
	alpha := ReduceScalar([64]byte(wide))
	if alpha.IsZero() {
		return Scalar{}, fmt.Errorf("%w as blinding: draw fresh bytes again", ErrZeroScalar)
	}
	return alpha, nil
}

// Randomize is the secret key ask + α that belongs to rk.
func Randomize(ask SecretKey, alpha Scalar) (SecretKey, error) {
	if ask.s.IsZero() || alpha.IsZero() {
		return SecretKey{}, fmt.Errorf("%w as secret key or blinding", ErrZeroScalar)
	}
	rsk := SecretKey{ask.s.Add(alpha)}
	if rsk.s.IsZero() {
		return SecretKey{}, fmt.Errorf("%w as re-randomised key: draw fresh bytes again", ErrZeroScalar)
	}
	return rsk, nil
}

// RandomizePublic is rk = ak + [α]B.
func RandomizePublic(ak Point, alpha Scalar) (Point, error) {
	if !ak.p.IsOnCurve() {
		return Point{}, fmt.Errorf("key to re-randomise: %w", ErrNotOnCurve)
	}
	if alpha.IsZero() {
		return Point{}, fmt.Errorf("%w as blinding", ErrZeroScalar)
	}
	rk := ak.Add(multiplySecret(alpha))
	if rk.IsSmallOrder() {
		return Point{}, fmt.Errorf("re-randomised key: %w", ErrSmallOrder)
	}
	return rk, nil
}
