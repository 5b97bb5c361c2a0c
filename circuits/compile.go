package circuits

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/gnarklog"
)

// A CircuitError reports a circuit id that is not one of consent.Circuits.
type CircuitError struct{ Circuit consent.CircuitID }

func (e *CircuitError) Error() string {
	return fmt.Sprintf("circuits: unknown circuit %q; see consent.Circuits", string(e.Circuit))
}

// Compile returns the circuit's constraint system, with the sides of its
// constraints chosen for a fast prover. The result depends on the id and on
// the version of gnark alone.
func Compile(id consent.CircuitID) (constraint.ConstraintSystem, error) {
	system, err := compile(id)
	if err != nil {
		return nil, err
	}
	chooseSides(system)
	return system, nil
}

func compile(id consent.CircuitID) (*cs.R1CS, error) {
	gnarklog.Off()
	c, err := blank(id)
	if err != nil {
		return nil, err
	}
	return compileCircuit(c)
}

func compileCircuit(c frontend.Circuit) (*cs.R1CS, error) {
	system, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, c)
	if err != nil {
		return nil, fmt.Errorf("circuits: %w", err)
	}
	r, ok := system.(*cs.R1CS)
	if !ok {
		return nil, fmt.Errorf("circuits: gnark compiled to %T", system)
	}
	return r, nil
}

// Serialize returns gnark's binary form of a constraint system.
func Serialize(system constraint.ConstraintSystem) ([]byte, error) {
	var b bytes.Buffer
	if _, err := system.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("circuits: serialize: %w", err)
	}
	return b.Bytes(), nil
}

// Digest returns the SHA-256 of a constraint system's binary form: what keys
// are made for and manifests pin.
func Digest(system constraint.ConstraintSystem) ([sha256.Size]byte, error) {
	b, err := Serialize(system)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(b), nil
}

// blank returns a circuit of the right shape without values.
func blank(id consent.CircuitID) (frontend.Circuit, error) {
	record := ConsentPart{Path: merkle.NewPath(RecordDepth)}
	credential := CredentialPart{
		Path:  merkle.NewPath(RecordDepth),
		Trust: merkle.NewPath(consent.TrustDepth),
		Sets:  make([]SetPart, id.Sets()),
	}
	for i := range credential.Sets {
		credential.Sets[i].Path = merkle.NewPath(id.SetDepth())
	}
	switch id {
	case consent.Enrol:
		return &Enrol{}, nil
	case consent.ConsentOnly:
		return &Consent{Record: record, Trust: merkle.NewPath(consent.TrustDepth)}, nil
	case consent.Eligibility, consent.EligibilityWide:
		return &Eligibility{Credential: credential, Sets: make([]Set, id.Sets()), Links: make([]Link, id.Links())}, nil
	case consent.Claim, consent.ClaimWide:
		return &Claim{Record: record, Credential: credential, Sets: make([]Set, id.Sets()), Links: make([]Link, id.Links())}, nil
	}
	return nil, &CircuitError{id}
}
