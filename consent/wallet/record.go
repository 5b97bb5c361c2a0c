package wallet

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
)

// An ID names a record within one wallet. It is random and never leaves it.
type ID [16]byte

// String is the id in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText is String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(ID{}) {
		return ID{}, fmt.Errorf("wallet: %d hexadecimal digits are a record's id", 2*len(ID{}))
	}
	return ID(b), nil
}

// A State says how far a consent has come.
type State uint8

// The states of a consent. A wallet proves with Registered ones alone.
const (
	Draft         State = iota // imported, nothing left the wallet
	Sealed                     // handed to a registrar
	Registered                 // its leaf is in a tree that a verified head shows
	Misregistered              // the registrar committed it with another lock or content
	Withdrawing                // the withdrawal is on its way
	Withdrawn                  // the withdrawal stands in a verified head
	Revoked                    // and the leaf is erased from the tree
	lastState     = Revoked
)

var stateNames = [...]string{"draft", "sealed", "registered", "misregistered", "withdrawing", "withdrawn", "revoked"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MarshalText is String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Errors about records.
var (
	ErrUnknownRecord = errors.New("wallet: no record with this id")
	ErrState         = errors.New("wallet: the record's state does not allow this")
)

// A consentRecord is a consent and all that the wallet keeps with it.
type consentRecord struct {
	secret
	id         ID
	state      State
	number     uint64 // i of v_i and rs_i; meaningful from Sealed on
	actor      string // as the document names the grantee
	grantee    fr.Element
	registrar  fr.Element
	terms      consent.Terms
	policy     string
	document   [32]byte // digest of the document, among the documents
	source     fr.Element
	salt       fr.Element
	known      bool // terms, policy, source and salt are there: neither forgotten nor only found again
	found      bool // found on the ledger from the words alone
	placed     bool // index is known
	index      uint64
	publishAt  consent.Time // next attempt to publish v; 0 when there is none to make
	revokeAt   consent.Time // next attempt to publish rs; 0 when there is none to make
	attempts   uint64
	imported   consent.Time
	registered consent.Time // closing of the epoch in which it was found
}

// opening is the consent behind the commitment.
func (r *consentRecord) opening(k *keys) (consent.Consent, error) {
	v, err := k.withdrawal(r.number)
	if err != nil {
		return consent.Consent{}, err
	}
	return consent.Consent{
		Holder: k.holder, Grantee: r.grantee, Terms: r.terms, Policy: consent.PolicyDigest(r.policy),
		Source: r.source, W: consent.WithdrawalKey(v), Salt: r.salt,
	}, nil
}

// sealed is what a registrar sees of the record.
func (r *consentRecord) sealed(k *keys) (consent.Sealed, error) {
	c, err := r.opening(k)
	if err != nil {
		return consent.Sealed{}, err
	}
	lock, err := k.lock(r.number)
	return consent.Sealed{Commitment: c.Commitment(), Lock: lock}, err
}

func (r *consentRecord) leaf(k *keys) (fr.Element, error) {
	s, err := r.sealed(k)
	return consent.Leaf(consent.KindConsent, r.registrar, s.Commitment, s.Lock), err
}

// A credentialRecord is an accepted offer and where its leaf stands.
type credentialRecord struct {
	secret
	id      ID
	issuer  fr.Element
	lock    fr.Element
	index   uint64
	revoked bool
	offer   []byte // offer message; empty when forgotten
}

// opened reads the offer again, with its schema.
func (r *credentialRecord) opened() (*consent.Offer, *consent.Schema, error) {
	o, err := consent.DecodeOffer(r.offer)
	if err != nil {
		return nil, nil, ErrDamaged
	}
	s, err := consent.DecodeSchema(o.Schema)
	if err != nil {
		return nil, nil, ErrDamaged
	}
	return o, s, nil
}
