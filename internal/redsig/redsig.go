// Package redsig is RedDSA over BN254's twisted Edwards curve: a signature
// whose key can be re-randomised, so that a holder signs every presentation
// with another key that a circuit ties to the same holder
// (docs/spec.md §3, §3.1, §3.2).
//
// A holder has a [SecretKey] ask and the [Point] ak = [ask]B. Each
// presentation draws a fresh α with [Blind]; [Randomize] and
// [RandomizePublic] move both halves of the key by α. [Verify] sees rk alone.
//
// # Caveats
//
// The message that is signed must bind rk, as docs/spec.md §3.2 makes it: the
// nonce does not depend on the key, and a prover service knows α, so two
// signatures of one message with equal fresh bytes under two keys would give
// it ask. Callers fill fresh from crypto/rand for every signature.
//
// Arithmetic on secrets (scalars modulo ℓ, and points times secret scalars)
// takes the same steps for every secret; it is only as constant in time as
// gnark-crypto's field multiplication, and it is not hardened against power
// analysis or faults. Decoding and [Verify] handle public values, use
// math/big, and are not constant in time. Go may leave copies of secrets in
// memory; nothing here erases them.
//
// A holder's key in itself is not proof that a person stands behind it:
// verifiers must never treat rk as an identity, since it changes each time.
package redsig

import "errors"

// Sizes of the encodings, in bytes.
const (
	PointSize     = 32
	ScalarSize    = 32
	SignatureSize = PointSize + ScalarSize
	NonceKeySize  = 32
	FreshSize     = 64
	MessageSize   = 32
)

// What decoding and verification refuse. Verify wraps them with the name of
// the part that was at fault.
var (
	// ErrPointEncoding reports bytes that are not the one encoding of a point:
	// 32 bytes, y big-endian below the modulus, top bit set if and only if x
	// is the larger of x and −x.
	ErrPointEncoding = errors.New("redsig: not the canonical encoding of a point")
	// ErrNotOnCurve reports coordinates that no point of the curve has.
	ErrNotOnCurve = errors.New("redsig: no such point on the curve")
	// ErrScalarRange reports bytes that are not 32 big-endian bytes below ℓ.
	ErrScalarRange = errors.New("redsig: not a canonical scalar (32 bytes big-endian, below the group order)")
	// ErrZeroScalar reports a zero where a secret must stand.
	ErrZeroScalar = errors.New("redsig: zero scalar")
	// ErrSmallOrder reports a key of an order that divides the cofactor, for
	// which everybody can sign.
	ErrSmallOrder = errors.New("redsig: key of small order")
	// ErrSignature reports that the verification equation does not hold.
	ErrSignature = errors.New("redsig: signature does not verify")
)
