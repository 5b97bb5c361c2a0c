package proof

import (
	"encoding/binary"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
)

// The lengths in a verifying key's file, which is gnark's compressed form: α₁,
// β₁, β₂, γ₂, δ₁, δ₂, the number of points K and these points, and two zeros
// where the commitments of gnark's extension would be counted.
const (
	sizeG1    = bn254.SizeOfG1AffineCompressed
	sizeG2    = bn254.SizeOfG2AffineCompressed
	sizeCount = 4
	sizeHead  = 3*sizeG1 + 3*sizeG2 + sizeCount
	sizeTail  = 2 * sizeCount
)

// keySize is the length of the file of a key for so many public inputs.
func keySize(inputs int) int { return sizeHead + (inputs+1)*sizeG1 + sizeTail }

func badKey(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrKey, fmt.Sprintf(format, args...))
}

// DecodeVerifyingKey reads a verifying key's file for a circuit of that many
// public inputs. gnark's own decoder takes memory for whatever lengths the file
// announces and accepts several forms of one key; this one takes none but the
// exact length, and what it accepts encodes to b again. Every point is of its
// group and not infinity, and the copies of β and δ in the two groups are of
// one scalar each, so that no bit of the file is without meaning. Errors wrap
// [ErrKey].
//
// It does not say whose key it is: see [ParseVerifyingKey].
func DecodeVerifyingKey(b []byte, inputs int) (*groth16.VerifyingKey, error) {
	if inputs < 0 || inputs > maxInputs {
		return nil, badKey("a circuit of %d public inputs, at most %d are allowed", inputs, maxInputs)
	}
	if len(b) < sizeHead {
		return nil, badKey("%d bytes are cut short", len(b))
	}
	if n := binary.BigEndian.Uint32(b[sizeHead-sizeCount:]); int64(n) != int64(inputs)+1 {
		return nil, badKey("it announces %d points K, a circuit of %d public inputs has %d", n, inputs, inputs+1)
	}
	if len(b) != keySize(inputs) {
		return nil, badKey("%d bytes, a key for %d public inputs has %d", len(b), inputs, keySize(inputs))
	}
	if tail := b[len(b)-sizeTail:]; binary.BigEndian.Uint64(tail) != 0 {
		return nil, badKey("it expects commitments")
	}
	k := &groth16.VerifyingKey{PublicAndCommitmentCommitted: [][]int{}}
	k.G1.K = make([]bn254.G1Affine, inputs+1)
	if err := decodePoints(k, b); err != nil {
		return nil, err
	}
	if err := checkScalars(k); err != nil {
		return nil, err
	}
	if err := k.Precompute(); err != nil {
		return nil, badKey("e(α, β) cannot be computed")
	}
	return k, nil
}

func decodePoints(k *groth16.VerifyingKey, b []byte) error {
	take := func(n int) (part []byte) {
		part, b = b[:n], b[n:]
		return part
	}
	for _, p := range []struct {
		name string
		g1   *bn254.G1Affine
		g2   *bn254.G2Affine
	}{
		{"α in G1", &k.G1.Alpha, nil}, {"β in G1", &k.G1.Beta, nil}, {"β in G2", nil, &k.G2.Beta},
		{"γ in G2", nil, &k.G2.Gamma}, {"δ in G1", &k.G1.Delta, nil}, {"δ in G2", nil, &k.G2.Delta},
	} {
		var reason string
		if p.g1 != nil {
			reason = pointG1(p.g1, take(sizeG1))
		} else {
			reason = pointG2(p.g2, take(sizeG2))
		}
		if reason != "" {
			return badKey("%s %s", p.name, reason)
		}
	}
	take(sizeCount)
	for i := range k.G1.K {
		if reason := pointG1(&k.G1.K[i], take(sizeG1)); reason != "" {
			return badKey("K[%d] %s", i, reason)
		}
	}
	return nil
}

// checkScalars refuses keys under which proofs could be forged by everybody,
// and copies of β or δ that do not belong together. Points that differ in sign
// alone have the same x.
func checkScalars(k *groth16.VerifyingKey) error {
	_, _, g1, g2 := bn254.Generators()
	switch {
	case k.G2.Delta.X.Equal(&k.G2.Gamma.X):
		return badKey("δ is γ or −γ, under which anybody can forge proofs")
	case k.G2.Delta.X.Equal(&g2.X):
		return badKey("δ is the generator or its negative: nobody's secret is in it")
	}
	g1.Neg(&g1)
	for _, p := range []struct {
		name string
		one  bn254.G1Affine
		two  bn254.G2Affine
	}{{"β", k.G1.Beta, k.G2.Beta}, {"δ", k.G1.Delta, k.G2.Delta}} {
		same, err := bn254.PairingCheck([]bn254.G1Affine{p.one, g1}, []bn254.G2Affine{g2, p.two})
		if err != nil || !same {
			return badKey("%s in G1 and %s in G2 are not of one scalar", p.name, p.name)
		}
	}
	return nil
}
