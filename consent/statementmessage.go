package consent

import (
	"fmt"
	"math"

	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// MaxStatement and MaxWitness bound in bytes what is read as a statement or a
// witness message; those of the largest circuit are a fraction of it.
const (
	MaxStatement = 1 << 16
	MaxWitness   = 1 << 16
)

// Encode is the message of kind "statement" (docs/spec.md §9.8): the parts that
// the circuit has, and no others.
func (s *Statement) Encode() []byte {
	e := tlv.NewEncoder("statement")
	e.String(1, string(s.Circuit))
	e.Element(2, s.Scope)
	e.Element(3, s.Challenge)
	e.Element(4, s.Nullifier)
	e.Element(5, s.RkX)
	e.Element(6, s.RkY)
	e.List(7, one(s.Circuit.Enrols()), func(_ int, e *tlv.Encoder) {
		e.Element(1, s.Holder)
	})
	e.List(8, one(!s.Circuit.Enrols()), func(_ int, e *tlv.Encoder) {
		e.Uint(1, s.Epoch)
		e.Element(2, s.Root)
		e.Uint(3, uint64(s.Now))
		e.Uint(4, uint64(s.Until))
		e.Element(5, s.TrustRoot)
	})
	e.List(9, one(s.Circuit.ProvesConsent()), func(_ int, e *tlv.Encoder) {
		e.Uint(1, uint64(s.Purpose))
		e.Uint(2, uint64(s.Accepted))
		e.Uint(3, uint64(s.Categories))
		e.Uint(4, uint64(s.QFrom))
		e.Uint(5, uint64(s.QTo))
		e.Element(6, s.Grantee)
		e.Element(7, s.Policy)
		e.Element(8, s.Watch)
	})
	e.List(10, one(s.Circuit.ProvesCredential()), func(_ int, e *tlv.Encoder) {
		e.Element(1, s.Schema)
		e.List(2, len(s.Ranges), func(i int, e *tlv.Encoder) {
			e.Uint(1, uint64(s.Ranges[i].Mask))
			e.Uint(2, s.Ranges[i].Lo)
			e.Uint(3, s.Ranges[i].Hi)
		})
		e.List(3, len(s.Sets), func(i int, e *tlv.Encoder) {
			e.Uint(1, uint64(s.Sets[i].Mask))
			e.Element(2, s.Sets[i].Root)
		})
		e.List(4, len(s.Links), func(i int, e *tlv.Encoder) {
			e.Bool(1, s.Links[i].On)
			e.Uint(2, uint64(s.Links[i].Offset))
		})
	})
	return e.Encoded()
}

// one is the length of a list that stands for a part: 1 where the part is.
func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// DecodeStatement reads a statement message. It has the parts of its circuit,
// each within its bounds: [Statement.PublicInputs] does not fail for it.
func DecodeStatement(b []byte) (*Statement, error) {
	d := tlv.NewDecoder("statement", b, MaxStatement)
	s := &Statement{Circuit: CircuitID(d.String(1, "circuit", 64))}
	if d.Err() == nil && !s.Circuit.Known() {
		d.Fail("circuit", "unknown")
	}
	c := s.Circuit
	s.Scope = d.Element(2, "scope")
	s.Challenge = d.Element(3, "challenge")
	s.Nullifier = d.Element(4, "nullifier")
	s.RkX = d.Element(5, "rk.x")
	s.RkY = d.Element(6, "rk.y")
	part(d, 7, "enrolment", c.Enrols(), func(d *tlv.Decoder) {
		s.Holder = d.Element(1, "holder")
	})
	part(d, 8, "record", !c.Enrols(), func(d *tlv.Decoder) {
		s.Epoch = d.Uint(1, "epoch", math.MaxUint64)
		s.Root = d.Element(2, "root")
		s.Now = Time(d.Uint(3, "now", uint64(MaxTime)))
		s.Until = Time(d.Uint(4, "until", uint64(MaxTime)))
		s.TrustRoot = d.Element(5, "trust root")
	})
	part(d, 9, "consent", c.ProvesConsent(), func(d *tlv.Decoder) {
		s.Purpose = codes.Purposes(d.Uint(1, "purpose", math.MaxUint64))
		s.Accepted = codes.Restrictions(d.Uint(2, "accepted", math.MaxUint32))
		s.Categories = codes.Categories(d.Uint(3, "categories", math.MaxUint64))
		s.QFrom = Time(d.Uint(4, "qFrom", uint64(MaxTime)))
		s.QTo = Time(d.Uint(5, "qTo", uint64(MaxTime)))
		s.Grantee = d.Element(6, "grantee")
		s.Policy = d.Element(7, "policy")
		s.Watch = d.Element(8, "watch")
	})
	part(d, 10, "credential", c.ProvesCredential(), func(d *tlv.Decoder) {
		s.Schema = d.Element(1, "schema")
		exactly(d, 2, "ranges", c.Ranges(), func(_ int, d *tlv.Decoder) {
			s.Ranges = append(s.Ranges, Range{
				Mask: mask(d), Lo: d.Uint(2, "lo", math.MaxUint64), Hi: d.Uint(3, "hi", math.MaxUint64),
			})
		})
		exactly(d, 3, "sets", c.Sets(), func(_ int, d *tlv.Decoder) {
			s.Sets = append(s.Sets, SetRange{Mask: mask(d), Root: d.Element(2, "root")})
		})
		exactly(d, 4, "links", c.Links(), func(_ int, d *tlv.Decoder) {
			l := Link{On: d.Bool(1, "on"), Offset: uint8(d.Uint(2, "offset", 2*LinkBias))}
			if err := l.check(); err != nil {
				d.Fail("offset", err.Error())
			}
			s.Links = append(s.Links, l)
		})
	})
	if err := d.Done(); err != nil {
		return nil, err
	}
	return s, nil
}

func mask(d *tlv.Decoder) uint16 {
	m := uint16(d.Uint(1, "mask", AllSlots))
	if m == 0 {
		d.Fail("mask", "names no slot")
	}
	return m
}

// part reads a list that stands for a part: of one item where the circuit has
// the part, and of none where it does not.
func part(d *tlv.Decoder, tag uint8, name string, has bool, read func(*tlv.Decoder)) {
	exactly(d, tag, name, one(has), func(_ int, d *tlv.Decoder) { read(d) })
}

// exactly reads a list of n items.
func exactly(d *tlv.Decoder, tag uint8, name string, n int, item func(i int, d *tlv.Decoder)) {
	if got := d.List(tag, name, n, item); d.Err() == nil && got != n {
		d.Fail(name, fmt.Sprintf("%d items, the circuit has %d", got, n))
	}
}
