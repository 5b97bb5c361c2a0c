package registry

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

func damage(t *testing.T, err error) {
	t.Helper()
	var d *DamageError
	if !errors.As(err, &d) {
		t.Fatalf("untyped error %v", err)
	}
}

func FuzzDecodePlaced(f *testing.F) {
	f.Add(encodePlaced(journal.Placed{Kind: 1, Authority: field.Uint(1), Lock: field.Uint(2), Leaf: field.Uint(3)}))
	f.Add(encodePlaced(journal.Placed{Kind: 2, Revoked: true}))
	f.Add([]byte{1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePlaced(b)
		if err != nil {
			damage(t, err)
			return
		}
		if !bytes.Equal(encodePlaced(p), b) {
			t.Fatal("two encodings of one entry")
		}
	})
}

// FuzzDecodeMeta gives the decoder what stands before its digest, so that it
// gets past that.
func FuzzDecodeMeta(f *testing.F) {
	empty := &frame{}
	for _, k := range journal.Kinds() {
		empty.logs[k] = journal.NewAccumulator()
	}
	root, err := empty.logs[journal.Records].Log()
	if err != nil {
		f.Fatal(err)
	}
	empty.state.Records, empty.state.Withdrawals, empty.state.Epochs = root, root, root
	b := empty.encode()
	f.Add(b[:len(b)-sha256.Size])
	f.Add([]byte("\x11zkconsent/v1/meta"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := decodeMeta(b); err == nil {
			t.Fatal("accepted without its digest")
		}
		d := sha256.Sum256(b)
		sealed := append(bytes.Clone(b), d[:]...)
		m, err := decodeMeta(sealed)
		if err != nil {
			damage(t, err)
			return
		}
		if !bytes.Equal(m.encode(), sealed) {
			t.Fatal("two encodings of one frame")
		}
	})
}
