package member

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// MaxEncoded bounds the member-card message in bytes.
const MaxEncoded = 2 << 10

// ErrProof reports a card that was not signed with every key that it names.
var ErrProof = errors.New("member: the card is not signed with the keys that it names")

// A Card is the public part of what a member brings to a ledger. It is signed
// with the keys that it names, so that nobody enters another's.
type Card struct {
	Name      string            // of the member
	Validator ed25519.PublicKey // signs blocks
	Node      NodeID            // in the network of nodes
	Address   string            // host:port for other nodes
	Authority ed25519.PublicKey // signs as a steward; nil if the member is none
	URI       string            // of the steward; empty without Authority

	validatorProof, authorityProof []byte
}

// Steward is the record of the card's steward in a genesis.
func (c *Card) Steward() (directory.Authority, bool) {
	if c.Authority == nil {
		return directory.Authority{}, false
	}
	return directory.Authority{
		ID: directory.AuthorityID(c.Authority), Key: c.Authority, URI: c.URI, Name: c.Name, Roles: directory.Steward, Active: true,
	}, true
}

// Peer is the address under which other nodes reach the member's.
func (c *Card) Peer() Peer { return Peer{c.Node, c.Address} }

// Sign proves possession of the validator's key and, if the card names an
// authority, of that one's. It sets the keys that it signs with. The same
// Ed25519 key signs votes: those begin with a length and the tag of a field,
// and never with the domain of this signature.
func (c *Card) Sign(validator, authority ed25519.PrivateKey) {
	c.Validator = validator.Public().(ed25519.PublicKey)
	if authority != nil {
		c.Authority = authority.Public().(ed25519.PublicKey)
	}
	c.validatorProof, c.authorityProof = signed.Sign(validator, signed.MemberCard, c.message().Encoded()), nil
	if authority != nil {
		c.authorityProof = signed.Sign(authority, signed.MemberCard, c.message().Encoded())
	}
}

// message writes everything but the signatures.
func (c *Card) message() *tlv.Encoder {
	e := tlv.NewEncoder("member-card")
	e.String(1, c.Name)
	e.Bytes(2, c.Validator)
	e.Bytes(3, c.Node[:])
	e.String(4, c.Address)
	e.Bytes(5, c.Authority)
	e.String(6, c.URI)
	return e
}

// Encode returns the canonical member-card message.
func (c *Card) Encode() []byte {
	e := c.message()
	e.Bytes(7, c.validatorProof)
	e.Bytes(8, c.authorityProof)
	return e.Encoded()
}

// Decode reads a member-card message and checks its signatures. The error
// wraps [ErrProof] if one of them is not good.
func Decode(b []byte) (*Card, error) {
	r := tlv.NewDecoder("member-card", b, MaxEncoded)
	c := &Card{Name: r.String(1, "name", directory.MaxName)}
	c.Validator = r.Bytes(2, "validator", ed25519.PublicKeySize, ed25519.PublicKeySize)
	copy(c.Node[:], r.Bytes(3, "node", len(c.Node), len(c.Node)))
	c.Address = r.String(4, "address", MaxAddress)
	if k := r.Bytes(5, "authority", 0, ed25519.PublicKeySize); len(k) > 0 {
		c.Authority = k
	}
	c.URI = r.String(6, "uri", directory.MaxURI)
	c.validatorProof = r.Bytes(7, "validator's signature", signed.Size, signed.Size)
	c.authorityProof = r.Bytes(8, "authority's signature", 0, signed.Size)
	if err := r.Done(); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// check holds the card to what a genesis and a network of nodes take.
func (c *Card) check() error {
	v := directory.Validator{Key: c.Validator, Power: 1, Name: c.Name}
	if err := v.Validate(); err != nil {
		return fmt.Errorf("member: validator: %w", err)
	}
	if err := checkAddress(c.Address); err != nil {
		return err
	}
	if !signed.Verify(c.Validator, signed.MemberCard, c.message().Encoded(), c.validatorProof) {
		return fmt.Errorf("%w: the validator's", ErrProof)
	}
	a, ok := c.Steward()
	if !ok {
		if c.URI != "" || len(c.authorityProof) > 0 {
			return &tlv.Error{Message: "member-card", Field: "authority", Reason: "has a URI or a signature, and no key"}
		}
		return nil
	}
	if err := a.Validate(); err != nil {
		return fmt.Errorf("member: authority: %w", err)
	}
	// One key for both would put the power to govern on the machine that signs
	// every block.
	if bytes.Equal(c.Authority, c.Validator) {
		return &tlv.Error{Message: "member-card", Field: "authority", Reason: "is the validator's key; a steward's is another"}
	}
	if !signed.Verify(c.Authority, signed.MemberCard, c.message().Encoded(), c.authorityProof) {
		return fmt.Errorf("%w: the authority's", ErrProof)
	}
	return nil
}

// StewardURI is the reference of a steward that has none of its own yet.
func StewardURI(key ed25519.PublicKey) string {
	return "urn:zkconsent:steward:" + field.Hex(directory.AuthorityID(key))[:16]
}
