package row

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

// columns are what a damaged database gives as a row.
type columns []any

func (c columns) Scan(to ...any) error {
	if len(to) != len(c) {
		return errors.New("another number of columns")
	}
	for i := range to {
		switch p := to[i].(type) {
		case *[]byte:
			*p = bytes.Clone(c[i].([]byte))
		case *int64:
			*p = c[i].(int64)
		case *string:
			*p = c[i].(string)
		}
	}
	return nil
}

func FuzzScanRequest(f *testing.F) {
	a := &verifier.Asked{ID: [16]byte{1}, Expires: 7, Signed: []byte("signed")}
	f.Add(a.ID[:], int64(a.Expires), a.Signed, sumRequest(a))
	f.Add([]byte{1}, int64(-1), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, id []byte, expires int64, signed, check []byte) {
		a, err := ScanRequest(columns{id, expires, signed, check})
		if err != nil {
			if !errors.Is(err, verifier.ErrStoreDamaged) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if !bytes.Equal(check, sumRequest(&a)) || int64(a.Expires) != expires || !bytes.Equal(a.Signed, signed) {
			t.Fatal("read as another request")
		}
	})
}

func FuzzScanAnswer(f *testing.F) {
	a := &verifier.Answer{Request: [16]byte{1}, Digest: [32]byte{2}, Rule: consent.Once, Scope: field.Uint(3), Nullifier: field.Uint(4), Watch: field.Uint(5), Until: 6, Record: []byte("record")}
	scope, nullifier, watch, recorded := a.Scope.Bytes(), a.Nullifier.Bytes(), a.Watch.Bytes(), sha256.Sum256(a.Record)
	f.Add(a.Request[:], a.Digest[:], string(a.Rule), scope[:], nullifier[:], watch[:], int64(a.Until), recorded[:], sumAnswer(a, recorded[:]), a.Record)
	f.Add([]byte{}, []byte{}, "", []byte{}, []byte{}, []byte{}, int64(-1), []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, request, digest []byte, rule string, scope, nullifier, watch []byte, until int64, recorded, check, record []byte) {
		for _, withRecord := range []bool{false, true} {
			values := columns{request, digest, rule, scope, nullifier, watch, until, recorded, check}
			if withRecord {
				values = append(values, record)
			}
			a, err := ScanAnswer(values, withRecord)
			if err != nil {
				if !errors.Is(err, verifier.ErrStoreDamaged) {
					t.Fatalf("untyped error %v", err)
				}
				continue
			}
			if d := sha256.Sum256(record); !bytes.Equal(check, sumAnswer(&a, recorded)) || withRecord && !bytes.Equal(d[:], recorded) {
				t.Fatal("read as another answer")
			}
		}
	})
}

func bytesOf(n uint64) []byte {
	e := field.Uint(n)
	b := e.Bytes()
	return b[:]
}

func FuzzScanSpent(f *testing.F) {
	scope, nullifier := bytesOf(3), bytesOf(4)
	f.Add(scope, nullifier, sumSpent(scope, nullifier))
	f.Add([]byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, scope, nullifier, check []byte) {
		err := ScanSpent(columns{scope, nullifier, check})
		if err != nil && !errors.Is(err, verifier.ErrStoreDamaged) {
			t.Fatalf("untyped error %v", err)
		}
		if (err == nil) != bytes.Equal(check, sumSpent(scope, nullifier)) {
			t.Fatal("a row with another sum")
		}
	})
}
