package circuits

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

// A Witness is the private side of a proof, in the types of the rest of the
// module. Which parts it needs is said by the statement's circuit: enrol only
// Holder, consent also Consent, eligibility Credential, claim both.
//
// It is a patient's secret: it prints and logs as "REDACTED" and has no JSON
// form.
type Witness struct {
	Holder     Holder
	Consent    *ConsentRecord
	Credential *CredentialRecord
}

// Holder is what a prover needs of a holder; with it nobody can sign.
type Holder struct {
	AkX, AkY fr.Element
	Nk       fr.Element
	Alpha    [32]byte // big-endian, below 2^252
}

// A ConsentRecord is a consent with its place on the ledger. The opening's
// holder, grantee and policy are not used: the circuit takes them from the
// keys and from the statement.
type ConsentRecord struct {
	Opening   consent.Consent
	Authority fr.Element // the registrar
	Lock      fr.Element
	Path      merkle.Path  // in the record tree
	Trust     *merkle.Path // in the registrars' trust list; circuit consent alone
}

// A CredentialRecord is a credential with its place on the ledger and the
// choices that answer the statement's predicates. The opening's holder and
// schema are not used.
type CredentialRecord struct {
	Opening   consent.Credential
	Authority fr.Element // the issuer
	Lock      fr.Element
	Path      merkle.Path // in the record tree
	Trust     merkle.Path // in the issuers' trust list
	Ranges    []int       // the slot for each range
	Sets      []SetChoice // for each set
}

// A SetChoice is a slot and the interval of the value set in which its
// attribute lies.
type SetChoice struct {
	Slot     int
	Interval consent.Interval
	Path     merkle.Path // of the interval's leaf
}

const redacted = "REDACTED"

var errNoJSON = errors.New("circuits: a witness has no JSON form")

// LogValue implements slog.LogValuer.
func (Witness) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (Witness) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (Witness) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (Holder) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (Holder) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (Holder) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (ConsentRecord) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (ConsentRecord) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (ConsentRecord) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (CredentialRecord) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (CredentialRecord) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (CredentialRecord) MarshalJSON() ([]byte, error) { return nil, errNoJSON }

// LogValue implements slog.LogValuer.
func (SetChoice) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter for every verb.
func (SetChoice) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalJSON refuses.
func (SetChoice) MarshalJSON() ([]byte, error) { return nil, errNoJSON }
