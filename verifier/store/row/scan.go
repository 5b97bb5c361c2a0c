package row

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

// A scanner is a row as the drivers of databases hand it out.
type scanner interface{ Scan(to ...any) error }

// ScanRequest reads RequestColumns. It returns the row's own error, or one that
// wraps verifier.ErrStoreDamaged.
func ScanRequest(row scanner) (a verifier.Asked, err error) {
	var id, check []byte
	var expires int64
	if err := row.Scan(&id, &expires, &a.Signed, &check); err != nil {
		return verifier.Asked{}, err
	}
	a.Expires = consent.Time(expires)
	if copy(a.ID[:], id); len(id) != len(a.ID) || !bytes.Equal(check, sumRequest(&a)) {
		return verifier.Asked{}, fmt.Errorf("%w: request %x", verifier.ErrStoreDamaged, id)
	}
	return a, nil
}

// ScanSpent reads SpentColumns and errs like ScanRequest.
func ScanSpent(row scanner) error {
	var scope, nullifier, check []byte
	if err := row.Scan(&scope, &nullifier, &check); err != nil {
		return err
	}
	return checkSpent(scope, nullifier, check)
}

// ScanAnswer reads AnswerColumns and, where they are followed by RecordColumn,
// the record. It errs like ScanRequest.
func ScanAnswer(row scanner, withRecord bool) (a verifier.Answer, err error) {
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
	if len(request) != len(a.Request) || len(digest) != len(a.Digest) {
		return verifier.Answer{}, damaged
	}
	copy(a.Request[:], request)
	copy(a.Digest[:], digest)
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
