package signed_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/zkconsent/zkconsent/internal/signed"
)

func key(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

func TestSignatureIsOverPrefixKindZeroMessage(t *testing.T) {
	k := key(1)
	sig := signed.Sign(k, signed.Request, []byte("hello"))
	if !ed25519.Verify(k.Public().(ed25519.PublicKey), []byte("zkconsent/v1/signed/request\x00hello"), sig) {
		t.Fatal("the signed bytes are not those of docs/spec.md §2.6")
	}
}

func TestRefuses(t *testing.T) {
	pub := key(1).Public().(ed25519.PublicKey)
	msg := []byte("message")
	good := signed.Sign(key(1), signed.Request, msg)
	if !signed.Verify(pub, signed.Request, msg, good) {
		t.Fatal("refuses a good signature")
	}
	flipped := bytes.Clone(good)
	flipped[10] ^= 1
	for _, c := range []struct {
		name string
		key  ed25519.PublicKey
		kind string
		msg  []byte
		sig  []byte
	}{
		{"the same bytes as another kind", pub, signed.Transaction, msg, good},
		{"a kind moved into the message", pub, "reques", append([]byte("t"), msg...), good},
		{"another message", pub, signed.Request, []byte("massage"), good},
		{"another key", key(2).Public().(ed25519.PublicKey), signed.Request, msg, good},
		{"a changed signature", pub, signed.Request, msg, flipped},
		{"a short signature", pub, signed.Request, msg, good[:63]},
		{"a long signature", pub, signed.Request, msg, append(bytes.Clone(good), 0)},
		{"no signature", pub, signed.Request, msg, nil},
		{"a short key", pub[:31], signed.Request, msg, good},
		{"no key", nil, signed.Request, msg, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			if signed.Verify(c.key, c.kind, c.msg, c.sig) {
				t.Fatal("accepted")
			}
		})
	}
}

func TestPanicsOnKindThatCouldEndEarly(t *testing.T) {
	for _, kind := range []string{"", "request\x00more"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("kind %q did not panic", kind)
				}
			}()
			signed.Sign(key(1), kind, nil)
		}()
	}
}
