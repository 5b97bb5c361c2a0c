package consent

import (
	"fmt"
	"math"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// An Offer hands a credential's opening to its holder. It needs no signature:
// the wallet looks for the leaf that the issuer put on the ledger.
//
// An offer is as private as the attributes in it.
type Offer struct {
	Genesis    [32]byte
	Issuer     fr.Element // authority id
	Schema     []byte     // schema message
	Lock       fr.Element
	Credential Credential
	Texts      Texts // what the credential keeps as hashes
}

// Texts are the words of a credential's slots of type text, so that a patient
// reads them and not their hashes. An empty one is not told.
type Texts [Slots]string

const maxText = 200

// Showable reports whether a text can stand in an offer: not too long, and
// printable throughout.
func Showable(text string) bool { return len(text) <= maxText && tlv.Printable(text) }

// Check refuses a text that is not the one behind its slot's value: a patient
// would agree to something else than what is attested.
func (t *Texts) Check(s *Schema, attributes *[Slots]Attribute) error {
	for i, text := range t {
		if text == "" {
			continue
		}
		slot, ok := s.Slot(i)
		if !ok || slot.Type != Text || !attributes[i].Present {
			return fmt.Errorf("slot %d keeps no text", i)
		}
		if v, err := EncodeText(text); err != nil || v != attributes[i].Value || len(text) > maxText {
			return fmt.Errorf("slot %d keeps another text", i)
		}
	}
	return nil
}

// Encode is the message of kind "offer".
func (o *Offer) Encode() []byte {
	e := tlv.NewEncoder("offer")
	e.Bytes(1, o.Genesis[:])
	e.Element(2, o.Issuer)
	e.Bytes(3, o.Schema)
	e.Element(4, o.Lock)
	e.Element(5, o.Credential.Holder)
	e.Uint(6, uint64(o.Credential.Expires))
	e.Element(7, o.Credential.Salt)
	e.List(8, Slots, func(i int, e *tlv.Encoder) {
		e.Bool(1, o.Credential.Attributes[i].Present)
		e.Uint(2, o.Credential.Attributes[i].Value)
		e.String(3, o.Texts[i])
	})
	return e.Encoded()
}

// DecodeOffer reads an offer message.
func DecodeOffer(b []byte) (*Offer, error) {
	d := tlv.NewDecoder("offer", b, MaxMessage)
	o := &Offer{}
	copy(o.Genesis[:], d.Bytes(1, "genesis", 32, 32))
	o.Issuer = d.Element(2, "issuer")
	o.Schema = d.Bytes(3, "schema", 1, maxSchema)
	o.Lock = d.Element(4, "lock")
	c := &o.Credential
	c.Holder = d.Element(5, "holder")
	c.Expires = Time(d.Uint(6, "expires", uint64(MaxTime)))
	c.Salt = d.Element(7, "salt")
	n := d.List(8, "attributes", Slots, func(i int, d *tlv.Decoder) {
		a := Attribute{Present: d.Bool(1, "present"), Value: d.Uint(2, "value", math.MaxUint64)}
		if !a.Present && a.Value != 0 {
			d.Fail("value", "an absent attribute has value 0")
		}
		c.Attributes[i] = a
		o.Texts[i] = d.String(3, "text", maxText)
	})
	if d.Err() == nil && n != Slots {
		d.Fail("attributes", fmt.Sprintf("%d attributes, a credential has %d", n, Slots))
	}
	c.Schema = field.Of("schema", o.Schema)
	return o, d.Done()
}

// A Sealed item is a record that its relay cannot read.
type Sealed struct {
	Commitment fr.Element
	Lock       fr.Element
}

// MaxSealed is the greatest number of items of one batch.
const MaxSealed = 4096

// A SealedBatch is what a wallet gives its registrar to put on the ledger.
type SealedBatch struct {
	Genesis   [32]byte
	Registrar fr.Element // authority id of the registrar that is meant
	Items     []Sealed
}

// Encode is the message of kind "sealed".
func (s *SealedBatch) Encode() []byte {
	e := tlv.NewEncoder("sealed")
	e.Bytes(1, s.Genesis[:])
	e.Element(2, s.Registrar)
	e.List(3, len(s.Items), func(i int, e *tlv.Encoder) {
		e.Element(1, s.Items[i].Commitment)
		e.Element(2, s.Items[i].Lock)
	})
	return e.Encoded()
}

// DecodeSealedBatch reads a sealed message of 1 to MaxSealed items.
func DecodeSealedBatch(b []byte) (*SealedBatch, error) {
	d := tlv.NewDecoder("sealed", b, 1<<19)
	s := &SealedBatch{}
	copy(s.Genesis[:], d.Bytes(1, "genesis", 32, 32))
	s.Registrar = d.Element(2, "registrar")
	n := d.List(3, "items", MaxSealed, func(_ int, d *tlv.Decoder) {
		s.Items = append(s.Items, Sealed{d.Element(1, "commitment"), d.Element(2, "lock")})
	})
	if d.Err() == nil && n == 0 {
		d.Fail("items", "none")
	}
	return s, d.Done()
}
