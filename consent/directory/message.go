package directory

import (
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// The messages below are what governance transactions carry: one governed
// object with its next sequence number (docs/spec.md §7).

// maxObject bounds the message of one governed object.
const maxObject = MaxScopeSize*64 + 1<<10

// Encode returns the canonical `named` message of a schema, value set or trust
// list.
func (n *Named) Encode() []byte {
	e := tlv.NewEncoder("named")
	n.encode(e)
	return e.Encoded()
}

// DecodeNamed reads a `named` message and validates it.
func DecodeNamed(b []byte) (n Named, err error) {
	err = decodeObject("named", b, func(r *tlv.Decoder) { n = decodeNamed(r) }, func() error {
		if reason := textFault(n.Name, MaxName); reason != "" {
			return invalid("name", "%s", reason)
		}
		return nil
	})
	return n, err
}

// Encode returns the canonical `manifest-pin` message.
func (m *Manifest) Encode() []byte {
	e := tlv.NewEncoder("manifest-pin")
	m.encode(e)
	return e.Encoded()
}

// DecodeManifest reads a `manifest-pin` message and validates it.
func DecodeManifest(b []byte) (m Manifest, err error) {
	err = decodeObject("manifest-pin", b, func(r *tlv.Decoder) { m = decodeManifest(r) }, func() error {
		if reason := textFault(m.Circuit, MaxName); reason != "" {
			return invalid("circuit", "%s", reason)
		}
		return nil
	})
	return m, err
}

// Encode returns the canonical `validator` message.
func (v *Validator) Encode() []byte {
	e := tlv.NewEncoder("validator")
	v.encode(e)
	return e.Encoded()
}

// DecodeValidator reads a `validator` message and validates it.
func DecodeValidator(b []byte) (v Validator, err error) {
	err = decodeObject("validator", b, func(r *tlv.Decoder) { v = decodeValidator(r) }, func() error { return v.Validate() })
	return v, err
}

// Encode returns the canonical `shared-scope` message.
func (s *Scope) Encode() []byte {
	e := tlv.NewEncoder("shared-scope")
	s.encode(e)
	return e.Encoded()
}

// DecodeScope reads a `shared-scope` message and validates it.
func DecodeScope(b []byte) (s Scope, err error) {
	err = decodeObject("shared-scope", b, func(r *tlv.Decoder) { s = decodeScope(r) }, func() error { return s.Validate() })
	return s, err
}

// Encode returns the canonical `distrust` message with its sequence number.
func (x *Distrust) Encode(sequence uint64) []byte {
	e := tlv.NewEncoder("distrust")
	x.encode(e)
	e.Uint(5, sequence)
	return e.Encoded()
}

// DecodeDistrust reads a `distrust` message and its sequence number.
func DecodeDistrust(b []byte) (x Distrust, sequence uint64, err error) {
	err = decodeObject("distrust", b, func(r *tlv.Decoder) {
		x = decodeDistrust(r)
		sequence = r.Uint(5, "sequence", maxSequence)
	}, func() error {
		if x.From >= x.To {
			return invalid("to", "not above from")
		}
		return nil
	})
	return x, sequence, err
}

// Encode returns the canonical `parameters` message with its revision.
func (p *Parameters) Encode(revision uint64) []byte {
	e := tlv.NewEncoder("parameters")
	for i, v := range p.numbers() {
		e.Uint(uint8(1+i), *v)
	}
	e.Bool(10, p.EveryBlock)
	e.Bool(11, p.DevelopmentKeys)
	e.Uint(12, revision)
	return e.Encoded()
}

// DecodeParameters reads a `parameters` message and its revision, and
// validates the parameters.
func DecodeParameters(b []byte) (p Parameters, revision uint64, err error) {
	err = decodeObject("parameters", b, func(r *tlv.Decoder) {
		for i, v := range p.numbers() {
			*v = r.Uint(uint8(1+i), parameterNames[i], MaxLive)
		}
		p.EveryBlock = r.Bool(10, "every block")
		p.DevelopmentKeys = r.Bool(11, "development keys")
		revision = r.Uint(12, "revision", maxSequence)
	}, func() error { return p.validate() })
	return p, revision, err
}

var parameterNames = [...]string{"epoch", "max head age", "heartbeat", "quota", "pow bits", "revoke delay", "stewards", "trust period"}

func (p *Parameters) numbers() []*uint64 {
	return []*uint64{&p.Epoch, &p.MaxHeadAge, &p.Heartbeat, &p.Quota, &p.PowBits, &p.RevokeDelay, &p.Stewards, &p.TrustPeriod}
}

func decodeObject(kind string, b []byte, read func(*tlv.Decoder), validate func() error) error {
	r := tlv.NewDecoder(kind, b, maxObject)
	read(r)
	if err := r.Done(); err != nil {
		return err
	}
	return validate()
}

func (n *Named) encode(e *tlv.Encoder) {
	e.String(1, n.Name)
	e.Uint(2, n.Sequence)
	e.Element(3, n.Digest)
}

func decodeNamed(r *tlv.Decoder) Named {
	return Named{Name: r.String(1, "name", MaxName), Sequence: r.Uint(2, "sequence", maxSequence), Digest: r.Element(3, "digest")}
}

func (m *Manifest) encode(e *tlv.Encoder) {
	e.String(1, m.Circuit)
	e.Bytes(2, m.Digest[:])
	e.Uint(3, m.Sequence)
}

func decodeManifest(r *tlv.Decoder) Manifest {
	m := Manifest{Circuit: r.String(1, "circuit", MaxName)}
	copy(m.Digest[:], r.Bytes(2, "digest", len(m.Digest), len(m.Digest)))
	m.Sequence = r.Uint(3, "sequence", maxSequence)
	return m
}
