package consent

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// ErrSchema reports a schema that breaks a rule of docs/spec.md §11.3.
var ErrSchema = errors.New("schema")

// A Type is the form of a slot's values (docs/spec.md §11.1).
type Type uint8

// The types of slots.
const (
	Integer Type = 1 + iota
	Decimal
	Date
	Instant
	Code
	ID
	Text
)

var typeNames = [...]string{Integer: "integer", Decimal: "decimal", Date: "date", Instant: "instant", Code: "code", ID: "id", Text: "text"}

func (t Type) String() string {
	if t < Integer || t > Text {
		return fmt.Sprintf("type %d", uint8(t))
	}
	return typeNames[t]
}

// Ordered reports whether greater and smaller mean something.
func (t Type) Ordered() bool { return t != Text && t != ID }

// A CodeRange assigns further categories to the codes from Lo to Hi of a slot.
type CodeRange struct {
	Lo, Hi     uint64
	Categories codes.Categories
}

// A Slot describes one attribute.
type Slot struct {
	Name       string // unique in the schema
	Label      string // shown to patients
	Type       Type
	Unit       string // UCUM; of decimals
	System     string // the code system of codes and ids
	Code       string // what an observation's slot holds, as a code of System
	Fold       bool   // lower case in codes is read as upper case
	Group      uint64 // slots of one group may be linked; 0 is no group
	Categories codes.Categories
	Ranges     []CodeRange // ascending and disjoint
}

// Since is slot 0 of every schema: the day on which this holder was first
// enrolled for this person.
func Since() Slot {
	return Slot{Name: "since", Label: "known to the issuer since", Type: Date}
}

// A Schema names the slots 1 to 10 of a credential. Slot 0 is [Since].
type Schema struct {
	Name    string
	Version uint64
	Slots   []Slot // Slots[i] describes slot i+1
}

// Bounds of a schema's texts and lists.
const (
	maxSlotName   = 64
	maxSlotLabel  = 200
	maxSlotSystem = 200
	maxCodeRanges = 64
)

// Slot returns the description of slot i, 0 to 10.
func (s *Schema) Slot(i int) (Slot, bool) {
	if i == 0 {
		return Since(), true
	}
	if i < 0 || i > len(s.Slots) {
		return Slot{}, false
	}
	return s.Slots[i-1], true
}

// Find returns the number of the slot with a name.
func (s *Schema) Find(name string) (int, bool) {
	for i := 0; i <= len(s.Slots); i++ {
		if slot, _ := s.Slot(i); slot.Name == name {
			return i, true
		}
	}
	return 0, false
}

// Mask is the mask of the named slots.
func (s *Schema) Mask(names ...string) (uint16, error) {
	var mask uint16
	for _, name := range names {
		i, ok := s.Find(name)
		if !ok {
			return 0, fmt.Errorf("%w %s: no slot %q", ErrSchema, s.Name, name)
		}
		mask |= 1 << i
	}
	return mask, nil
}

// Validate checks every rule of docs/spec.md §11.3.
func (s *Schema) Validate() error {
	bad := func(slot, format string, args ...any) error {
		return fmt.Errorf("%w %s: slot %s: %s", ErrSchema, s.Name, slot, fmt.Sprintf(format, args...))
	}
	if s.Name == "" || len(s.Name) > maxSlotName || s.Version == 0 {
		return fmt.Errorf("%w: a name of 1 to %d bytes and a version from 1 are needed", ErrSchema, maxSlotName)
	}
	if len(s.Slots) == 0 || len(s.Slots) >= Slots {
		return fmt.Errorf("%w %s: %d slots, allowed are 1 to %d", ErrSchema, s.Name, len(s.Slots), Slots-1)
	}
	seen := map[string]bool{Since().Name: true}
	for _, slot := range s.Slots {
		switch {
		case slot.Name == "" || len(slot.Name) > maxSlotName || seen[slot.Name]:
			return bad(slot.Name, "the name is empty, too long or taken")
		case slot.Label == "" || len(slot.Label) > maxSlotLabel:
			return bad(slot.Name, "a label of 1 to %d bytes is needed", maxSlotLabel)
		case slot.Type < Integer || slot.Type > Text:
			return bad(slot.Name, "unknown %s", slot.Type)
		case len(slot.Unit) > maxSlotName || len(slot.System) > maxSlotSystem || len(slot.Code) > maxSlotName:
			return bad(slot.Name, "unit, system or code is too long")
		case slot.Type == Decimal && slot.Unit == "":
			return bad(slot.Name, "a decimal needs a unit (1 for none)")
		case (slot.Type == Code || slot.Type == ID) && slot.System == "":
			return bad(slot.Name, "the system goes with the code")
		case slot.Fold && slot.Type != Code:
			return bad(slot.Name, "only codes fold")
		case slot.Categories == 0 || !slot.Categories.Known():
			return bad(slot.Name, "no category, or one without a code")
		case slot.Group >= Slots:
			return bad(slot.Name, "group %d, at most %d", slot.Group, Slots-1)
		case len(slot.Ranges) > maxCodeRanges || len(slot.Ranges) > 0 && slot.Type != Code && slot.Type != ID:
			return bad(slot.Name, "too many ranges, or ranges on a type that is neither code nor id")
		}
		seen[slot.Name] = true
		for i, r := range slot.Ranges {
			if r.Lo > r.Hi || i > 0 && r.Lo <= slot.Ranges[i-1].Hi {
				return bad(slot.Name, "range %d is empty, or not after the one before it", i)
			}
			if r.Categories == 0 || !r.Categories.Known() {
				return bad(slot.Name, "range %d has no category, or one without a code", i)
			}
		}
	}
	return nil
}

