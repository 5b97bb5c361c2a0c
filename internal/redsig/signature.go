package redsig

import (
	"crypto/sha512"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/zkconsent/zkconsent/internal/field"
)

// Sign signs m with rsk. The nonce depends on nonceKey, fresh and m, so it
// stays secret if one of nonceKey and fresh does, and a broken random
// generator does not repeat it for another m. m MUST bind the public key of
// rsk; see the package's caveats.
func Sign(rsk SecretKey, nonceKey [NonceKeySize]byte, fresh [FreshSize]byte, m [MessageSize]byte) (sig [SignatureSize]byte, err error) {
	rk, err := rsk.Public()
	if err != nil {
		return sig, err
	}
	k := hashScalar("rednonce", nonceKey[:], fresh[:], m[:])
	if k.IsZero() {
		return sig, fmt.Errorf("%w as nonce: draw fresh bytes again", ErrZeroScalar)
	}
	r := multiplySecret(k).Bytes()
	c := challenge(r, rk, m)
	s := k.Add(c.Mul(rsk.s)).Bytes()
	copy(sig[:PointSize], r[:])
	copy(sig[PointSize:], s[:])
	return sig, nil
}

// Verify accepts sig if and only if s < ℓ, R and rk are points in their
// canonical encoding, [8]rk ≠ O and [8]([s]B − R − [c]rk) = O. The error
// wraps ErrScalarRange, ErrPointEncoding, ErrNotOnCurve, ErrSmallOrder or
// ErrSignature.
func Verify(rk Point, m [MessageSize]byte, sig [SignatureSize]byte) error {
	if !rk.p.IsOnCurve() {
		return fmt.Errorf("key rk: %w", ErrNotOnCurve)
	}
	if rk.IsSmallOrder() {
		return fmt.Errorf("key rk: %w", ErrSmallOrder)
	}
	r, err := DecodePoint(sig[:PointSize])
	if err != nil {
		return fmt.Errorf("signature's R: %w", err)
	}
	s, err := DecodeScalar(sig[PointSize:])
	if err != nil {
		return fmt.Errorf("signature's s: %w", err)
	}
	c := challenge([PointSize]byte(sig[:PointSize]), rk, m)

	sum, crk := multiplyPublic(s, base()), multiplyPublic(c, rk)
	var minusR twistededwards.PointAffine
	minusR.Neg(&r.p)
	crk.Neg(&crk)
	sum.MixedAdd(&sum, &minusR)
	sum.Add(&sum, &crk)
	timesCofactor(&sum)
	if !sum.IsZero() {
		return ErrSignature
	}
	return nil
}

// challenge is c = SHA-512("zkconsent/v1/redsig" ‖ R ‖ rk ‖ m) mod ℓ.
func challenge(r [PointSize]byte, rk Point, m [MessageSize]byte) Scalar {
	key := rk.Bytes()
	return hashScalar("redsig", r[:], key[:], m[:])
}

// hashScalar reads SHA-512 of a name and parts of fixed lengths as a
// big-endian integer modulo ℓ.
func hashScalar(name string, parts ...[]byte) Scalar {
	h := sha512.New()
	h.Write([]byte(field.Prefix + name))
	for _, p := range parts {
		h.Write(p)
	}
	return ReduceScalar([64]byte(h.Sum(nil)))
}
