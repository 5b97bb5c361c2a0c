package registry

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// An admitted transaction is one that will be executed: decoded, and allowed
// to its signer. One of the payloads is set.
type admitted struct {
	*transaction.Transaction
	digest      [32]byte
	sealed      []consent.Sealed
	withdrawals []fr.Element
	revocations []transaction.Revocation
	spendings   []transaction.Spending
	anchors     []transaction.Anchor
	directory   *directory.Directory // after the change that stewards approved
	distrust    *directory.Distrust  // the range that goes with it
}

// refusal is why a transaction is not executed.
type refusal struct {
	code   transaction.Code
	reason string
}

func refuse(c transaction.Code, format string, args ...any) *refusal {
	return &refusal{c, fmt.Sprintf(format, args...)}
}

// admit decides whether a transaction is executed in the block at height. The
// mempool asks the same function that execution asks. seen reports whether a
// key of the replay set is set; its error is the store's.
func (f *frame) admit(raw []byte, height uint64, seen func(key []byte) (bool, error)) (*admitted, *refusal, error) {
	t, err := transaction.Decode(raw)
	if err != nil {
		return nil, refuse(transaction.Malformed, "%v", err), nil
	}
	switch {
	case t.Genesis != f.state.Genesis:
		return nil, refuse(transaction.OtherLedger, "it names genesis %x", t.Genesis[:8]), nil
	case t.Expiry < height:
		return nil, refuse(transaction.Expired, "last height %d, this is %d", t.Expiry, height), nil
	case t.Expiry-height > t.Kind.MaxAhead():
		return nil, refuse(transaction.TooFarAhead, "last height %d, this is %d, at most %d ahead", t.Expiry, height, t.Kind.MaxAhead()), nil
	}
	a := &admitted{Transaction: t, digest: t.Digest()}
	if known, err := seen(executedKey(t.Expiry, a.digest)); err != nil {
		return nil, nil, err
	} else if known {
		return nil, refuse(transaction.Repeated, "digest %x", a.digest[:8]), nil
	}
	if r := a.decodePayload(); r != nil {
		return nil, r, nil
	}
	switch {
	case t.Kind.Governed():
		if r := f.govern(a); r != nil {
			return nil, r, nil
		}
	case t.Signer.IsZero():
		if n := len(a.withdrawals) + len(a.revocations); n != 1 {
			return nil, refuse(transaction.BadStamp, "%d items, a stamp pays for one", n), nil
		}
		if err := t.CheckStamp(f.dir.Parameters.PowBits); err != nil {
			return nil, refuse(transaction.BadStamp, "%v", err), nil
		}
	default:
		if r := f.permits(t); r != nil {
			return nil, r, nil
		}
	}
	return a, nil, nil
}

func (a *admitted) decodePayload() *refusal {
	var err error
	switch a.Kind {
	case transaction.CommitConsents, transaction.CommitCredentials:
		a.sealed, err = transaction.DecodeSealed(a.Payload)
	case transaction.Withdraw:
		a.withdrawals, err = transaction.DecodeWithdrawals(a.Payload)
	case transaction.Revoke:
		a.revocations, err = transaction.DecodeRevocations(a.Payload)
	case transaction.Spend:
		a.spendings, err = transaction.DecodeSpendings(a.Payload)
	case transaction.AuditRoot:
		a.anchors, err = transaction.DecodeAnchors(a.Payload)
	default: // of the stewards: decoded where it is judged
	}
	if err != nil {
		return refuse(transaction.Malformed, "%v", err)
	}
	return nil
}

// permits checks the signer of a transaction: active, in role, and signed by
// the key that is the authority's now.
func (f *frame) permits(t *transaction.Transaction) *refusal {
	who, ok := f.dir.Authority(t.Signer)
	if !ok || !who.Active {
		return refuse(transaction.UnknownSigner, "no active authority has this id")
	}
	var need directory.Roles
	switch t.Kind {
	case transaction.CommitConsents:
		need = directory.Registrar
	case transaction.CommitCredentials:
		need = directory.Issuer
	case transaction.Spend, transaction.AuditRoot:
		need = directory.Verifier
	}
	if need != 0 && who.Roles&need == 0 {
		return refuse(transaction.NotInRole, "%s is not for roles %#x", t.Kind, uint8(who.Roles))
	}
	if !t.SignedBy(who.Key) {
		return refuse(transaction.BadSignature, "not by the authority's current key")
	}
	return nil
}

// CheckTx says what execution in the next block would say, from the committed
// state: Executed, or the code and reason of the refusal. Items are judged by
// execution alone.
func (s *State) CheckTx(raw []byte) (transaction.Result, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.current()
	if err != nil {
		return transaction.Result{}, err
	}
	_, no, err := f.admit(raw, f.height+1, func(key []byte) (bool, error) { return has(s.db, key) })
	if err != nil || no == nil {
		return transaction.Result{}, err
	}
	return transaction.Result{Code: no.code, Reason: no.reason}, nil
}