// Categories is the union of all categories that a test lo ≤ a ≤ hi of the
// slots in mask touches. A request must ask for them, and a consent must grant
// them. A test whose boundary lies at a sensitive range of codes needs that
// range's categories too: "any code but those" tells who has one of those.
// The unused test (every slot, every value) touches nothing.
func (s *Schema) Categories(mask uint16, lo, hi uint64) codes.Categories {
	if mask == AllSlots && lo == 0 && hi == ^uint64(0) {
		return 0
	}
	var all codes.Categories
	for i, slot := range s.Slots {
		if mask>>(i+1)&1 == 0 {
			continue
		}
		all |= slot.Categories
		for _, r := range slot.Ranges {
			below, above := lo, hi
			if below > 0 {
				below--
			}
			if above < ^uint64(0) {
				above++
			}
			if below <= r.Hi && r.Lo <= above {
				all |= r.Categories
			}
		}
	}
	return all
}

// mostValues is the part of the 64 bits, a quarter, from which on a set is read
// as "all but": in codes, that is eleven letters of the alphabet.
const mostValues = 1 << 62

// SetCategories is the union of [Schema.Categories] over the intervals of a
// set. A set of most values tells by failing that the value lies in one of its
// gaps, however wide: it needs the gaps' categories too.
func (s *Schema) SetCategories(mask uint16, intervals []Interval) codes.Categories {
	var all codes.Categories
	most, covered := false, uint64(0)
	for _, v := range intervals {
		all |= s.Categories(mask, v.Lo, v.Hi)
		sum, carry := bits.Add64(covered, v.Hi-v.Lo, 0)
		covered, most = sum, most || carry > 0 || sum >= mostValues
	}
	for i := 1; most && i < len(intervals); i++ {
		if before, after := intervals[i-1].Hi, intervals[i].Lo; before < after {
			all |= s.Categories(mask, before, after)
		}
	}
	return all
}

// Delta is the distance k_to − k_from between two slots of one group, as a link
// states it. Slots without a common group cannot be linked.
func (s *Schema) Delta(from, to string) (int, error) {
	i, okFrom := s.Find(from)
	j, okTo := s.Find(to)
	if !okFrom || !okTo {
		return 0, fmt.Errorf("%w %s: no slot %q or %q", ErrSchema, s.Name, from, to)
	}
	a, _ := s.Slot(i)
	b, _ := s.Slot(j)
	if a.Group == 0 || a.Group != b.Group {
		return 0, fmt.Errorf("%w %s: %q and %q stand in no common group", ErrSchema, s.Name, from, to)
	}
	return j - i, nil
}

