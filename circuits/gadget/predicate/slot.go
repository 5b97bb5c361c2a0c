package predicate

import (
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/circuits/gadget/poseidon"
	native "github.com/zkconsent/zkconsent/internal/poseidon"
)

// ValueBits is the width of an attribute that is present.
const ValueBits = 64

// AssertSlot asserts that choice, one entry for each attribute, selects
// exactly one slot and one that mask allows, and that mask has no further
// bits. It returns the attribute in that slot and the slot's number.
func AssertSlot(api frontend.API, choice []frontend.Variable, mask frontend.Variable, attributes []frontend.Variable) (value, slot frontend.Variable) {
	allowed := api.ToBinary(mask, len(attributes))
	value, slot = 0, 0
	var count, inMask frontend.Variable = 0, 0
	for i, e := range choice {
		api.AssertIsBoolean(e)
		count = api.Add(count, e)
		inMask = api.Add(inMask, api.Mul(e, allowed[i]))
		value = api.Add(value, api.Mul(e, attributes[i]))
		slot = api.Add(slot, api.Mul(e, i))
	}
	api.AssertIsEqual(count, 1)
	api.AssertIsEqual(inMask, 1)
	return value, slot
}

// AssertLink asserts that flag is 0 or 1 and, if it is 1, that slot lies
// off − bias after first.
func AssertLink(api frontend.API, flag, off, slot, first frontend.Variable, bias int) {
	api.AssertIsBoolean(flag)
	api.AssertIsEqual(api.Mul(flag, api.Sub(api.Add(slot, bias), first, off)), 0)
}

// AssertInSet asserts that value lies in a private interval [lo, hi] that is
// one of the set's. lo and hi need no check of their own: they come from a
// leaf, and whoever accepts root has rebuilt it from 64-bit integers.
func AssertInSet(api frontend.API, h *poseidon.Hasher, value, lo, hi frontend.Variable, p merkle.Path, root frontend.Variable) {
	AssertWithin(api, lo, value, hi, ValueBits)
	merkle.AssertMember(api, h, h.Sum(native.TagInterval, lo, hi), p, root)
}
