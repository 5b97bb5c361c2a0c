package registry

import (
	"crypto/sha256"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// govern judges a transaction of the stewards and computes the directory after
// it. The sequence number makes an old decision useless: whoever resends
// "activate X" after "deactivate X" names a number that has passed.
func (f *frame) govern(a *admitted) *refusal {
	d := *f.dir
	if r := f.amend(&d, a); r != nil {
		return r
	}
	if r := f.approved(a.Transaction); r != nil {
		return r
	}
	// Refuses, among others, a key or URI that another authority has, the loss
	// of so many stewards that nobody could govern any more, and of the last
	// validator.
	if err := d.Validate(); err != nil {
		return ungoverned("%v", err)
	}
	a.directory = &d
	return nil
}

func ungoverned(format string, args ...any) *refusal {
	return refuse(transaction.NotGoverned, format, args...)
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
			return ungoverned("an approval is not by an active steward")
		}
		if !signed.Verify(who.Key, signed.Transaction, message, a.Signature) {
			return refuse(transaction.BadSignature, "an approval is not by the steward's current key")
		}
	}
	if need := f.dir.Parameters.Stewards; need == 0 || uint64(len(approvals)) < need {
		return ungoverned("%d approvals, %d are needed", len(approvals), need)
	}
	return nil
}

// setDirectory replaces the directory as a whole.
func (st *staging) setDirectory(d *directory.Directory) error {
	st.dir, st.dirBytes = d, d.Encode()
	st.state.Directory = sha256.Sum256(st.dirBytes)
	return st.set([]byte{keyDirectory}, st.dirBytes)
}
