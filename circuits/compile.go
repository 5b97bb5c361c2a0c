package circuits

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"
	"github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/gnarklog"
)

// A CircuitError reports a circuit id that is not one of consent.Circuits.
type CircuitError struct{ Circuit consent.CircuitID }

func (e *CircuitError) Error() string {
	return fmt.Sprintf("circuits: unknown circuit %q; see consent.Circuits", string(e.Circuit))
}

// Compile returns the circuit's constraint system: of Groth16 a *cs.R1CS, with
// the sides of its constraints chosen for a fast prover, and of PLONK a
// *cs.SparseR1CS. Both come from the one definition of the circuit. The result
// depends on the id and on the version of gnark alone.
func Compile(id consent.CircuitID) (constraint.ConstraintSystem, error) {
	if id.Scheme() == consent.Plonk {
		return compileSparse(id)
	}
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

func compileSparse(id consent.CircuitID) (*cs.SparseR1CS, error) {
	gnarklog.Off()
	c, err := blank(id)
	if err != nil {
		return nil, err
	}
	system, err := frontend.Compile(ecc.BN254.ScalarField(), scs.NewBuilder, c)
	if err != nil {
		return nil, fmt.Errorf("circuits: %w", err)
	}
	s, ok := system.(*cs.SparseR1CS)
	if !ok {
		return nil, fmt.Errorf("circuits: gnark compiled to %T", system)
	}
	return s, nil
}

// PublicInputs is the number of a system's public inputs. gnark counts the
// constant 1 of an R1CS among them.
func PublicInputs(system constraint.ConstraintSystem) int {
	n := system.GetNbPublicVariables()
	if s, ok := system.(*cs.R1CS); ok && s.Type == constraint.SystemR1CS {
		return n - 1
	}
	return n
}

// PlonkDomain is the size of the domain over which PLONK proves a sparse
// system: one point for each constraint and each public input, and up to the
// next power of two.
func PlonkDomain(system *cs.SparseR1CS) int {
	return 1 << bits.Len(uint(system.GetNbConstraints()+system.GetNbPublicVariables()-1))
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
	switch {
	case id.Enrols():
		return &Enrol{}, nil
	case id.ProvesConsentAlone():
		return &Consent{Record: record, Trust: merkle.NewPath(consent.TrustDepth)}, nil
	case id.ProvesCredential() && !id.ProvesConsent():
		return &Eligibility{Credential: credential, Sets: make([]Set, id.Sets()), Links: make([]Link, id.Links())}, nil
	case id.ProvesCredential():
		return &Claim{Record: record, Credential: credential, Sets: make([]Set, id.Sets()), Links: make([]Link, id.Links())}, nil
	}
	return nil, &CircuitError{id}
}
