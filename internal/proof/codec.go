// Package proof is the byte form of Groth16's and PLONK's proofs, the loading
// of verifying keys and the verification of a single proof (docs/spec.md §9.5).
// Prover and verifier share it; it needs neither circuits nor gnark's front
// end.
//
// # Caveats
//
// gnark's own proof decoders accept trailing bytes, the uncompressed form and
// commitments, and take memory for as many as the bytes announce. [Decode]
// takes exactly 128 bytes, [DecodePlonk] exactly 512, and each proof has one
// encoding, so that what a holder signs is what everybody verifies. The
// lengths of both are those of consent.Scheme. Groth16 proofs can be
// re-randomised by anybody: the bytes of a proof are not an identifier unless
// they are signed.
package proof

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
)

// Size is the length of a Groth16 proof: A (32), B (64), C (32), all compressed.
const Size = 128

// ErrMalformed reports bytes that are not the one encoding of a proof.
var ErrMalformed = errors.New("malformed proof")

func malformed(point, reason string) error {
	return fmt.Errorf("%w: %s %s", ErrMalformed, point, reason)
}

// Encode returns a proof's bytes. It refuses a proof with commitments, and
// points at infinity, neither of which this module's circuits produce.
func Encode(p *groth16.Proof) (b [Size]byte, err error) {
	if len(p.Commitments) != 0 {
		return b, malformed("proof", "has commitments")
	}
	if p.Ar.IsInfinity() || p.Bs.IsInfinity() || p.Krs.IsInfinity() {
		return b, malformed("proof", "has a point at infinity")
	}
	ar, bs, krs := p.Ar.Bytes(), p.Bs.Bytes(), p.Krs.Bytes()
	copy(b[:32], ar[:])
	copy(b[32:96], bs[:])
	copy(b[96:], krs[:])
	return b, nil
}

// Decode returns the proof that b encodes. The points are on their curves, in
// the subgroup, not infinity, and encode to b again.
func Decode(b [Size]byte) (*groth16.Proof, error) {
	p := new(groth16.Proof)
	if err := decodeG1("A", &p.Ar, b[:32]); err != nil {
		return nil, err
	}
	if n, err := p.Bs.SetBytes(b[32:96]); err != nil || n != 64 {
		return nil, malformed("B", "is not a compressed point of G2")
	}
	if p.Bs.IsInfinity() {
		return nil, malformed("B", "is infinity")
	}
	if again := p.Bs.Bytes(); !bytes.Equal(again[:], b[32:96]) {
		return nil, malformed("B", "is not in canonical form")
	}
	if err := decodeG1("C", &p.Krs, b[96:]); err != nil {
		return nil, err
	}
	return p, nil
}

func decodeG1(name string, p *bn254.G1Affine, b []byte) error {
	if n, err := p.SetBytes(b); err != nil || n != len(b) {
		return malformed(name, "is not a compressed point of G1")
	}
	if p.IsInfinity() {
		return malformed(name, "is infinity")
	}
	if again := p.Bytes(); !bytes.Equal(again[:], b) {
		return malformed(name, "is not in canonical form")
	}
	return nil
}
