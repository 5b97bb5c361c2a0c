package transaction

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// Kind says what a transaction does.
type Kind uint8

// The kinds of transactions.
const (
	CommitConsents Kind = 1 + iota
	CommitCredentials
	Withdraw
	Revoke
	SetAuthority
	Spend
	AuditRoot
	DistrustRange
	SetManifest
	SetSchema
	SetValueSet
	SetTrustList
	SetValidator
	SetParameters
	SetScope
	lastKind = SetScope
)

func (k Kind) String() string {
	if k >= CommitConsents && k <= lastKind {
		return [...]string{"commit-consents", "commit-credentials", "withdraw", "revoke", "set-authority", "spend", "audit-root", "distrust",
			"set-manifest", "set-schema", "set-value-set", "set-trust-list", "set-validator", "set-parameters", "set-scope"}[k-1]
	}
	return fmt.Sprintf("unknown kind %d", uint8(k))
}

// Governed reports whether the stewards approve transactions of the kind,
// which then have approvals in place of a signer's signature.
func (k Kind) Governed() bool { return k == SetAuthority || k >= DistrustRange && k <= lastKind }

// MaxAhead is the greatest number of blocks from the execution of a
// transaction of the kind to its expiry.
func (k Kind) MaxAhead() uint64 {
	if k.Governed() {
		return MaxAheadGoverned
	}
	return MaxAhead
}

// The bounds of a transaction.
const (
	MaxItems = 4096
	MaxAhead = 1000 // blocks from execution to expiry, at most
	// MaxAheadGoverned is MaxAhead where stewards approve: people collect
	// approvals over days, and a busy ledger makes many blocks in a day. Sequence
	// numbers keep an old decision from being executed again, so the replay set
	// need not.
	MaxAheadGoverned = 1 << 22
	maxPayload       = MaxItems * spendSize
	MaxEncoded       = maxPayload + maxSignature + 256
)

// ErrStamp reports a proof of work with too few leading zero bits.
var ErrStamp = errors.New("transaction: the stamp has too few leading zero bits")

// A Transaction is the envelope.
type Transaction struct {
	Genesis   [sha256.Size]byte // the ledger that it is for
	Expiry    uint64            // the last height at which it may be executed
	Signer    fr.Element        // authority id; zero for a stamp and for what stewards approve
	Nonce     uint64            // random, or the stamp's proof of work
	Kind      Kind
	Payload   []byte
	Signature []byte // empty with a stamp; approvals where stewards approve
}

// message writes everything but the signature.
func (t *Transaction) message() *tlv.Encoder {
	e := tlv.NewEncoder("transaction")
	e.Bytes(1, t.Genesis[:])
	e.Uint(2, t.Expiry)
	e.Element(3, t.Signer)
	e.Uint(4, t.Nonce)
	e.Uint(5, uint64(t.Kind))
	e.Bytes(6, t.Payload)
	return e
}

// Message is what is signed: the message without the signature.
func (t *Transaction) Message() []byte { return t.message().Encoded() }

// Digest identifies the transaction: SHA-256 of the message without the
// signature, so that another set of approvals is not another transaction.
func (t *Transaction) Digest() [sha256.Size]byte { return sha256.Sum256(t.Message()) }

// Encode returns the transaction as it is submitted.
func (t *Transaction) Encode() []byte {
	e := t.message()
	e.Bytes(7, t.Signature)
	return e.Encoded()
}

// Decode reads a transaction. The payload is checked by its own decoder.
func Decode(b []byte) (*Transaction, error) {
	r := tlv.NewDecoder("transaction", b, MaxEncoded)
	t := &Transaction{}
	copy(t.Genesis[:], r.Bytes(1, "genesis", sha256.Size, sha256.Size))
	t.Expiry = r.Uint(2, "expiry", 1<<62)
	t.Signer = r.Element(3, "signer")
	t.Nonce = r.Uint(4, "nonce", 1<<64-1)
	t.Kind = Kind(r.Uint(5, "kind", uint64(lastKind)))
	t.Payload = r.Bytes(6, "payload", 1, maxPayload)
	t.Signature = r.Bytes(7, "signature", 0, maxSignature)
	if r.Err() == nil {
		t.checkForm(r)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return t, nil
}

// checkForm holds the envelope to the one form that its kind and signer have.
func (t *Transaction) checkForm(r *tlv.Decoder) {
	switch n := len(t.Signature); {
	case t.Kind == 0:
		r.Fail("kind", "0 is none")
	case t.Kind.Governed() && !t.Signer.IsZero():
		r.Fail("signer", t.Kind.String()+" is signed by approvals")
	case t.Kind.Governed():
		if _, err := t.Approvals(); err != nil {
			r.Fail("signature", err.Error())
		}
	case t.Signer.IsZero() && n != 0:
		r.Fail("signature", "a stamped transaction has none")
	case t.Signer.IsZero() && t.Kind != Withdraw && t.Kind != Revoke:
		r.Fail("signer", t.Kind.String()+" needs an authority")
	case !t.Signer.IsZero() && n != signed.Size:
		r.Fail("signature", fmt.Sprintf("%d bytes, a signature has %d", n, signed.Size))
	}
}

// Sign makes the transaction one of the authority id, whose current key key is.
func (t *Transaction) Sign(id fr.Element, key ed25519.PrivateKey) {
	t.Signer = id
	t.Signature = signed.Sign(key, signed.Transaction, t.Message())
}

// SignedBy reports whether key signed the transaction.
func (t *Transaction) SignedBy(key ed25519.PublicKey) bool {
	return signed.Verify(key, signed.Transaction, t.Message(), t.Signature)
}
