package consent

import (
	"fmt"
	"math"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/poseidon"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// An Interval is a closed range of attribute values.
type Interval struct{ Lo, Hi uint64 }

// A ValueSet is a set of attribute values as ascending, disjoint intervals
// (docs/spec.md §5). A set without a name was made for one request; one with a
// name is governed by the ledger.
type ValueSet struct {
	Name      string
	Sequence  uint64
	Intervals []Interval
}

// AnyValue is the set of all values that are present: an unused set predicate.
func AnyValue() ValueSet { return ValueSet{Intervals: []Interval{{0, math.MaxUint64}}} }

// maxIntervals bounds a value set: the leaves of the wide profile's tree.
const maxIntervals = 1 << 14

const maxName = 64

// Check refuses a set that is empty, too large, unsorted or overlapping.
func (v *ValueSet) Check() error {
	if len(v.Intervals) == 0 || len(v.Intervals) > maxIntervals {
		return fmt.Errorf("value set %q: %d intervals, allowed are 1 to %d", v.Name, len(v.Intervals), maxIntervals)
	}
	for i, iv := range v.Intervals {
		if iv.Lo > iv.Hi {
			return fmt.Errorf("value set %q: interval %d ends before it begins", v.Name, i)
		}
		if i > 0 && iv.Lo <= v.Intervals[i-1].Hi {
			return fmt.Errorf("value set %q: interval %d is not above the one before it", v.Name, i)
		}
	}
	return nil
}

// Contains says in which interval a value lies.
func (v *ValueSet) Contains(value uint64) (index int, ok bool) {
	for i, iv := range v.Intervals {
		if iv.Lo <= value && value <= iv.Hi {
			return i, true
		}
	}
	return 0, false
}

// Negative reports a set that reaches both ends of the values without being
// all of them: the form of "not equal", "not in" and "not prefix". Over
// several slots such a set says only that some slot differs.
func (v *ValueSet) Negative() bool {
	n := len(v.Intervals)
	return n > 1 && v.Intervals[0].Lo == 0 && v.Intervals[n-1].Hi == math.MaxUint64
}

// Encode is the set's message of kind "value-set".
func (v *ValueSet) Encode() []byte {
	e := tlv.NewEncoder("value-set")
	e.String(1, v.Name)
	e.Uint(2, v.Sequence)
	encodeIntervals(e, 3, v.Intervals)
	return e.Encoded()
}

// DecodeValueSet reads a value-set message and checks it.
func DecodeValueSet(b []byte) (*ValueSet, error) {
	d := tlv.NewDecoder("value-set", b, maxIntervals*32)
	v := &ValueSet{Name: d.String(1, "name", maxName), Sequence: d.Uint(2, "sequence", math.MaxUint64)}
	v.Intervals = decodeIntervals(d, 3)
	if err := d.Done(); err != nil {
		return nil, err
	}
	return v, v.Check()
}

func encodeIntervals(e *tlv.Encoder, tag uint8, intervals []Interval) {
	e.List(tag, len(intervals), func(i int, e *tlv.Encoder) {
		e.Uint(1, intervals[i].Lo)
		e.Uint(2, intervals[i].Hi)
	})
}

func decodeIntervals(d *tlv.Decoder, tag uint8) (intervals []Interval) {
	d.List(tag, "intervals", maxIntervals, func(_ int, d *tlv.Decoder) {
		intervals = append(intervals, Interval{d.Uint(1, "lo", math.MaxUint64), d.Uint(2, "hi", math.MaxUint64)})
	})
	return intervals
}

// Digest names the set on the ledger.
func (v *ValueSet) Digest() fr.Element { return field.Of("value-set", v.Encode()) }

// fits refuses a set with more intervals than a tree of this depth has leaves.
func (v *ValueSet) fits(depth int) error {
	if uint64(len(v.Intervals)) > merkle.Capacity(depth) {
		return fmt.Errorf("value set %q: %d intervals do not fit the profile's %d", v.Name, len(v.Intervals), merkle.Capacity(depth))
	}
	return nil
}

// Tree is the set's tree of the given depth; the root is a public input.
func (v *ValueSet) Tree(depth int) (*merkle.Tree, error) {
	if err := v.fits(depth); err != nil {
		return nil, err
	}
	leaves := make([]fr.Element, len(v.Intervals))
	for i, iv := range v.Intervals {
		leaves[i] = poseidon.Sum(poseidon.TagInterval, field.Uint(iv.Lo), field.Uint(iv.Hi))
	}
	return merkle.NewTree(depth, leaves...)
}
