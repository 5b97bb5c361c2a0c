package consent

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

// A Witness is the private side of a proof, in the types of the rest of the
// module. Which parts it needs is said by the statement's circuit: enrol only
// Holder, consent also Consent, eligibility Credential, claim both.
//
// It is a patient's secret: it prints and logs as "REDACTED" and has no JSON
// form.
type Witness struct {
	Holder     HolderWitness
	Consent    *ConsentWitness
	Credential *CredentialWitness
}

// A HolderWitness is what a prover needs of a holder; with it nobody can sign.
type HolderWitness struct {
	AkX, AkY fr.Element
	Nk       fr.Element
	Alpha    [32]byte // big-endian, below 2^252
}

// A ConsentWitness is a consent with its place on the ledger. The opening's
// holder, grantee and policy are not used: the circuit takes them from the
// keys and from the statement.
type ConsentWitness struct {
	Opening   Consent
	Authority fr.Element // the registrar
	Lock      fr.Element
	Path      merkle.Path  // in the record tree
	Trust     *merkle.Path // in the registrars' trust list; circuit consent alone
}

// A CredentialWitness is a credential with its place on the ledger and the
// choices that answer the statement's predicates. The opening's holder and
// schema are not used.
type CredentialWitness struct {
	Opening   Credential
	Authority fr.Element // the issuer
	Lock      fr.Element
	Path      merkle.Path  // in the record tree
	Trust     merkle.Path  // in the issuers' trust list
	Ranges    []int        // the slot for each range
	Sets      []SetWitness // for each set
}

// A SetWitness is a slot and the interval of the value set in which its
// attribute lies.
type SetWitness struct {
	Slot     int
	Interval Interval
	Path     merkle.Path // of the interval's leaf
}

const redacted = "REDACTED"

var errNoJSON = errors.New("consent: what opens a commitment has no JSON form")

// LogValue implements slog.LogValuer.
func (Witness) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (Witness) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (Witness) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (HolderWitness) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (HolderWitness) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (HolderWitness) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (ConsentWitness) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (ConsentWitness) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (ConsentWitness) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (CredentialWitness) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (CredentialWitness) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (CredentialWitness) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (SetWitness) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (SetWitness) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (SetWitness) MarshalJSON() ([]byte, error) { return nil, errNoJSON }
