package proof

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/gnarklog"
)

// The errors of this file.
var (
	// ErrKeyDigest reports a key's file that is not the one that was pinned.
	ErrKeyDigest = errors.New("the verifying key is not the one in the manifest")
	// ErrKey reports a key that is the pinned one and still unusable.
	ErrKey = errors.New("unusable verifying key")
	// ErrInvalid reports a proof that does not prove the statement.
	ErrInvalid = errors.New("invalid proof")
)

// maxKeyFile bounds a verifying key's file: fixed points and 32 bytes for
// each public input, or the 34 kB of a PLONK key.
const maxKeyFile = 1 << 16

// A VerifyingKey verifies proofs of one circuit. It is safe for use by several
// goroutines.
type VerifyingKey struct {
	key    *groth16.VerifyingKey // one of the two is set
	plonk  *plonk.VerifyingKey
	inputs int
}

// LoadVerifyingKey reads a scheme's key from a file that must have the given
// SHA-256 digest and be for a circuit of that many public inputs.
func LoadVerifyingKey(path string, scheme consent.Scheme, digest [sha256.Size]byte, inputs int) (*VerifyingKey, error) {
	parse := ParseVerifyingKey
	switch scheme {
	case consent.Groth16:
	case consent.Plonk:
		parse = ParsePlonkKey
	default:
		return nil, fmt.Errorf("%w: %q is no proof system of this version", ErrKey, scheme)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("verifying key: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("verifying key: %w", err)
	}
	k, err := parse(b, digest, inputs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// ParseVerifyingKey is [LoadVerifyingKey] for a Groth16 key's file. Nothing is
// parsed before the digest matches, so that gnark's decoder, which trusts
// announced lengths, only sees what the manifest's author wrote.
func ParseVerifyingKey(b []byte, digest [sha256.Size]byte, inputs int) (*VerifyingKey, error) {
	if len(b) > maxKeyFile {
		return nil, fmt.Errorf("%w: over %d bytes", ErrKey, maxKeyFile)
	}
	if sha256.Sum256(b) != digest {
		return nil, ErrKeyDigest
	}
	gnarklog.Off()
	k := new(groth16.VerifyingKey)
	if n, err := k.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		return nil, fmt.Errorf("%w: not exactly one key in gnark's form", ErrKey)
	}
	if len(k.CommitmentKeys) != 0 || len(k.PublicAndCommitmentCommitted) != 0 {
		return nil, fmt.Errorf("%w: it expects commitments", ErrKey)
	}
	if len(k.G1.K) != inputs+1 {
		return nil, fmt.Errorf("%w: it is for %d public inputs, the circuit has %d", ErrKey, len(k.G1.K)-1, inputs)
	}
	if infinite(k) {
		return nil, fmt.Errorf("%w: a point is infinity", ErrKey)
	}
	return &VerifyingKey{key: k, inputs: inputs}, nil
}

// infinite reports whether the key has a point at infinity, which would free a
// public input or make the equation trivial.
func infinite(k *groth16.VerifyingKey) bool {
	if k.G1.Alpha.IsInfinity() || k.G2.Beta.IsInfinity() || k.G2.Gamma.IsInfinity() || k.G2.Delta.IsInfinity() {
		return true
	}
	return slices.ContainsFunc(k.G1.K, func(p bn254.G1Affine) bool { return p.IsInfinity() })
}

// Groth16 returns gnark's form of the key, for batch verification; nil for a
// key of another scheme. Callers must not change it.
func (k *VerifyingKey) Groth16() *groth16.VerifyingKey { return k.key }

// Inputs is the number of public inputs.
func (k *VerifyingKey) Inputs() int { return k.inputs }

// Verify returns nil if b proves the statement with these public inputs,
// [ErrMalformed] if b is no proof of the key's scheme, and [ErrInvalid]
// otherwise.
func (k *VerifyingKey) Verify(inputs []fr.Element, b consent.Proof) error {
	size := Size
	if k.plonk != nil {
		size = PlonkSize
	}
	if len(b) != size {
		return malformed("proof", fmt.Sprintf("has %d bytes, the scheme's have %d", len(b), size))
	}
	if len(inputs) != k.inputs {
		return fmt.Errorf("%w: %d public inputs, the circuit has %d", ErrInvalid, len(inputs), k.inputs)
	}
	if k.plonk != nil {
		return k.verifyPlonk(inputs, [PlonkSize]byte([]byte(b)))
	}
	p, err := Decode([Size]byte([]byte(b)))
	if err != nil {
		return err
	}
	// gnark appends to the slice when there are commitments; hand it a copy.
	if err := groth16.Verify(p, k.key, slices.Clone(inputs)); err != nil {
		return ErrInvalid
	}
	return nil
}
