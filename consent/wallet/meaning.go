package wallet

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/zkconsent/zkconsent/consent"
)

// slotWords names the slots of a mask and, when they agree, their form. Where
// they do not, a boundary means something else in each: the zero Slot that is
// returned then shows it as the bare number, rather than as one slot's value.
func slotWords(s *consent.Schema, mask uint16) (words string, slot consent.Slot) {
	var labels []string
	agree := true
	for i := range consent.Slots {
		if mask>>i&1 == 0 {
			continue
		}
		if d, ok := s.Slot(i); ok {
			agree = agree && (len(labels) == 0 || d.Type == slot.Type && d.Unit == slot.Unit && d.System == slot.System)
			labels, slot = append(labels, d.Label), d
		}
	}
	if !agree {
		slot = consent.Slot{}
	}
	words = strings.Join(labels, ", ")
	if bits.OnesCount16(mask) > 1 {
		words = "at least one of: " + words
	}
	return words, slot
}

func rangeMeans(s *consent.Schema, known texts, r consent.Range) string {
	words, slot := slotWords(s, r.Mask)
	return words + ": " + intervalMeans(slot, known, consent.Interval{Lo: r.Lo, Hi: r.Hi})
}

// shownIntervals is how many intervals of a set are spelled out.
const shownIntervals = 6

func setMeans(s *consent.Schema, known texts, mask uint16, v consent.ValueSet) string {
	words, slot := slotWords(s, mask)
	var parts []string
	for i, in := range v.Intervals {
		if i == shownIntervals {
			parts = append(parts, fmt.Sprintf("and %d more", len(v.Intervals)-i))
			break
		}
		parts = append(parts, intervalMeans(slot, known, in))
	}
	text := words + ": " + strings.Join(parts, "; or ")
	if v.Name != "" {
		text += fmt.Sprintf(" (published list %q)", v.Name)
	}
	return text
}

// texts are the words behind the hashes in this wallet's own credentials.
type texts map[uint64]string

func (c *contents) texts() (texts, error) {
	known := texts{}
	for _, r := range c.credentials {
		o, _, err := r.opened()
		if err != nil {
			return nil, err
		}
		for i, t := range o.Texts {
			if t != "" {
				known[o.Credential.Attributes[i].Value] = t
			}
		}
	}
	return known, nil
}

func intervalMeans(slot consent.Slot, known texts, in consent.Interval) string {
	if slot.Type == consent.Text && in.Lo == in.Hi {
		if t, ok := known[in.Lo]; ok {
			return fmt.Sprintf("is exactly %q, as your credential says", t)
		}
		return fmt.Sprintf("is exactly another text (%016x) than your credentials say", in.Lo)
	}
	lo, hi := bound(slot, in.Lo), bound(slot, in.Hi)
	if slot.Type == consent.Code && in.Lo != in.Hi {
		if p := strings.TrimRight(hi, "/"); p != "" && p == lo {
			return "a code that begins with " + lo
		}
	}
	switch {
	case in.Lo == 0 && in.Hi == math.MaxUint64:
		return "is known at all"
	case in.Lo == in.Hi:
		return "is exactly " + lo
	case in.Lo == 0:
		return "is at most " + hi
	case in.Hi == math.MaxUint64:
		return "is at least " + lo
	}
	return fmt.Sprintf("is from %s to %s", lo, hi)
}

// bound writes a boundary in the slot's own form. A boundary may be a number
// to which no value belongs; it is shown as the number then, not left out.
func bound(slot consent.Slot, v uint64) string {
	text, err := slot.Decode(v)
	if err != nil {
		return fmt.Sprintf("value %d", v)
	}
	if slot.Unit != "" && slot.Unit != "1" {
		text += " " + slot.Unit
	}
	return text
}
