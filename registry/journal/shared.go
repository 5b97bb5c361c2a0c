package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A Spend is an entry of the spend log: the first member of a shared scope
// that answered for a nullifier, and the presentation that it answers for.
type Spend struct {
	Scope     fr.Element // directory.ScopeID
	Nullifier fr.Element
	Digest    [32]byte // SHA-256 of the presentation
	Member    fr.Element
	At        uint64 // unix seconds of the block
}

// Encode returns the entry.
func (s *Spend) Encode() []byte {
	b := make([]byte, 0, spendSize)
	scope, nullifier, member := s.Scope.Bytes(), s.Nullifier.Bytes(), s.Member.Bytes()
	b = append(append(append(append(b, scope[:]...), nullifier[:]...), s.Digest[:]...), member[:]...)
	return binary.BigEndian.AppendUint64(b, s.At)
}

// DecodeSpend reads an entry of the spend log.
func DecodeSpend(b []byte) (s Spend, err error) {
	if len(b) != spendSize {
		return s, &tlv.Error{Message: "spend", Field: "entry", Reason: fmt.Sprintf("%d bytes, not %d", len(b), spendSize)}
	}
	for i, to := range []*fr.Element{&s.Scope, &s.Nullifier, nil, &s.Member} {
		at := i * field.Size
		if to == nil {
			copy(s.Digest[:], b[at:])
			continue
		}
		if *to, err = field.Parse(b[at : at+field.Size]); err != nil {
			return Spend{}, &tlv.Error{Message: "spend", Field: []string{"scope", "nullifier", "", "member"}[i], Offset: at, Reason: err.Error()}
		}
	}
	if s.At = binary.BigEndian.Uint64(b[4*field.Size:]); s.At > directory.MaxTime {
		return Spend{}, &tlv.Error{Message: "spend", Field: "time", Offset: 4 * field.Size, Reason: "not below 2^40"}
	}
	return s, nil
}

// An Audit is an entry of the audit log: the salted root under which an
// authority has anchored its records of verdicts in an epoch.
type Audit struct {
	Authority fr.Element
	Epoch     uint64
	Root      [32]byte
	At        uint64 // unix seconds of the block
}

// Encode returns the entry.
func (a *Audit) Encode() []byte {
	b := make([]byte, 0, auditSize)
	who := a.Authority.Bytes()
	b = binary.BigEndian.AppendUint64(append(b, who[:]...), a.Epoch)
	return binary.BigEndian.AppendUint64(append(b, a.Root[:]...), a.At)
}

// DecodeAudit reads an entry of the audit log.
func DecodeAudit(b []byte) (a Audit, err error) {
	if len(b) != auditSize {
		return a, &tlv.Error{Message: "audit", Field: "entry", Reason: fmt.Sprintf("%d bytes, not %d", len(b), auditSize)}
	}
	if a.Authority, err = field.Parse(b[:field.Size]); err != nil {
		return Audit{}, &tlv.Error{Message: "audit", Field: "authority", Reason: err.Error()}
	}
	a.Epoch = binary.BigEndian.Uint64(b[field.Size:])
	copy(a.Root[:], b[field.Size+8:])
	a.At = binary.BigEndian.Uint64(b[auditSize-8:])
	switch {
	case a.Epoch > 1<<62:
		return Audit{}, &tlv.Error{Message: "audit", Field: "epoch", Offset: field.Size, Reason: "out of bounds"}
	case a.At > directory.MaxTime:
		return Audit{}, &tlv.Error{Message: "audit", Field: "time", Offset: auditSize - 8, Reason: "not below 2^40"}
	}
	return a, nil
}
