package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/armor"
)

func FuzzParseRequestID(f *testing.F) {
	f.Add("00112233445566778899aabbccddeeff")
	f.Add("00112233445566778899AABBCCDDEEFF")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := parseRequestID(text)
		var e *exit
		if err != nil {
			if !errors.As(err, &e) || e.status != exitUsage {
				t.Error(err)
			}
			return
		}
		if hex.EncodeToString(id[:]) != text {
			t.Errorf("%q is read as %x", text, id)
		}
	})
}

func FuzzParseRoles(f *testing.F) {
	f.Add("issuer,registrar")
	f.Add("steward,steward")
	f.Add(",")
	f.Fuzz(func(t *testing.T, list string) {
		roles, err := parseRoles(list)
		if err != nil {
			return
		}
		if again, err := parseRoles(formatRoles(roles)); err != nil || again != roles {
			t.Fatalf("%q became %v, then %v, %v", list, roles, again, err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(strings.Repeat("0a", ed25519.PublicKeySize))
	f.Add("0x")
	f.Fuzz(func(t *testing.T, digits string) {
		if key, err := parseKey(digits); err == nil && hex.EncodeToString(key) != strings.ToLower(digits) {
			t.Fatalf("%q is read as %x", digits, key)
		}
	})
}

func FuzzParseAuthorityKey(f *testing.F) {
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	whole := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := parseAuthorityKey(b)
		if err == nil && len(key) != ed25519.PrivateKeySize {
			t.Fatalf("a key of %d bytes", len(key))
		}
	})
}

// FuzzReadMessage gives files of other parties on standard input.
func FuzzReadMessage(f *testing.F) {
	message := []byte("\x16zkconsent/v1/sealed")
	f.Add(armor.Encode("sealed", message))
	f.Add(message)
	f.Add(bytes.Repeat([]byte("A"), 3000))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := &app{stdin: bytes.NewReader(b)}
		m, err := a.readMessage("sealed", "-", 1000)
		if err == nil && len(m) > 1000 {
			t.Fatalf("%d bytes were read, at most 1000 are allowed", len(m))
		}
	})
}
