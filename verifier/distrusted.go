package verifier

import (
	"context"
	"errors"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// distrusted tells whether an answer proved under an epoch may rest on records
// that the stewards have since taken off the tree, because a thief had the key
// of an authority in the request's trust list (docs/spec.md §7). Which
// authority an answer rests on stays hidden, so all that trust it count.
//
// A leaf's index is never above its entry's position in the record log: an
// epoch with no more entries than the range's first index holds none of it.
func distrusted(dir *directory.Directory, trust *consent.TrustList, e directory.Epoch) bool {
	for _, d := range dir.Distrusts {
		if e.Number >= d.Epoch || e.Records <= d.From {
			continue
		}
		for i := range trust.Authorities {
			if trust.Authorities[i].Equal(&d.Authority) {
				return true
			}
		}
	}
	return false
}

// askAgain is distrusted for an answer that was accepted, read from its record.
func (v *Verifier) askAgain(ctx context.Context, dir *directory.Directory, request [16]byte) (bool, error) {
	if len(dir.Distrusts) == 0 {
		return false, nil
	}
	a, err := v.c.Store.Answer(ctx, request)
	if errors.Is(err, ErrNotFound) { // purged since it was listed
		return false, nil
	}
	if err != nil {
		return false, unable("kept answers", err)
	}
	r, err := DecodeRecord(a.Record)
	if err != nil {
		return false, damagedRecord(err)
	}
	asked, err := consent.DecodeSignedRequest(r.Request)
	if err != nil {
		return false, damagedRecord(err)
	}
	return distrusted(dir, &asked.Request.Trust, r.Epoch), nil
}
