package transaction

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/signed"
)

const (
	maxApprovals = directory.MaxStewards
	approvalSize = field.Size + signed.Size
	maxSignature = maxApprovals * approvalSize
)

// An Approval is one steward's signature of a governed transaction.
type Approval struct {
	Steward   fr.Element
	Signature []byte
}

// ErrApprovals reports a run of approvals that is not canonical.
var ErrApprovals = errors.New("transaction: approvals are 1 to 64 times (steward id, signature), ids ascending")

// Approvals reads the approvals out of the signature field.
func (t *Transaction) Approvals() ([]Approval, error) {
	n := len(t.Signature) / approvalSize
	if n == 0 || n > maxApprovals || len(t.Signature)%approvalSize != 0 {
		return nil, ErrApprovals
	}
	out := make([]Approval, n)
	for i := range out {
		b := t.Signature[i*approvalSize : (i+1)*approvalSize]
		id, err := field.Parse(b[:field.Size])
		// Ascending ids leave no room for one steward who approves twice.
		if err != nil || i > 0 && id.Cmp(&out[i-1].Steward) <= 0 {
			return nil, ErrApprovals
		}
		out[i] = Approval{Steward: id, Signature: bytes.Clone(b[field.Size:])}
	}
	return out, nil
}

// Approve adds a steward's approval, in place of an earlier one of that
// steward. Nothing else may change afterwards.
func (t *Transaction) Approve(steward fr.Element, key ed25519.PrivateKey) error {
	var old []Approval
	if len(t.Signature) > 0 {
		var err error
		if old, err = t.Approvals(); err != nil {
			return err
		}
	}
	return t.setApprovals(append(old, Approval{steward, signed.Sign(key, signed.Transaction, t.Message())}))
}

// Join adds the approvals of another copy of the transaction: stewards need
// not approve one after the other. The error wraps [ErrApprovals] if it is
// another transaction.
func (t *Transaction) Join(o *Transaction) error {
	if t.Digest() != o.Digest() {
		return fmt.Errorf("%w: these are of another transaction", ErrApprovals)
	}
	mine, err := t.Approvals()
	if err != nil {
		return err
	}
	theirs, err := o.Approvals()
	if err != nil {
		return err
	}
	return t.setApprovals(append(mine, theirs...))
}

// setApprovals writes the approvals in the order of their ids; of two of one
// steward the later one stays.
func (t *Transaction) setApprovals(all []Approval) error {
	slices.SortStableFunc(all, func(a, b Approval) int { return a.Steward.Cmp(&b.Steward) })
	var out []byte
	for i, a := range all {
		if i+1 < len(all) && all[i+1].Steward.Equal(&a.Steward) {
			continue
		}
		id := a.Steward.Bytes()
		out = append(append(out, id[:]...), a.Signature...)
	}
	if len(out) > maxSignature {
		return ErrApprovals
	}
	t.Signature = out
	return nil
}
