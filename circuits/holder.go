package circuits

import (
	"github.com/zkconsent/zkconsent/circuits/gadget/rekey"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// HolderPart is the private part of a holder: the keys that a prover needs
// and the blinding scalar of this presentation.
type HolderPart struct {
	AkX, AkY, Nk, Alpha variable
}

// assert ties the keys to the re-randomised key and to the nullifier, and
// returns the holder.
func (h *HolderPart) assert(p *parts, scope, nullifier, rkX, rkY variable) (holder variable, err error) {
	if err := rekey.AssertRekeyed(p.api, h.AkX, h.AkY, h.Alpha, rkX, rkY); err != nil {
		return nil, err
	}
	p.api.AssertIsEqual(nullifier, p.hash.Sum(poseidon.TagNullifier, h.Nk, scope))
	return p.hash.Sum(poseidon.TagHolder, h.AkX, h.AkY, h.Nk), nil
}