// Encode maps a value in its usual written form to the slot's 64-bit form.
func (s Slot) Encode(value string) (Attribute, error) {
	var v uint64
	var err error
	switch s.Type {
	case Integer:
		v, err = encodeWholeNumber(value)
	case Decimal:
		v, err = EncodeDecimal(value)
	case Date:
		v, err = EncodeDate(value)
	case Instant:
		var t time.Time
		if t, err = time.Parse(time.RFC3339, value); err != nil {
			err = refuse(Instant, "not of the form 2026-01-31T12:00:00Z")
		} else {
			v = EncodeInstant(t)
		}
	case Code:
		v, err = EncodeCode(value, s.Fold)
	case ID:
		v, err = EncodeID(value)
	case Text:
		v, err = EncodeText(value)
	default:
		err = refuse(s.Type, "unknown type")
	}
	if err != nil {
		return Attribute{}, fmt.Errorf("slot %s: %w", s.Name, err)
	}
	return Attribute{Value: v, Present: true}, nil
}

// Decode writes an encoded value for a reader. Texts have no way back and are
// shown as their 16 hexadecimal digits.
func (s Slot) Decode(v uint64) (string, error) {
	switch s.Type {
	case Integer:
		return fmt.Sprint(DecodeInteger(v)), nil
	case Decimal:
		return DecodeDecimal(v), nil
	case Date:
		return DecodeDate(v)
	case Instant:
		return DecodeInstant(v).Format(time.RFC3339), nil
	case Code:
		return DecodeCode(v)
	case ID:
		return fmt.Sprint(v), nil
	case Text:
		return fmt.Sprintf("text:%016x", v), nil
	}
	return "", refuse(s.Type, "unknown type")
}

func encodeWholeNumber(s string) (uint64, error) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || !onlyDigits(digits) || len(digits) > 1 && digits[0] == '0' || s == "-0" {
		return 0, refuse(Integer, "not a whole number without leading zeros")
	}
	var v int64
	if _, err := fmt.Sscan(s, &v); err != nil {
		return 0, refuse(Integer, "beyond 64 bits")
	}
	return EncodeInteger(v), nil
}

// Encode is the schema's canonical message (docs/spec.md §11.3).
func (s *Schema) Encode() []byte {
	e := tlv.NewEncoder("schema")
	e.String(1, s.Name)
	e.Uint(2, s.Version)
	e.List(3, len(s.Slots), func(i int, e *tlv.Encoder) {
		slot := s.Slots[i]
		e.String(1, slot.Name)
		e.String(2, slot.Label)
		e.Uint(3, uint64(slot.Type))
		e.String(4, slot.Unit)
		e.String(5, slot.System)
		e.String(6, slot.Code)
		e.Bool(7, slot.Fold)
		e.Uint(8, slot.Group)
		e.Uint(9, uint64(slot.Categories))
		e.List(10, len(slot.Ranges), func(j int, e *tlv.Encoder) {
			e.Uint(1, slot.Ranges[j].Lo)
			e.Uint(2, slot.Ranges[j].Hi)
			e.Uint(3, uint64(slot.Ranges[j].Categories))
		})
	})
	return e.Encoded()
}

// DecodeSchema reads a schema's message and validates it.
func DecodeSchema(data []byte) (*Schema, error) {
	d := tlv.NewDecoder("schema", data, maxSchema)
	s := &Schema{Name: d.String(1, "name", maxSlotName), Version: d.Uint(2, "version", ^uint64(0))}
	d.List(3, "slots", Slots-1, func(_ int, d *tlv.Decoder) {
		slot := Slot{
			Name: d.String(1, "name", maxSlotName), Label: d.String(2, "label", maxSlotLabel),
			Type: Type(d.Uint(3, "type", uint64(Text))), Unit: d.String(4, "unit", maxSlotName),
			System: d.String(5, "system", maxSlotSystem), Code: d.String(6, "code", maxSlotName),
			Fold: d.Bool(7, "fold"), Group: d.Uint(8, "group", Slots-1),
			Categories: codes.Categories(d.Uint(9, "categories", ^uint64(0))),
		}
		d.List(10, "ranges", maxCodeRanges, func(_ int, d *tlv.Decoder) {
			slot.Ranges = append(slot.Ranges, CodeRange{
				Lo: d.Uint(1, "lo", ^uint64(0)), Hi: d.Uint(2, "hi", ^uint64(0)),
				Categories: codes.Categories(d.Uint(3, "categories", ^uint64(0))),
			})
		})
		s.Slots = append(s.Slots, slot)
	})
	if err := d.Done(); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// Digest is what credentials and the ledger's directory name the schema by.
func (s *Schema) Digest() fr.Element { return field.Of("schema", s.Encode()) }
