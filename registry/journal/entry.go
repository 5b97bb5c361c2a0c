package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

const (
	commitType     = 1
	revocationType = 2

	commitSize     = 1 + 1 + 8 + 3*field.Size
	revocationSize = 1 + 8 + field.Size
	withdrawalSize = field.Size + 8
	spendSize      = 4*field.Size + 8
	auditSize      = field.Size + 8 + field.Size + 8

	// MaxEntry is the length of the longest entry of any log.
	MaxEntry = spendSize
)

// A Record is an entry of the record log: a commit, or with Revoked set the
// revocation of the leaf at Index.
type Record struct {
	Revoked   bool
	Kind      consent.Kind // of a commit
	Index     uint64
	Authority fr.Element // of a commit
	Lock      fr.Element // of a commit
	Leaf      fr.Element // of a commit
	RS        fr.Element // of a revocation; zero when the issuer's key or the stewards revoked
}

// Encode returns the entry.
func (r *Record) Encode() []byte {
	if r.Revoked {
		b := binary.BigEndian.AppendUint64([]byte{revocationType}, r.Index)
		rs := r.RS.Bytes()
		return append(b, rs[:]...)
	}
	b := make([]byte, 0, commitSize)
	b = binary.BigEndian.AppendUint64(append(b, commitType, byte(r.Kind)), r.Index)
	for _, e := range [...]fr.Element{r.Authority, r.Lock, r.Leaf} {
		v := e.Bytes()
		b = append(b, v[:]...)
	}
	return b
}

// DecodeRecord reads an entry of the record log.
func DecodeRecord(b []byte) (Record, error) {
	fault := func(field string, at int, format string, args ...any) (Record, error) {
		return Record{}, &tlv.Error{Message: "record", Field: field, Offset: at, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case len(b) == commitSize && b[0] == commitType:
		r := Record{Kind: consent.Kind(b[1]), Index: binary.BigEndian.Uint64(b[2:])}
		if r.Kind != consent.KindConsent && r.Kind != consent.KindCredential {
			return fault("kind", 1, "%d is neither 1 nor 2", b[1])
		}
		for i, to := range []*fr.Element{&r.Authority, &r.Lock, &r.Leaf} {
			at, err := 10+i*field.Size, error(nil)
			if *to, err = field.Parse(b[at : at+field.Size]); err != nil {
				return fault([]string{"authority", "lock", "leaf"}[i], at, "%v", err)
			}
		}
		// Zero is the empty leaf; a record that carried it could be mistaken
		// for one that was revoked.
		if r.Leaf.IsZero() {
			return fault("leaf", 74, "zero")
		}
		return r, nil
	case len(b) == revocationSize && b[0] == revocationType:
		rs, err := field.Parse(b[9:])
		if err != nil {
			return fault("rs", 9, "%v", err)
		}
		return Record{Revoked: true, Index: binary.BigEndian.Uint64(b[1:]), RS: rs}, nil
	}
	return fault("type", 0, "%d bytes are neither a commit nor a revocation", len(b))
}

// A Withdrawal is an entry of the withdrawal log.
type Withdrawal struct {
	V  fr.Element // the withdrawal secret
	At uint64     // unix seconds of the block
}

// Encode returns the entry.
func (w *Withdrawal) Encode() []byte {
	v := w.V.Bytes()
	return binary.BigEndian.AppendUint64(v[:], w.At)
}

// DecodeWithdrawal reads an entry of the withdrawal log.
func DecodeWithdrawal(b []byte) (Withdrawal, error) {
	if len(b) != withdrawalSize {
		return Withdrawal{}, &tlv.Error{Message: "withdrawal", Field: "entry", Reason: fmt.Sprintf("%d bytes, not %d", len(b), withdrawalSize)}
	}
	v, err := field.Parse(b[:field.Size])
	if err != nil {
		return Withdrawal{}, &tlv.Error{Message: "withdrawal", Field: "v", Reason: err.Error()}
	}
	w := Withdrawal{V: v, At: binary.BigEndian.Uint64(b[field.Size:])}
	if w.At > directory.MaxTime {
		return Withdrawal{}, &tlv.Error{Message: "withdrawal", Field: "time", Offset: field.Size, Reason: "not below 2^40"}
	}
	return w, nil
}

// Commits reports whether an entry of the record log is a commit.
func Commits(b []byte) bool { return len(b) > 0 && b[0] == commitType }
