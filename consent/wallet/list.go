package wallet

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
)

// A Consent is what a wallet shows of a consent: everything but secrets.
type Consent struct {
	ID         ID
	State      State
	Actor      string // as the document names the grantee
	Grantee    fr.Element
	Registrar  fr.Element // zero for a draft
	Terms      consent.Terms
	Policy     string
	Imported   consent.Time
	Registered consent.Time // zero until then
	// Forgotten says that terms, policy and document are gone; Found that the
	// words found it on the ledger. Neither can be presented, both withdrawn.
	Forgotten bool
	Found     bool
}

// A Credential is what a wallet shows of a credential. Values are as private
// as the wallet.
type Credential struct {
	ID      ID
	Issuer  fr.Element
	Schema  string
	Version uint64
	Expires consent.Time
	Revoked bool
	Values  []Value
}

// A Value is one attribute in words.
type Value struct {
	Label string
	Text  string // empty when absent
}

func (r *consentRecord) shown() Consent {
	return Consent{
		ID: r.id, State: r.state, Actor: r.actor, Grantee: r.grantee, Registrar: r.registrar, Terms: r.terms, Policy: r.policy,
		Imported: r.imported, Registered: r.registered, Forgotten: !r.known && !r.found, Found: r.found,
	}
}

// Show returns the consents with these ids, in their order.
func (w *Wallet) Show(ids ...ID) ([]Consent, error) {
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	var out []Consent
	for _, id := range ids {
		r, err := c.consent(id)
		if err != nil {
			return nil, err
		}
		out = append(out, r.shown())
	}
	return out, nil
}

// List returns all consents in the order of their import.
func (w *Wallet) List() ([]Consent, error) {
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	var out []Consent
	for _, r := range c.consents {
		out = append(out, r.shown())
	}
	return out, nil
}

// Places are the indices of the leaves that the wallet may want to prove with:
// those of consents that are registered and of credentials that are not
// revoked.
func (w *Wallet) Places() ([]uint64, error) {
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, r := range c.consents {
		if r.state == Registered && r.known {
			out = append(out, r.index)
		}
	}
	for _, r := range c.credentials {
		if !r.revoked {
			out = append(out, r.index)
		}
	}
	return out, nil
}

// Read is how many entries of the record log the wallet has read: a copy of it
// that begins later is of no use to this wallet.
func (w *Wallet) Read() (uint64, error) {
	c, _, err := w.current()
	if err != nil {
		return 0, err
	}
	return c.records, nil
}

// Document returns the document from which a consent was compiled.
func (w *Wallet) Document(id ID) ([]byte, error) {
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	r, err := c.consent(id)
	if err != nil {
		return nil, err
	}
	if !r.known {
		return nil, ErrState
	}
	return append([]byte(nil), c.document(r.document)...), nil
}

// Credentials returns all credentials in the order of their acceptance.
func (w *Wallet) Credentials() ([]Credential, error) {
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	var out []Credential
	for _, r := range c.credentials {
		shown, err := r.shown()
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

func (r *credentialRecord) shown() (Credential, error) {
	o, schema, err := r.opened()
	if err != nil {
		return Credential{}, err
	}
	out := Credential{ID: r.id, Issuer: r.issuer, Schema: schema.Name, Version: schema.Version, Expires: o.Credential.Expires, Revoked: r.revoked}
	for i := 0; i <= len(schema.Slots); i++ {
		slot, _ := schema.Slot(i)
		v := Value{Label: slot.Label}
		if a := o.Credential.Attributes[i]; a.Present {
			if v.Text, err = slot.Decode(a.Value); err != nil {
				return Credential{}, err
			}
			if o.Texts[i] != "" {
				v.Text = o.Texts[i]
			}
		}
		out.Values = append(out.Values, v)
	}
	return out, nil
}
