package consent

import (
	"errors"
	"math"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// EncodeSecret is the message of kind "witness" (docs/spec.md §9.8). It is as
// secret as the witness, of which it is the only form that leaves a process:
// it goes to a prover of the patient's choice and nowhere else, and is not
// kept. What the circuit takes from the statement is not in it.
func (w *Witness) EncodeSecret() []byte {
	e := tlv.NewEncoder("witness")
	e.Element(1, w.Holder.AkX)
	e.Element(2, w.Holder.AkY)
	e.Element(3, w.Holder.Nk)
	e.Bytes(4, w.Holder.Alpha[:])
	e.List(5, one(w.Consent != nil), func(_ int, e *tlv.Encoder) {
		r := w.Consent
		t := &r.Opening.Terms
		e.Uint(1, uint64(t.Purposes))
		e.Uint(2, uint64(t.Restrictions))
		e.Uint(3, uint64(t.Categories))
		e.Uint(4, uint64(t.NotBefore))
		e.Uint(5, uint64(t.NotAfter))
		e.Uint(6, uint64(t.DataFrom))
		e.Uint(7, uint64(t.DataTo))
		e.Element(8, r.Opening.Source)
		e.Element(9, r.Opening.W)
		e.Element(10, r.Opening.Salt)
		e.Element(11, r.Authority)
		e.Element(12, r.Lock)
		encodePath(e, 13, r.Path)
		e.List(15, one(r.Trust != nil), func(_ int, e *tlv.Encoder) { encodePath(e, 1, *r.Trust) })
	})
	e.List(6, one(w.Credential != nil), func(_ int, e *tlv.Encoder) {
		r := w.Credential
		e.Uint(1, uint64(r.Opening.Expires))
		e.Element(2, r.Opening.Salt)
		e.List(3, Slots, func(i int, e *tlv.Encoder) {
			e.Bool(1, r.Opening.Attributes[i].Present)
			e.Uint(2, r.Opening.Attributes[i].Value)
		})
		e.Element(4, r.Authority)
		e.Element(5, r.Lock)
		encodePath(e, 6, r.Path)
		encodePath(e, 8, r.Trust)
		e.List(10, len(r.Ranges), func(i int, e *tlv.Encoder) { e.Uint(1, uint64(r.Ranges[i])) })
		e.List(11, len(r.Sets), func(i int, e *tlv.Encoder) {
			set := &r.Sets[i]
			e.Uint(1, uint64(set.Slot))
			e.Uint(2, set.Interval.Lo)
			e.Uint(3, set.Interval.Hi)
			encodePath(e, 4, set.Path)
		})
	})
	return e.Encoded()
}

// encodePath writes a path as two fields: its index, and the siblings from the
// leaf up.
func encodePath(e *tlv.Encoder, tag uint8, p merkle.Path) {
	e.Uint(tag, p.Index)
	e.List(tag+1, len(p.Siblings), func(i int, e *tlv.Encoder) {
		for k, s := range p.Siblings[i] {
			e.Element(uint8(k+1), s)
		}
	})
}

// DecodeSecretWitness reads a witness message for a circuit, with the parts
// that this circuit has and no others, each within its bounds. That the
// witness proves anything is not checked. The error is a *tlv.Error, which
// names a field and quotes nothing of the bytes.
//
// The witness shares no memory with the bytes: who has decoded them can erase
// them, and later the witness by [Witness.Erase].
func DecodeSecretWitness(c CircuitID, secret []byte) (*Witness, error) {
	d := tlv.NewDecoder("witness", secret, MaxWitness)
	if !c.Known() {
		d.Fail("circuit", "unknown")
	}
	w := &Witness{}
	w.Holder.AkX = d.Element(1, "ak.x")
	w.Holder.AkY = d.Element(2, "ak.y")
	w.Holder.Nk = d.Element(3, "nk")
	// The order of the group is below that of the field.
	alpha := d.Element(4, "alpha")
	w.Holder.Alpha = alpha.Bytes()
	if scalar, err := redsig.DecodeScalar(w.Holder.Alpha[:]); d.Err() == nil && (err != nil || scalar.IsZero()) {
		d.Fail("alpha", "not a scalar, or 0, which would show ak")
	}
	part(d, 5, "consent", c.ProvesConsent(), func(d *tlv.Decoder) {
		w.Consent = &ConsentWitness{}
		decodeConsentWitness(c, d, w.Consent)
	})
	part(d, 6, "credential", c.ProvesCredential(), func(d *tlv.Decoder) {
		w.Credential = &CredentialWitness{}
		decodeCredentialWitness(c, d, w.Credential)
	})
	if err := d.Done(); err != nil {
		w.Erase()
		return nil, unquoted(err)
	}
	return w, nil
}

// unquoted leaves of an error where the bytes went wrong. The reasons that the
// decoder gives may quote lengths and numbers that it read out of a secret.
func unquoted(err error) error {
	var at *tlv.Error
	if !errors.As(err, &at) {
		return &tlv.Error{Message: "witness", Field: "header", Reason: "not of its form"}
	}
	return &tlv.Error{Message: at.Message, Field: at.Field, Offset: at.Offset, Reason: "not of its form"}
}

func decodeConsentWitness(c CircuitID, d *tlv.Decoder, r *ConsentWitness) {
	t := &r.Opening.Terms
	t.Purposes = codes.Purposes(d.Uint(1, "purposes", math.MaxUint64))
	t.Restrictions = codes.Restrictions(d.Uint(2, "restrictions", math.MaxUint32))
	t.Categories = codes.Categories(d.Uint(3, "categories", math.MaxUint64))
	t.NotBefore = Time(d.Uint(4, "notBefore", uint64(MaxTime)))
	t.NotAfter = Time(d.Uint(5, "notAfter", uint64(MaxTime)))
	t.DataFrom = Time(d.Uint(6, "dataFrom", uint64(MaxTime)))
	t.DataTo = Time(d.Uint(7, "dataTo", uint64(MaxTime)))
	r.Opening.Source = d.Element(8, "source")
	r.Opening.W = d.Element(9, "w")
	r.Opening.Salt = d.Element(10, "salt")
	r.Authority = d.Element(11, "authority")
	r.Lock = d.Element(12, "lock")
	r.Path = decodePath(d, 13, merkle.MaxDepth)
	part(d, 15, "trust", c.ProvesConsentAlone(), func(d *tlv.Decoder) {
		p := decodePath(d, 1, TrustDepth)
		r.Trust = &p
	})
}

func decodeCredentialWitness(c CircuitID, d *tlv.Decoder, r *CredentialWitness) {
	r.Opening.Expires = Time(d.Uint(1, "expires", uint64(MaxTime)))
	r.Opening.Salt = d.Element(2, "salt")
	exactly(d, 3, "attributes", Slots, func(i int, d *tlv.Decoder) {
		a := Attribute{Present: d.Bool(1, "present"), Value: d.Uint(2, "value", math.MaxUint64)}
		if !a.Present && a.Value != 0 {
			d.Fail("value", "an absent attribute has value 0")
		}
		r.Opening.Attributes[i] = a
	})
	r.Authority = d.Element(4, "authority")
	r.Lock = d.Element(5, "lock")
	r.Path = decodePath(d, 6, merkle.MaxDepth)
	r.Trust = decodePath(d, 8, TrustDepth)
	r.Ranges = make([]int, c.Ranges())
	exactly(d, 10, "ranges", c.Ranges(), func(i int, d *tlv.Decoder) {
		r.Ranges[i] = int(d.Uint(1, "slot", Slots-1))
	})
	r.Sets = make([]SetWitness, c.Sets())
	exactly(d, 11, "sets", c.Sets(), func(i int, d *tlv.Decoder) {
		r.Sets[i] = SetWitness{
			Slot:     int(d.Uint(1, "slot", Slots-1)),
			Interval: Interval{Lo: d.Uint(2, "lo", math.MaxUint64), Hi: d.Uint(3, "hi", math.MaxUint64)},
			Path:     decodePath(d, 4, c.SetDepth()),
		}
	})
}

func decodePath(d *tlv.Decoder, tag uint8, depth int) merkle.Path {
	p := merkle.Path{Index: d.Uint(tag, "index", merkle.Capacity(depth)-1), Siblings: make([][3]fr.Element, depth)}
	exactly(d, tag+1, "siblings", depth, func(i int, d *tlv.Decoder) {
		for k := range p.Siblings[i] {
			p.Siblings[i][k] = d.Element(uint8(k+1), "sibling")
		}
	})
	return p
}
