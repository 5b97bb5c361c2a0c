package ceremony

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits/manifest"
)

// canonical returns the digest of b if it is what the value that was read from
// it is written as.
func canonical(write func(io.Writer) (int64, error), b []byte) (manifest.Digest, *Refusal) {
	h := sha256.New()
	digest := manifest.Digest(sha256.Sum256(b))
	if _, err := write(h); err != nil || !bytes.Equal(h.Sum(nil), digest[:]) {
		return digest, &Refusal{Reason: Malformed, Detail: "its payload is not in canonical form"}
	}
	return digest, nil
}

// domain is the size of a system's domain.
func domain(system *cs.R1CS) int {
	return max(2, 1<<bits.Len(uint(system.GetNbConstraints()-1)))
}

// cut returns as many of the powers as a domain of n needs.
func cut(srs *mpcsetup.SrsCommons, n int) *mpcsetup.SrsCommons {
	out := new(mpcsetup.SrsCommons)
	out.G1.Tau, out.G1.AlphaTau, out.G1.BetaTau = srs.G1.Tau[:2*n-1], srs.G1.AlphaTau[:n], srs.G1.BetaTau[:n]
	out.G2.Tau, out.G2.Beta = srs.G2.Tau[:n], srs.G2.Beta
	return out
}

// keyChain is one circuit's chain of the second phase.
type keyChain struct {
	system *cs.R1CS
	powers *mpcsetup.SrsCommons // cut
	evals  mpcsetup.Phase2Evaluations
	last   *mpcsetup.Phase2
	base   manifest.Digest
}

func newKeyChain(system *cs.R1CS, srs *mpcsetup.SrsCommons) (*keyChain, error) {
	k := &keyChain{system: system, powers: cut(srs, domain(system)), last: new(mpcsetup.Phase2)}
	k.evals = k.last.Initialize(system, k.powers)
	h := sha256.New()
	if _, err := k.last.WriteTo(h); err != nil {
		return nil, err
	}
	h.Sum(k.base[:0])
	return k, nil
}

// private is the number of wires that are no public inputs: each has a point
// with δ in its denominator.
func private(system *cs.R1CS) int {
	internal, secret, _ := system.GetNbVariables()
	return internal + secret
}

// The offsets in a payload of the second phase. It begins with the number of
// commitments, of which no circuit has any.
const (
	deltaAt = 2
	wiresAt = deltaAt + g1Size
)

func quotientAt(system *cs.R1CS) int { return wiresAt + 4 + private(system)*g1Size }
func delta2At(system *cs.R1CS) int {
	return quotientAt(system) + 4 + (domain(system)-1)*g1Size
}

func keySize(system *cs.R1CS) int64 {
	return int64(delta2At(system) + g2Size + proofSize + challengeSize)
}

func (k *keyChain) size() int64 { return keySize(k.system) }

func (k *keyChain) follow(b []byte) *Refusal {
	if refused := built(b, k.base); refused != nil {
		return refused
	}
	if refused := share("δ", b[len(b)-challengeSize-proofSize:]); refused != nil {
		return refused
	}
	// gnark takes memory for as many points as these announce.
	quotient := quotientAt(k.system)
	if binary.BigEndian.Uint16(b) != 0 || binary.BigEndian.Uint32(b[wiresAt:]) != uint32(private(k.system)) ||
		binary.BigEndian.Uint32(b[quotient:]) != uint32(domain(k.system)-1) {
		return &Refusal{Reason: Malformed, Detail: "its payload announces other lengths than the circuit has"}
	}
	next := new(mpcsetup.Phase2)
	if n, err := next.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		return &Refusal{Reason: Malformed, Detail: "a point of its payload is not one of its group"}
	}
	digest, refused := canonical(next.WriteTo, b)
	if refused != nil {
		return refused
	}
	if k.last.Verify(next) != nil {
		return &Refusal{Reason: BadUpdate, Detail: "its payload is not the last one with what it mixed in"}
	}
	one1, one2 := generatorG1(), generatorG2()
	if bytes.Equal(b[deltaAt:deltaAt+g1Size], one1[:]) || bytes.Equal(b[delta2At(k.system):delta2At(k.system)+g2Size], one2[:]) {
		return &Refusal{Reason: Degenerate, Detail: "δ is 1 after it, which γ is"}
	}
	k.last, k.base = next, digest
	return nil
}

func (k *keyChain) contribute() ([]byte, error) {
	k.last.Contribute()
	var b bytes.Buffer
	_, err := k.last.WriteTo(&b)
	return b.Bytes(), err
}

// seal mixes the beacon in and returns the keys. It uses the chain up.
func (k *keyChain) seal(beacon []byte) (*groth16.ProvingKey, *groth16.VerifyingKey, *Refusal) {
	pk, vk := k.last.Seal(k.powers, &k.evals, beacon)
	verifying := vk.(*groth16.VerifyingKey)
	if refused := sound(verifying); refused != nil {
		return nil, nil, refused
	}
	return pk.(*groth16.ProvingKey), verifying, nil
}

// sound refuses a verifying key under which false statements have proofs.
func sound(vk *groth16.VerifyingKey) *Refusal {
	_, _, g1, g2 := bn254.Generators()
	fault := ""
	switch {
	case vk.G2.Delta.Equal(&vk.G2.Gamma):
		fault = "δ is γ: who knows a valid proof makes others of it"
	case vk.G2.Delta.Equal(&g2) || vk.G1.Delta.Equal(&g1):
		fault = "δ is the generator"
	case vk.G1.Alpha.Equal(&g1) || vk.G1.Beta.Equal(&g1) || vk.G2.Beta.Equal(&g2):
		fault = "α or β is the generator"
	case vk.G1.Alpha.IsInfinity() || vk.G1.Beta.IsInfinity() || vk.G2.Beta.IsInfinity() || vk.G1.Delta.IsInfinity() || vk.G2.Delta.IsInfinity() || vk.G2.Gamma.IsInfinity():
		fault = "α, β, γ or δ is infinity"
	default:
		return nil
	}
	return &Refusal{Reason: Degenerate, Detail: fault}
}
