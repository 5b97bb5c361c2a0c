package consent

import (
	"log/slog"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

// A Witness is the private part of a proof: what a wallet hands to a prover.
// It holds all that a prover service would learn, and nothing that could sign
// (docs/spec.md §3.1). It never prints itself.
type Witness struct {
	AkX, AkY fr.Element
	Nk       fr.Element
	Alpha    [32]byte // big-endian, below the order of the curve's subgroup

	Consent    *ConsentWitness    // nil where no consent is proved
	Credential *CredentialWitness // nil where no credential is proved
}

// A ConsentWitness opens a consent and shows where its leaf stands.
type ConsentWitness struct {
	Consent   Consent
	Authority fr.Element // the registrar that the leaf carries
	Lock      fr.Element
	Path      merkle.Path // in the record tree
	Trust     merkle.Path // of the registrar in the trust list; consent circuit only
}

// A CredentialWitness opens a credential, shows where its leaf and its issuer
// stand, and chooses the slots and intervals that satisfy the predicates.
type CredentialWitness struct {
	Credential Credential
	Issuer     fr.Element
	Lock       fr.Element
	Path       merkle.Path // in the record tree
	Trust      merkle.Path // of the issuer in the trust list
	RangeSlots []int       // the slot that each range speaks of
	Sets       []SetWitness
}

// A SetWitness is the choice for one set predicate.
type SetWitness struct {
	Slot     int
	Interval Interval
	Path     merkle.Path // of the interval in the value set's tree
}

// LogValue keeps the witness out of logs.
func (*Witness) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// String keeps the witness out of formatted errors.
func (*Witness) String() string { return "REDACTED" }
