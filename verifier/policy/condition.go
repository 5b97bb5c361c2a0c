package policy

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// test compiles one condition.
func (p *Policy) test(i int, now time.Time) (*test, error) {
	c := &p.doc.Where[i]
	t := &test{where: strings.TrimSuffix(at(i, ""), "."), slots: c.Slots, id: c.ID, linkTo: c.LinkTo}
	slots, err := p.slots(t, c.Slots)
	if err != nil {
		return nil, err
	}
	kind, tests := "", 0
	for _, k := range []struct {
		name string
		is   bool
	}{
		{"age", c.Age != nil}, {"atMost", c.AtMost != nil}, {"atLeast", c.AtLeast != nil}, {"between", c.Between != nil},
		{"equals", c.Equals != nil}, {"notEquals", c.NotEquals != nil}, {"oneOf", c.OneOf != nil}, {"in", c.In != nil}, {"prefix", c.Prefix != nil},
	} {
		if k.is {
			kind = k.name
			tests++
		}
	}
	if tests != 1 {
		return nil, fault(t.where, "%d tests; a condition has exactly one of age, atMost, atLeast, between, equals, notEquals, oneOf, in, prefix", tests)
	}
	b := builder{where: t.where + "." + kind, slot: slots[0]}
	var words string
	switch kind {
	case "age":
		words = b.age(c.Age, now)
	case "atMost":
		words = b.bounds(nil, c.AtMost)
	case "atLeast":
		words = b.bounds(c.AtLeast, nil)
	case "between":
		if len(c.Between) != 2 {
			return nil, fault(b.where, "%d values, not a first and a last one", len(c.Between))
		}
		words = b.bounds(&c.Between[0], &c.Between[1])
	case "equals":
		words = b.oneOf([]string{*c.Equals})
	case "oneOf":
		words = b.oneOf(c.OneOf)
	case "notEquals":
		if len(slots) != 1 {
			return nil, fault(b.where, "over several slots it would only say that one of them differs; name one slot")
		}
		words = b.notEquals(*c.NotEquals)
	case "in":
		b.set = p.sets[*c.In]
		words = "is in the list " + b.set.Name
		if b.set.Name == "" {
			words = "is in the list of the file " + *c.In
		}
		if b.set.Negative() && len(slots) > 1 {
			return nil, fault(b.where, "the list excludes values; over several slots it would only say that one of them differs")
		}
	case "prefix":
		words = b.prefix(c.Prefix)
	}
	if b.err != nil {
		return nil, b.err
	}
	if err := b.set.Check(); err != nil {
		return nil, fault(b.where, "%v", err)
	}
	t.set = b.set
	t.label = c.Label
	if t.label == "" {
		t.label = subject(slots) + " " + words
		if c.LinkTo != "" {
			t.label += " (of the same entry)"
		}
	}
	if len(t.label) > maxLabel {
		return nil, fault(t.where+".label", "%d bytes, at most %d are shown; give a shorter one", len(t.label), maxLabel)
	}
	return t, nil
}

// maxLabel is the bound of a request's labels.
const maxLabel = 200

// slots looks up the slots of a condition, which must hold the same kind of
// value: the system goes with the code.
func (p *Policy) slots(t *test, names []string) ([]consent.Slot, error) {
	where := t.where + ".slots"
	if len(names) == 0 {
		return nil, fault(where, "none is named")
	}
	var out []consent.Slot
	for _, name := range names {
		i, ok := p.schema.Find(name)
		if !ok {
			return nil, fault(where, "schema %s has no slot %q", p.schema.Name, name)
		}
		if t.mask>>i&1 == 1 {
			return nil, fault(where, "%q is named twice", name)
		}
		t.mask |= 1 << i
		s, _ := p.schema.Slot(i)
		if f := out; len(f) > 0 && (s.Type != f[0].Type || s.System != f[0].System || s.Unit != f[0].Unit || s.Code != f[0].Code || s.Fold != f[0].Fold) {
			return nil, fault(where, "%q and %q hold different kinds of values", names[0], name)
		}
		out = append(out, s)
	}
	return out, nil
}

