package prover

import (
	"bytes"
	"encoding/binary"

	"github.com/consensys/gnark/backend"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/consensys/gnark/backend/witness"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
)

type plonkKeys struct {
	system  *cs.SparseR1CS
	proving *plonk.ProvingKey
}

// loadPlonk reads a proving key in raw form, whose digest was compared: the
// verifying key, and the powers of tau in monomial and in Lagrange form, whose
// numbers follow from the system and stand where they must before gnark's
// decoder sees them. The check that each point is on the curve, which for
// BN254's G1 is all, takes little beside a proof.
func loadPlonk(system *cs.SparseR1CS, b []byte) (*plonkKeys, error) {
	const count, point = 4, 64
	domain := circuits.PlonkDomain(system)
	monomial, lagrange := count+(domain+3)*point, count+domain*point
	if at := len(b) - monomial - lagrange; at < 0 ||
		binary.BigEndian.Uint32(b[at:]) != uint32(domain+3) ||
		binary.BigEndian.Uint32(b[at+monomial:]) != uint32(domain) {
		return nil, ErrFormat
	}
	pk := new(plonk.ProvingKey)
	if n, err := pk.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		return nil, ErrFormat
	}
	if pk.Vk.Size != uint64(domain) || pk.Vk.NbPublicVariables != uint64(system.GetNbPublicVariables()) ||
		len(pk.Vk.Qcp) != 0 || len(pk.Kzg.G1) != domain+3 || len(pk.KzgLagrange.G1) != domain {
		return nil, ErrFormat
	}
	return &plonkKeys{system, pk}, nil
}

// prove asks for statistical zero-knowledge: without it gnark leaves the
// shards of the quotient unblinded.
func (k *plonkKeys) prove(full witness.Witness) (consent.Proof, error) {
	made, err := plonk.Prove(k.system, k.proving, full, backend.WithStatisticalZeroKnowledge())
	if err != nil {
		return "", err
	}
	b, err := proof.EncodePlonk(made)
	if err != nil {
		return "", err
	}
	return consent.Proof(b[:]), nil
}
