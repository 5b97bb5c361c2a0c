package prover

import (
	"math/bits"

	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/witness"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
)

type groth16Keys struct {
	system  *cs.R1CS
	proving *groth16.ProvingKey
}

func (k *groth16Keys) prove(full witness.Witness) (consent.Proof, error) {
	made, err := groth16.Prove(k.system, k.proving, full)
	if err != nil {
		return "", err
	}
	b, err := proof.Encode(made)
	if err != nil {
		return "", err
	}
	return consent.Proof(b[:]), nil
}

// fits compares a key's sizes with the system's, so that gnark does not index
// beyond them.
func fits(pk *groth16.ProvingKey, system *cs.R1CS) bool {
	internal, secret, public := system.GetNbVariables()
	wires := internal + secret + public
	return pk.Domain.Cardinality == 1<<bits.Len(uint(system.GetNbConstraints()-1)) &&
		len(pk.G1.Z) == int(pk.Domain.Cardinality)-1 &&
		len(pk.InfinityA) == wires && len(pk.InfinityB) == wires &&
		len(pk.G1.A) == wires-int(pk.NbInfinityA) &&
		len(pk.G1.B) == wires-int(pk.NbInfinityB) && len(pk.G2.B) == len(pk.G1.B) &&
		len(pk.G1.K) == wires-public && len(pk.CommitmentKeys) == 0
}
