package registry

import (
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// govern judges a set-authority transaction and computes the directory after
// it. The sequence number makes an old decision useless: whoever resends
// "activate X" after "deactivate X" names a number that has passed.
func (f *frame) govern(a *admitted) *refusal {
	no := func(format string, args ...any) *refusal { return refuse(transaction.NotGoverned, format, args...) }
	rec, err := transaction.DecodeAuthority(a.Payload)
	if err != nil {
		return refuse(transaction.Malformed, "%v", err)
	}
	d := *f.dir
	at, known := slices.BinarySearchFunc(d.Authorities, rec.ID, func(x directory.Authority, id fr.Element) int { return x.ID.Cmp(&id) })
	switch {
	case known && rec.Sequence != d.Authorities[at].Sequence+1:
		return no("sequence %d, the next is %d", rec.Sequence, d.Authorities[at].Sequence+1)
	case !known && rec.Sequence != 0:
		return no("sequence %d, a new authority starts at 0", rec.Sequence)
	}
	if id := directory.AuthorityID(rec.Key); !known && !id.Equal(&rec.ID) {
		return no("the id is not that of the new authority's key")
	}
	if r := f.approved(a.Transaction); r != nil {
		return r
	}
	d.Authorities = slices.Clone(d.Authorities)
	if known {
		rec.Live = d.Authorities[at].Live
		d.Authorities[at] = rec
	} else {
		d.Authorities = slices.Insert(d.Authorities, at, rec)
	}
	// Refuses, among others, a key or URI that another authority has, and the
	// loss of so many stewards that nobody could govern any more.
	if err := d.Validate(); err != nil {
		return no("%v", err)
	}
	a.directory = &d
	return nil
}

// approved counts the approvals of active stewards. Every approval must be
// good: a transaction with a bad one was assembled by somebody who hoped.
func (f *frame) approved(t *transaction.Transaction) *refusal {
	approvals, err := t.Approvals()
	if err != nil {
		return refuse(transaction.Malformed, "%v", err)
	}
	message := t.Message()
	for _, a := range approvals {
		who, ok := f.dir.Authority(a.Steward)
		if !ok || !who.Active || who.Roles&directory.Steward == 0 {
			return refuse(transaction.NotGoverned, "an approval is not by an active steward")
		}
		if !signed.Verify(who.Key, signed.Transaction, message, a.Signature) {
			return refuse(transaction.BadSignature, "an approval is not by the steward's current key")
		}
	}
	if need := f.dir.Parameters.Stewards; need == 0 || uint64(len(approvals)) < need {
		return refuse(transaction.NotGoverned, "%d approvals, %d are needed", len(approvals), need)
	}
	return nil
}

// setDirectory replaces the directory as a whole.
func (st *staging) setDirectory(d *directory.Directory) error {
	st.dir, st.dirBytes = d, d.Encode()
	st.state.Directory = d.Digest()
	return st.set([]byte{keyDirectory}, st.dirBytes)
}
