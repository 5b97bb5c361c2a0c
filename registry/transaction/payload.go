package transaction

import (
	"encoding/binary"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// The sizes of one item of a payload. A payload is its items one after the
// other: all of one length, so that there is one encoding.
const (
	sealedSize     = 2 * field.Size
	withdrawalSize = field.Size
	revocationSize = 8 + field.Size
	spendSize      = 3 * field.Size
	auditSize      = 8 + field.Size
)

// A Revocation asks to revoke the leaf at Index. RS opens the leaf's lock, or
// is zero when the issuer that committed it revokes.
type Revocation struct {
	Index uint64
	RS    fr.Element
}

// SealedPayload is the payload of both kinds of commits.
func SealedPayload(items []consent.Sealed) []byte {
	b := make([]byte, 0, len(items)*sealedSize)
	for _, s := range items {
		cm, lock := s.Commitment.Bytes(), s.Lock.Bytes()
		b = append(append(b, cm[:]...), lock[:]...)
	}
	return b
}

// DecodeSealed reads the payload of a commit.
func DecodeSealed(b []byte) ([]consent.Sealed, error) {
	return items(b, "sealed", sealedSize, func(b []byte) (s consent.Sealed, err error) {
		if s.Commitment, err = field.Parse(b[:field.Size]); err == nil {
			s.Lock, err = field.Parse(b[field.Size:])
		}
		return s, err
	})
}

// WithdrawalPayload is the payload of a withdraw transaction.
func WithdrawalPayload(secrets []fr.Element) []byte {
	b := make([]byte, 0, len(secrets)*withdrawalSize)
	for _, v := range secrets {
		e := v.Bytes()
		b = append(b, e[:]...)
	}
	return b
}

// DecodeWithdrawals reads the payload of a withdraw transaction.
func DecodeWithdrawals(b []byte) ([]fr.Element, error) {
	return items(b, "withdrawals", withdrawalSize, field.Parse)
}

// RevocationPayload is the payload of a revoke transaction.
func RevocationPayload(revocations []Revocation) []byte {
	b := make([]byte, 0, len(revocations)*revocationSize)
	for _, r := range revocations {
		rs := r.RS.Bytes()
		b = append(binary.BigEndian.AppendUint64(b, r.Index), rs[:]...)
	}
	return b
}

// DecodeRevocations reads the payload of a revoke transaction.
func DecodeRevocations(b []byte) ([]Revocation, error) {
	return items(b, "revocations", revocationSize, func(b []byte) (Revocation, error) {
		rs, err := field.Parse(b[8:])
		return Revocation{Index: binary.BigEndian.Uint64(b), RS: rs}, err
	})
}

// A Spending asks to spend a nullifier in a shared scope.
type Spending struct {
	Scope     fr.Element // directory.ScopeID
	Nullifier fr.Element
	Digest    [32]byte // SHA-256 of the presentation
}

// SpendPayload is the payload of a spend transaction.
func SpendPayload(spendings []Spending) []byte {
	b := make([]byte, 0, len(spendings)*spendSize)
	for _, s := range spendings {
		scope, nullifier := s.Scope.Bytes(), s.Nullifier.Bytes()
		b = append(append(append(b, scope[:]...), nullifier[:]...), s.Digest[:]...)
	}
	return b
}

// DecodeSpendings reads the payload of a spend transaction.
func DecodeSpendings(b []byte) ([]Spending, error) {
	return items(b, "spendings", spendSize, func(b []byte) (s Spending, err error) {
		if s.Scope, err = field.Parse(b[:field.Size]); err == nil {
			s.Nullifier, err = field.Parse(b[field.Size : 2*field.Size])
		}
		copy(s.Digest[:], b[2*field.Size:])
		return s, err
	})
}

// An Anchor is the salted root of an authority's records of verdicts in an
// epoch.
type Anchor struct {
	Epoch uint64
	Root  [32]byte
}

// AuditPayload is the payload of an audit-root transaction.
func AuditPayload(anchors []Anchor) []byte {
	b := make([]byte, 0, len(anchors)*auditSize)
	for _, a := range anchors {
		b = append(binary.BigEndian.AppendUint64(b, a.Epoch), a.Root[:]...)
	}
	return b
}

// DecodeAnchors reads the payload of an audit-root transaction.
func DecodeAnchors(b []byte) ([]Anchor, error) {
	return items(b, "anchors", auditSize, func(b []byte) (a Anchor, err error) {
		a.Epoch = binary.BigEndian.Uint64(b)
		copy(a.Root[:], b[8:])
		if a.Epoch > 1<<62 {
			err = fmt.Errorf("epoch %d is above 2^62", a.Epoch)
		}
		return a, err
	})
}

// Items is the number of items in the payload, which a result has a code for
// each. One that stewards approve has none.
func (t *Transaction) Items() int {
	switch t.Kind {
	case CommitConsents, CommitCredentials:
		return len(t.Payload) / sealedSize
	case Withdraw:
		return len(t.Payload) / withdrawalSize
	case Revoke:
		return len(t.Payload) / revocationSize
	case Spend:
		return len(t.Payload) / spendSize
	case AuditRoot:
		return len(t.Payload) / auditSize
	}
	return 0
}

func items[T any](b []byte, name string, size int, read func([]byte) (T, error)) ([]T, error) {
	fault := func(at int, reason string) error {
		return &tlv.Error{Message: "transaction", Field: name, Offset: at, Reason: reason}
	}
	n := len(b) / size
	if n == 0 || n > MaxItems || len(b)%size != 0 {
		return nil, fault(0, fmt.Sprintf("%d bytes are not 1 to %d items of %d", len(b), MaxItems, size))
	}
	out := make([]T, n)
	for i := range out {
		v, err := read(b[i*size : (i+1)*size])
		if err != nil {
			return nil, fault(i*size, err.Error())
		}
		out[i] = v
	}
	return out, nil
}
