package consent

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/codes"
)

// Time is unix seconds below 2^40.
type Time uint64

// The bounds of a Time.
const (
	MaxTime Time = 1<<40 - 1
	// Unstated is the start of a data period that its document does not
	// name. A start before 1970 is 1, never Unstated, which would widen it.
	Unstated Time = 0
)

// Terms are one atomic grant, without the parties: what a consent permits.
// A request must lie inside Purposes, Categories and both periods, and must
// accept all of Restrictions (docs/spec.md §4.1).
type Terms struct {
	Purposes     codes.Purposes     // permitted purposes, closed downward
	Restrictions codes.Restrictions // duties that a verifier must accept (DUO modifiers)
	Categories   codes.Categories   // permitted categories of data and sensitivity
	NotBefore    Time               // the consent's own period, inclusive
	NotAfter     Time
	DataFrom     Time // the period of the data that it covers, inclusive
	DataTo       Time
}

// A Consent is the opening of a consent's commitment (docs/spec.md §4.1).
type Consent struct {
	Holder  fr.Element
	Grantee fr.Element // stable authority id
	Terms   Terms
	Policy  fr.Element // digest of the common policy text
	Source  fr.Element // digest of the patient's own document
	W       fr.Element // withdrawal key H(WKEY; v)
	Salt    fr.Element
}

// Slots is the number of attribute slots of a credential.
const Slots = 11

// An Attribute is a value in order-preserving 64-bit form, or absent. The zero
// Attribute is absent (docs/spec.md §11.1).
type Attribute struct {
	Value   uint64
	Present bool
}

// Element is the attribute as the credential commits to it: 2^64 when absent.
func (a Attribute) Element() fr.Element {
	if a.Present {
		return fr.NewElement(a.Value)
	}
	var e fr.Element
	e.SetUint64(1 << 63)
	return *e.Double(&e)
}

// A Credential is the opening of a credential's commitment (docs/spec.md §4.2).
type Credential struct {
	Holder     fr.Element
	Schema     fr.Element // digest of the schema
	Expires    Time
	Salt       fr.Element
	Attributes [Slots]Attribute // slot 0 is `since`
}
