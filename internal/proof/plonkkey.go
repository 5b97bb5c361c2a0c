package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/zkconsent/zkconsent/internal/gnarklog"
)

// A PLONK verifying key in gnark's form has one length for all circuits of
// this module: version, domain, eight commitments, no list of further ones,
// the powers of tau that pairings need, their lines, and no list of indices.
const (
	plonkKeyVersion = 1
	plonkKeyLists   = 2*8 + 8 + 32 + 32 + 8 + 32 + 8*32 // where the first list's length stands
	plonkKeyLines   = 2 * 2 * len(bn254.LoopCounter) * 4 * 32
	plonkKeySize    = plonkKeyLists + 4 + 32 + 2*64 + plonkKeyLines + 4

	// maxPlonkDomain bounds the domain; the largest circuit's is 2^16.
	maxPlonkDomain = 1 << 20
)

// ParsePlonkKey is [LoadVerifyingKey] for a PLONK key's file. Digest, length,
// version and the lengths of both lists are compared before gnark's decoder
// sees the bytes, and what it made of them must encode to them again.
func ParsePlonkKey(b []byte, digest [sha256.Size]byte, inputs int) (*VerifyingKey, error) {
	if len(b) > maxKeyFile {
		return nil, fmt.Errorf("%w: over %d bytes", ErrKey, maxKeyFile)
	}
	if sha256.Sum256(b) != digest {
		return nil, ErrKeyDigest
	}
	if len(b) != plonkKeySize {
		return nil, fmt.Errorf("%w: %d bytes, a PLONK key has %d", ErrKey, len(b), plonkKeySize)
	}
	if binary.BigEndian.Uint64(b) != 0 || binary.BigEndian.Uint64(b[8:]) != plonkKeyVersion {
		return nil, fmt.Errorf("%w: not version %d of gnark's form", ErrKey, plonkKeyVersion)
	}
	if binary.BigEndian.Uint32(b[plonkKeyLists:]) != 0 || binary.BigEndian.Uint32(b[plonkKeySize-4:]) != 0 {
		return nil, fmt.Errorf("%w: it expects commitments", ErrKey)
	}
	gnarklog.Off()
	k := new(plonk.VerifyingKey)
	if n, err := k.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		return nil, fmt.Errorf("%w: not exactly one key in gnark's form", ErrKey)
	}
	var again bytes.Buffer
	if _, err := k.WriteTo(&again); err != nil || !bytes.Equal(again.Bytes(), b) {
		return nil, fmt.Errorf("%w: not in canonical form", ErrKey)
	}
	if k.NbPublicVariables != uint64(inputs) {
		return nil, fmt.Errorf("%w: it is for %d public inputs, the circuit has %d", ErrKey, k.NbPublicVariables, inputs)
	}
	if err := checkPlonkDomain(k); err != nil {
		return nil, err
	}
	if err := checkPlonkPoints(k); err != nil {
		return nil, err
	}
	return &VerifyingKey{plonk: k, inputs: inputs}, nil
}

// checkPlonkDomain demands the one domain of its size, all of whose constants
// gnark reads from the key.
func checkPlonkDomain(k *plonk.VerifyingKey) error {
	if k.Size > maxPlonkDomain || bits.OnesCount64(k.Size) != 1 || k.Size < k.NbPublicVariables {
		return fmt.Errorf("%w: a domain of size %d", ErrKey, k.Size)
	}
	d := fft.NewDomain(k.Size, fft.WithoutPrecompute())
	if !k.SizeInv.Equal(&d.CardinalityInv) || !k.Generator.Equal(&d.Generator) || !k.CosetShift.Equal(&d.FrMultiplicativeGen) {
		return fmt.Errorf("%w: the constants are not those of its domain", ErrKey)
	}
	return nil
}

// checkPlonkPoints demands the generators as zeroth powers of tau, a tau that
// is neither 0 nor 1, the lines that follow from them, and commitments to
// polynomials that are not zero.
func checkPlonkPoints(k *plonk.VerifyingKey) error {
	_, _, g1, g2 := bn254.Generators()
	tau := &k.Kzg.G2[1]
	if !k.Kzg.G1.Equal(&g1) || !k.Kzg.G2[0].Equal(&g2) || tau.IsInfinity() || tau.Equal(&g2) {
		return fmt.Errorf("%w: not powers of a secret tau", ErrKey)
	}
	for i := range k.Kzg.G2 {
		if k.Kzg.Lines[i] != bn254.PrecomputeLines(k.Kzg.G2[i]) {
			return fmt.Errorf("%w: the lines are not those of its points", ErrKey)
		}
	}
	if slices.ContainsFunc(append([]bn254.G1Affine{k.Ql, k.Qr, k.Qm, k.Qo, k.Qk}, k.S[:]...), func(p bn254.G1Affine) bool { return p.IsInfinity() }) {
		return fmt.Errorf("%w: a point is infinity", ErrKey)
	}
	return nil
}

func (k *VerifyingKey) verifyPlonk(inputs []fr.Element, b [PlonkSize]byte) error {
	p, err := DecodePlonk(b)
	if err != nil {
		return err
	}
	if err := plonk.Verify(p, k.plonk, slices.Clone(inputs)); err != nil {
		return ErrInvalid
	}
	return nil
}
