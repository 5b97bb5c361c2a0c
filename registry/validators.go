package registry

import (
	"bytes"
	"slices"

	"github.com/zkconsent/zkconsent/consent/directory"
)

// punish takes the power of validators that signed two blocks of one height
// (docs/spec.md §6.7). Addresses are consensus's; one without power, or that
// no validator has, changes nothing. The last validator with power keeps it:
// a ledger that nobody can go on with helps nobody, and its members see the
// evidence in the block.
func (st *staging) punish(misbehaving [][20]byte) error {
	d := *st.dir
	d.Validators = slices.Clone(d.Validators)
	changed := false
	for _, who := range misbehaving {
		for i := range d.Validators {
			v := &d.Validators[i]
			if v.Power == 0 || v.Address() != who || len(d.Voting()) == 1 {
				continue
			}
			// The number rises, so that no decision of before the deed is left
			// that could give the power back.
			v.Power, v.Sequence = 0, v.Sequence+1
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return st.setDirectory(&d)
}

// changedPower lists the validators whose power differs between two
// directories, ascending by key, as they are afterwards. No record of a
// validator ever leaves the directory.
func changedPower(before, after *directory.Directory) (out []directory.Validator) {
	for _, v := range after.Validators {
		at, known := slices.BinarySearchFunc(before.Validators, v, func(a, b directory.Validator) int { return bytes.Compare(a.Key, b.Key) })
		if known && before.Validators[at].Power == v.Power || !known && v.Power == 0 {
			continue
		}
		out = append(out, v)
	}
	return out
}
