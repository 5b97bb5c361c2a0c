package transaction

import (
	"fmt"

	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A Code says whether a transaction was executed, and if not, why.
type Code uint8

// The codes of transactions. All but Executed mean: refused, without effect.
const (
	Executed      Code = iota
	Malformed          // not the one encoding of a transaction and its payload
	OtherLedger        // names another genesis
	Expired            // its last height has passed
	TooFarAhead        // its last height is more than Kind.MaxAhead blocks away
	Repeated           // executed before, within its expiry
	UnknownSigner      // the signer is no active authority
	NotInRole          // the signer's roles do not permit the kind
	BadSignature       // not the signature of the signer's current key
	BadStamp           // too little work, or more than one item
	NotGoverned        // without the approvals, sequence or form that governance needs
	lastCode      = NotGoverned
)

func (c Code) String() string {
	if c > lastCode {
		return fmt.Sprintf("unknown code %d", uint8(c))
	}
	return [...]string{"executed", "malformed", "other ledger", "expired", "expiry too far ahead", "repeated", "unknown or inactive signer",
		"signer not in role", "bad signature", "bad stamp", "not as governance demands"}[c]
}

// An ItemCode says what became of one item of an executed transaction.
type ItemCode uint8

// The codes of items (docs/spec.md §7).
const (
	Accepted        ItemCode = iota
	DuplicateLock            // this authority has committed this lock
	DuplicateCM              // this authority has committed this commitment
	OverQuota                // the authority's quota of this epoch is used up
	RepeatedSecret           // this v is withdrawn
	UnknownIndex             // no leaf has this index
	WrongRS                  // does not open the leaf's lock
	AlreadyRevoked           // by an earlier revocation
	TreeFull                 // no index is left
	UnknownScope             // no shared scope has this id
	NotMember                // the signer is no member of the scope
	AlreadySpent             // the spend log tells by whom, and for which presentation
	AlreadyAnchored          // this authority has a root of this epoch
	FutureEpoch              // the epoch has not closed
	lastItemCode    = FutureEpoch
)

func (c ItemCode) String() string {
	if c > lastItemCode {
		return fmt.Sprintf("unknown code %d", uint8(c))
	}
	return [...]string{"accepted", "duplicate lock", "duplicate commitment", "over quota", "already withdrawn", "unknown index",
		"wrong revocation secret", "already revoked", "tree full", "unknown scope", "not a member of the scope", "already spent", "already anchored", "epoch has not closed"}[c]
}

// A Result is what became of a submitted transaction.
type Result struct {
	Height uint64 // of the block; 0 when it was refused before any block
	Code   Code
	Reason string // for people; empty when executed
	Items  []ItemCode
}

const maxReason = 512

// Refused is the error of a result that was not executed; nil otherwise.
func (r *Result) Refused() error {
	if r.Code == Executed {
		return nil
	}
	return &RefusedError{Code: r.Code, Reason: r.Reason}
}

// A RefusedError reports a transaction that the ledger refused without effect.
type RefusedError struct {
	Code   Code
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("ledger refused the transaction: %s: %s", e.Code, e.Reason)
}

// Codes returns the items' codes, one byte each.
func (r *Result) Codes() []byte {
	b := make([]byte, len(r.Items))
	for i, c := range r.Items {
		b[i] = byte(c)
	}
	return b
}

// Encode returns the canonical result message.
func (r *Result) Encode() []byte {
	e := tlv.NewEncoder("result")
	e.Uint(1, r.Height)
	e.Uint(2, uint64(r.Code))
	e.String(3, r.Reason)
	e.Bytes(4, r.Codes())
	return e.Encoded()
}

// DecodeResult reads a result message.
func DecodeResult(b []byte) (*Result, error) {
	d := tlv.NewDecoder("result", b, MaxItems+maxReason+256)
	r := &Result{
		Height: d.Uint(1, "height", 1<<62),
		Code:   Code(d.Uint(2, "code", uint64(lastCode))),
		Reason: d.String(3, "reason", maxReason),
	}
	items := d.Bytes(4, "items", 0, MaxItems)
	for _, c := range items {
		if c > byte(lastItemCode) {
			d.Fail("items", fmt.Sprintf("unknown code %d", c))
			break
		}
		r.Items = append(r.Items, ItemCode(c))
	}
	if d.Err() == nil && r.Code != Executed && len(items) != 0 {
		d.Fail("items", "a refused transaction has none")
	}
	if err := d.Done(); err != nil {
		return nil, err
	}
	return r, nil
}
