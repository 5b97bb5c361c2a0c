package consent

import (
	"fmt"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/field"
)

// AllSlots is the mask of every attribute slot.
const AllSlots = 1<<Slots - 1

// LinkBias is added to a link's distance so that it is never negative.
const LinkBias = 10

// A Range says that the attribute in one slot of Mask, which one stays hidden,
// lies in [Lo, Hi].
type Range struct {
	Mask   uint16
	Lo, Hi uint64
}

// A SetRange says that the attribute in one slot of Mask lies in the value set
// whose tree has this root.
type SetRange struct {
	Mask uint16
	Root fr.Element
}

// A Link ties the slot of a range or set to the slot of range 0: when On, it is
// Offset − LinkBias slots further. Links are numbered ranges 1, 2, 3, then sets.
type Link struct {
	On     bool
	Offset uint8 // distance + LinkBias, 0 to 20; 0 when the link is off
}

// A Statement is what a proof proves: the typed public inputs of one circuit
// (docs/spec.md §9.2). Fields of which the circuit knows nothing stay zero.
type Statement struct {
	Circuit CircuitID

	Holder fr.Element // enrol only
	Epoch  uint64     // whose root Root is; signed, not proved (docs/spec.md §3.2); 0 in enrol

	Root       fr.Element
	Now, Until Time
	Purpose    codes.Purposes
	Accepted   codes.Restrictions
	Categories codes.Categories
	QFrom, QTo Time
	Grantee    fr.Element
	Policy     fr.Element
	TrustRoot  fr.Element // registrars in the consent circuit, issuers elsewhere
	Schema     fr.Element
	Ranges     []Range
	Sets       []SetRange
	Links      []Link
	Scope      fr.Element
	Challenge  fr.Element
	Nullifier  fr.Element
	Watch      fr.Element
	RkX, RkY   fr.Element
}

// PublicInputs lists the public inputs in the order of docs/spec.md §9.2. It
// refuses a statement whose shape is not its circuit's or whose integers leave
// their bounds: nothing in the circuit would bound a public integer again.
func (s *Statement) PublicInputs() ([]fr.Element, error) {
	c := s.Circuit
	switch {
	case !c.Known():
		return nil, fmt.Errorf("statement: unknown circuit %q", c)
	case len(s.Ranges) != c.Ranges() || len(s.Sets) != c.Sets() || len(s.Links) != c.Links():
		return nil, fmt.Errorf("statement: %d ranges, %d sets, %d links; %s has %d, %d, %d",
			len(s.Ranges), len(s.Sets), len(s.Links), c, c.Ranges(), c.Sets(), c.Links())
	}
	for _, t := range []Time{s.Now, s.Until, s.QFrom, s.QTo} {
		if t > MaxTime {
			return nil, fmt.Errorf("statement: time %d is beyond 2^40", t)
		}
	}
	if c.Enrols() {
		return []fr.Element{s.Holder, s.Scope, s.Challenge, s.Nullifier, s.RkX, s.RkY}, nil
	}
	in := []fr.Element{s.Root, field.Uint(uint64(s.Now)), field.Uint(uint64(s.Until))}
	if c.ProvesConsent() {
		in = append(in, field.Uint(uint64(s.Purpose)), field.Uint(uint64(s.Accepted)), field.Uint(uint64(s.Categories)),
			field.Uint(uint64(s.QFrom)), field.Uint(uint64(s.QTo)), s.Grantee, s.Policy)
	}
	in = append(in, s.TrustRoot)
	if c.ProvesCredential() {
		in = append(in, s.Schema)
		for i, r := range s.Ranges {
			if err := checkMask(r.Mask); err != nil {
				return nil, fmt.Errorf("statement: range %d: %w", i, err)
			}
			in = append(in, field.Uint(uint64(r.Mask)), field.Uint(r.Lo), field.Uint(r.Hi))
		}
		for i, r := range s.Sets {
			if err := checkMask(r.Mask); err != nil {
				return nil, fmt.Errorf("statement: set %d: %w", i, err)
			}
			in = append(in, field.Uint(uint64(r.Mask)), r.Root)
		}
		for i, l := range s.Links {
			if err := l.check(); err != nil {
				return nil, fmt.Errorf("statement: link %d: %w", i, err)
			}
			on := fr.Element{}
			if l.On {
				on.SetOne()
			}
			in = append(in, on, field.Uint(uint64(l.Offset)))
		}
	}
	in = append(in, s.Scope, s.Challenge, s.Nullifier)
	if c.ProvesConsent() {
		in = append(in, s.Watch)
	}
	return append(in, s.RkX, s.RkY), nil
}

func checkMask(m uint16) error {
	if m == 0 || bits.Len16(m) > Slots {
		return fmt.Errorf("mask %#x names no slot or one beyond the %d", m, Slots)
	}
	return nil
}

func (l Link) check() error {
	if l.Offset > 2*LinkBias || !l.On && l.Offset != 0 {
		return fmt.Errorf("offset %d, allowed are 0 to %d, and 0 alone when the link is off", l.Offset, 2*LinkBias)
	}
	return nil
}