// subject is the slots in words: "diagnosis 1, diagnosis 2 or diagnosis 3".
func subject(slots []consent.Slot) string {
	var names []string
	for _, s := range slots {
		names = append(names, s.Label)
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// A builder collects the intervals of one test. Its methods return the test in
// words.
type builder struct {
	where string
	slot  consent.Slot
	set   consent.ValueSet
	err   error
}

func (b *builder) fail(format string, args ...any) string {
	if b.err == nil {
		b.err = fault(b.where, format, args...)
	}
	return ""
}

// value is the interval of what a written value means.
func (b *builder) value(s string) (lo, hi uint64) {
	a, err := b.slot.Encode(s)
	if err != nil {
		b.fail("%q: %v", s, err)
	}
	return a.Value, a.Value
}

// reach is like value, but a code stands for all that begin with it.
func (b *builder) reach(s string) (lo, hi uint64) {
	if b.slot.Type != consent.Code {
		return b.value(s)
	}
	if b.slot.Fold {
		s = strings.ToUpper(s)
	}
	lo, hi, err := consent.CodePrefix(s)
	if err != nil {
		b.fail("%q: %v", s, err)
	}
	return lo, hi
}

func (b *builder) bounds(from, to *string) string {
	if !b.slot.Type.Ordered() {
		return b.fail("a slot of type %s has no order; use equals, oneOf or in", b.slot.Type)
	}
	iv := consent.Interval{Hi: math.MaxUint64}
	if from != nil {
		iv.Lo, _ = b.reach(*from)
	}
	if to != nil {
		_, iv.Hi = b.reach(*to)
	}
	if iv.Lo > iv.Hi {
		return b.fail("the last value lies before the first")
	}
	b.set.Intervals = []consent.Interval{iv}
	dated := b.slot.Type == consent.Date || b.slot.Type == consent.Instant
	unit := b.unit()
	switch {
	case from == nil && dated:
		return "is on or before " + *to
	case from == nil:
		return "is at most " + *to + unit
	case to == nil && dated:
		return "is on or after " + *from
	case to == nil:
		return "is at least " + *from + unit
	}
	return "is from " + *from + " to " + *to + unit
}

func (b *builder) unit() string {
	if b.slot.Unit == "" || b.slot.Unit == "1" {
		return ""
	}
	return " " + b.slot.Unit
}

func (b *builder) oneOf(values []string) string {
	if len(values) == 0 {
		return b.fail("no value is named")
	}
	for _, s := range values {
		lo, hi := b.value(s)
		b.set.Intervals = append(b.set.Intervals, consent.Interval{Lo: lo, Hi: hi})
	}
	b.merge()
	return "is " + strings.Join(values, " or ") + b.unit()
}

func (b *builder) notEquals(s string) string {
	v, _ := b.value(s)
	if v > 0 {
		b.set.Intervals = append(b.set.Intervals, consent.Interval{Lo: 0, Hi: v - 1})
	}
	if v < math.MaxUint64 {
		b.set.Intervals = append(b.set.Intervals, consent.Interval{Lo: v + 1, Hi: math.MaxUint64})
	}
	return "is present and not " + s + b.unit()
}

func (b *builder) prefix(prefixes []string) string {
	if b.slot.Type != consent.Code {
		return b.fail("a slot of type %s has no prefixes, only codes have", b.slot.Type)
	}
	if len(prefixes) == 0 {
		return b.fail("no prefix is named")
	}
	for _, s := range prefixes {
		lo, hi := b.reach(s)
		b.set.Intervals = append(b.set.Intervals, consent.Interval{Lo: lo, Hi: hi})
	}
	b.merge()
	return "begins with " + strings.Join(prefixes, " or ")
}

// merge puts the intervals into their one ascending, disjoint form.
func (b *builder) merge() {
	slices.SortFunc(b.set.Intervals, func(x, y consent.Interval) int { return cmp.Compare(x.Lo, y.Lo) })
	out := b.set.Intervals[:1]
	for _, iv := range b.set.Intervals[1:] {
		if last := &out[len(out)-1]; last.Hi == math.MaxUint64 || iv.Lo <= last.Hi+1 {
			last.Hi = max(last.Hi, iv.Hi)
		} else {
			out = append(out, iv)
		}
	}
	b.set.Intervals = out
}
