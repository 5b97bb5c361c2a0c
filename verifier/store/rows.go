package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/verifier"
)

// Sums of rows: SHA-256 of a message with all their columns.

func sumRequest(a *verifier.Asked) []byte {
	e := tlv.NewEncoder("store-request")
	e.Bytes(1, a.ID[:])
	e.Uint(2, uint64(a.Expires))
	e.Bytes(3, a.Signed)
	return sum(e)
}

func sumSpent(scope, nullifier []byte) []byte {
	e := tlv.NewEncoder("store-spent")
	e.Bytes(1, scope)
	e.Bytes(2, nullifier)
	return sum(e)
}

// sumAnswer covers the record by its digest, recorded, so that the other
// columns can be checked without reading it.
func sumAnswer(a *verifier.Answer, recorded []byte) []byte {
	e := tlv.NewEncoder("store-answer")
	e.Bytes(1, a.Request[:])
	e.Bytes(2, a.Digest[:])
	e.String(3, string(a.Rule))
	e.Element(4, a.Scope)
	e.Element(5, a.Nullifier)
	e.Element(6, a.Watch)
	e.Uint(7, uint64(a.Until))
	e.Bytes(8, recorded)
	return sum(e)
}

func sum(e *tlv.Encoder) []byte {
	d := sha256.Sum256(e.Encoded())
	return d[:]
}

type scanner interface{ Scan(to ...any) error }

const requestColumns = "id, expires, signed, sum"

func scanRequest(row scanner) (a verifier.Asked, err error) {
	var id, check []byte
	var expires int64
	if err := row.Scan(&id, &expires, &a.Signed, &check); err != nil {
		return verifier.Asked{}, err
	}
	a.Expires = consent.Time(expires)
	if copy(a.ID[:], id) != len(a.ID) || !bytes.Equal(check, sumRequest(&a)) {
		return verifier.Asked{}, fmt.Errorf("%w: request %x", verifier.ErrStoreDamaged, id)
	}
	return a, nil
}

const (
	answerColumns = "request, digest, rule, scope, nullifier, watch, until, recorded, sum"
	recordColumn  = ", record"
)

// scanAnswer reads answerColumns and, where they are followed by
// recordColumn, the record.
func scanAnswer(row scanner, withRecord bool) (a verifier.Answer, err error) {
	var request, digest, scope, nullifier, watch, recorded, check []byte
	var rule string
	var until int64
	to := []any{&request, &digest, &rule, &scope, &nullifier, &watch, &until, &recorded, &check}
	if withRecord {
		to = append(to, &a.Record)
	}
	if err := row.Scan(to...); err != nil {
		return verifier.Answer{}, err
	}
	damaged := fmt.Errorf("%w: answer to request %x", verifier.ErrStoreDamaged, request)
	if copy(a.Request[:], request) != len(a.Request) || copy(a.Digest[:], digest) != len(a.Digest) {
		return verifier.Answer{}, damaged
	}
	a.Rule, a.Until = consent.Rule(rule), consent.Time(until)
	for _, c := range []struct {
		to   *fr.Element
		from []byte
	}{{&a.Scope, scope}, {&a.Nullifier, nullifier}, {&a.Watch, watch}} {
		if *c.to, err = field.Parse(c.from); err != nil {
			return verifier.Answer{}, damaged
		}
	}
	if !bytes.Equal(check, sumAnswer(&a, recorded)) {
		return verifier.Answer{}, damaged
	}
	if d := sha256.Sum256(a.Record); withRecord && !bytes.Equal(recorded, d[:]) {
		return verifier.Answer{}, damaged
	}
	return a, nil
}
