// Package row is what the rows of a verifier's store hold, in whatever
// database they lie: their columns, the SHA-256 over them that each row
// carries, and the reading that refuses a row whose sum is another one
// (docs/spec.md §10.4, row 13).
//
// # Caveats
//
// A sum shows damage and careless hands. Whoever may write the database can
// make another sum: what a record says is tied by its signatures and its proof,
// and checked again from the genesis.
package row

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/verifier"
)

// The columns of the tables requests, spent and answers, in the order of the
// values. RecordColumn follows AnswerColumns where the record is meant, too.
const (
	RequestColumns = "id, expires, signed, sum"
	SpentColumns   = "scope, nullifier, sum"
	AnswerColumns  = "request, digest, rule, scope, nullifier, watch, until, recorded, sum"
	RecordColumn   = ", record"
)

// RequestValues are a request's values in RequestColumns.
func RequestValues(a *verifier.Asked) []any {
	return []any{a.ID[:], int64(a.Expires), a.Signed, sumRequest(a)}
}

// SpentValues are a spent nullifier's values in SpentColumns.
func SpentValues(scope, nullifier fr.Element) []any {
	sc, n := scope.Bytes(), nullifier.Bytes()
	return []any{sc[:], n[:], sumSpent(sc[:], n[:])}
}

// AnswerValues are an answer's values in AnswerColumns and RecordColumn.
func AnswerValues(a *verifier.Answer) []any {
	scope, nullifier, watch, recorded := a.Scope.Bytes(), a.Nullifier.Bytes(), a.Watch.Bytes(), sha256.Sum256(a.Record)
	return []any{
		a.Request[:], a.Digest[:], string(a.Rule), scope[:], nullifier[:], watch[:], int64(a.Until),
		recorded[:], sumAnswer(a, recorded[:]), a.Record,
	}
}

// CheckSpent compares the sum of the row of a spent nullifier.
func CheckSpent(scope, nullifier fr.Element, sum []byte) error {
	sc, n := scope.Bytes(), nullifier.Bytes()
	return checkSpent(sc[:], n[:], sum)
}

func checkSpent(scope, nullifier, sum []byte) error {
	if !bytes.Equal(sum, sumSpent(scope, nullifier)) {
		return fmt.Errorf("%w: a spent nullifier", verifier.ErrStoreDamaged)
	}
	return nil
}

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
