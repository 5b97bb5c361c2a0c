package registry

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

func damage(t *testing.T, err error) {
	t.Helper()
	var d *DamageError
	if !errors.As(err, &d) {
		t.Fatalf("untyped error %v", err)
	}
}

func FuzzDecodePlace(f *testing.F) {
	f.Add(place{at: 7}.encode())
	f.Add(place{at: 1 << 40, revoked: true, cm: field.Uint(9)}.encode())
	f.Add([]byte{1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePlace(b)
		if err != nil {
			damage(t, err)
			return
		}
		if !bytes.Equal(p.encode(), b) {
			t.Fatal("two encodings of one entry")
		}
	})
}

func FuzzDecodeSiblings(f *testing.F) {
	one := siblings{n: 3}
	one.node[1] = field.Uint(5)
	f.Add(one.encode())
	f.Add(make([]byte, 5*32))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s siblings
		if err := s.decode(b); err != nil {
			damage(t, err)
			return
		}
		if !bytes.Equal(s.encode(), b) {
			t.Fatal("two encodings of one group")
		}
	})
}

// FuzzDecodeMeta gives the decoder what stands before its digest, so that it
// gets past that.
func FuzzDecodeMeta(f *testing.F) {
	s, err := Open("state", &Options{FS: vfs.NewMem()})
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	g := &directory.Genesis{
		ChainID: "fuzz", Time: 1_790_000_000,
		Directory: directory.Directory{
			Validators: []directory.Validator{{Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey), Power: 1, Name: "v"}},
			Parameters: directory.Parameters{Epoch: 600, MaxHeadAge: 600, Heartbeat: 60, Quota: 10, PowBits: 8, TrustPeriod: 1 << 20},
		},
	}
	if _, err := s.InitGenesis(g.Encode()); err != nil {
		f.Fatal(err)
	}
	if _, err := s.Apply(Block{Height: 1, Time: 1_790_000_001}); err != nil {
		f.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		f.Fatal(err)
	}
	b, err := get(s.db, []byte{keyMeta})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := decodeMeta(b); err != nil {
		f.Fatal(err)
	}
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
