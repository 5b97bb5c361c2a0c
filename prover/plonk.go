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
// verifying key, which must be the one that was checked, and the powers of tau
// in monomial and in Lagrange form, whose numbers follow from the system and
// stand where they must before gnark's decoder sees them. The check that each
// point is on the curve, which for BN254's G1 is all, takes little beside a
// proof.
func loadPlonk(system *cs.SparseR1CS, vk *plonk.VerifyingKey, b []byte) (*plonkKeys, error) {
	const count, point = 4, 64
	domain := circuits.PlonkDomain(system)
	if vk == nil || vk.Size != uint64(domain) {
		return nil, ErrFormat
	}
	var head bytes.Buffer
	if _, err := vk.WriteRawTo(&head); err != nil {
		return nil, ErrFormat
	}
	monomial, lagrange := head.Len(), head.Len()+count+(domain+3)*point
	if len(b) != lagrange+count+domain*point || !bytes.HasPrefix(b, head.Bytes()) ||
		binary.BigEndian.Uint32(b[monomial:]) != uint32(domain+3) ||
		binary.BigEndian.Uint32(b[lagrange:]) != uint32(domain) {
		return nil, ErrFormat
	}
	pk := new(plonk.ProvingKey)
	if n, err := pk.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
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
