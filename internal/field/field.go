// Package field holds the canonical forms of the scalar field of BN254 in
// which every value of the protocol lives (docs/spec.md §2).
//
// # Caveats
//
// gnark and gnark-crypto reduce silently when they are handed bytes at or
// above the modulus. Every edge of this project parses with [Parse], which
// refuses such bytes, so that n and n+r are never two names of one nullifier.
package field

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Size is the length in bytes of the only encoding of an element.
const Size = fr.Bytes

// Prefix stands before every name that is hashed into a tag or a domain.
const Prefix = "zkconsent/v1/"

// ErrNonCanonical reports bytes that are not the one encoding of an element:
// 32 bytes, big-endian, below the modulus.
var ErrNonCanonical = errors.New("not a canonical field element (32 bytes big-endian, below the BN254 scalar modulus)")

// Parse decodes the canonical encoding and refuses anything else.
func Parse(b []byte) (fr.Element, error) {
	var e fr.Element
	if len(b) != Size {
		return e, fmt.Errorf("%w: %d bytes", ErrNonCanonical, len(b))
	}
	if err := e.SetBytesCanonical(b); err != nil {
		return fr.Element{}, ErrNonCanonical
	}
	return e, nil
}

// ParseHex decodes 64 lower-case hexadecimal digits.
func ParseHex(s string) (fr.Element, error) {
	b, err := hex.DecodeString(s)
	if err != nil || hex.EncodeToString(b) != s {
		return fr.Element{}, ErrNonCanonical
	}
	return Parse(b)
}

// Hex returns the canonical encoding as 64 lower-case hexadecimal digits.
func Hex(e fr.Element) string {
	b := e.Bytes()
	return hex.EncodeToString(b[:])
}

// Uint returns the element with value v.
func Uint(v uint64) fr.Element { return fr.NewElement(v) }

// Reduce maps a 32-byte digest into the field. The bias is below 2^-1 bits of
// the 253.6 available; collisions are as hard as SHA-256's modulo r.
func Reduce(digest [sha256.Size]byte) fr.Element {
	var e fr.Element
	e.SetBytes(digest[:])
	return e
}

// Of hashes bytes into the field: SHA-256 over the length-prefixed domain and
// the length-prefixed parts, modulo r (docs/spec.md §2.4). Lengths are 32-bit
// big-endian, so no two lists of parts share an input.
func Of(domain string, parts ...[]byte) fr.Element {
	h := sha256.New()
	write := func(b []byte) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	write([]byte(Prefix + domain))
	for _, p := range parts {
		write(p)
	}
	return Reduce([sha256.Size]byte(h.Sum(nil)))
}

// Tag returns SHA-256(Prefix ‖ name) modulo r: the domain separator of one
// use of the hash (docs/spec.md §2.3).
func Tag(name string) fr.Element {
	return Reduce(sha256.Sum256([]byte(Prefix + name)))
}
