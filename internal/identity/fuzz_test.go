package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// FuzzDecodeKeys: whatever an issuer publishes, only keys come out of it that
// verify one of the three signatures.
func FuzzDecodeKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA","alg":"HS256"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := decodeKeys(b)
		if err != nil {
			return
		}
		if len(set) > maxKeys {
			t.Fatalf("%d keys", len(set))
		}
		for _, k := range set {
			if !k.IsPublic() || k.Algorithm == "" || k.Algorithm != algorithm(k.Key) || k.Use != "" && k.Use != "sig" {
				t.Errorf("%+v", k)
			}
		}
	})
}

// FuzzAuthorization: no header that was not signed for us names a principal.
func FuzzAuthorization(f *testing.F) {
	const url = "https://login.example.org"
	i, err := newIssuer(TokenIssuer{URL: url, Audience: "here"}, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	i.keys.set, i.keys.at, i.keys.asked = []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256"}}, time.Now(), true
	i.keys.tried = time.Now().Add(time.Hour) // it asks nobody
	g := &Guard{tokens: &tokens{issuers: map[string]*issuer{url: i}}}
	f.Add("Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUub3JnIn0.")
	f.Add("Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUub3JnIiwiYXVkIjoiaGVyZSJ9.AAAA")
	f.Add("Basic eDp5")
	f.Fuzz(func(t *testing.T, header string) {
		_, p, _, err := g.read(context.Background(), []string{header})
		if err == nil || p.Name != "" || p.Roles != nil {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestKeysThatAreLeftOut(t *testing.T) {
	weak := `{"kty":"RSA","n":"` + "vQ" + `","e":"AQAB"}`
	for name, document := range map[string]string{
		"a secret":          `{"kty":"oct","k":"AAAA"}`,
		"a short RSA key":   weak,
		"for encryption":    `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"}`,
		"another algorithm": `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"RS256"}`,
		"an unknown kind":   `{"kty":"quantum"}`,
		"no key":            `7`,
	} {
		if set, err := decodeKeys([]byte(`{"keys":[` + document + `]}`)); err != nil || len(set) != 0 {
			t.Errorf("%s: %v, %v", name, set, err)
		}
	}
	many, err := json.Marshal(map[string]any{"keys": make([]int, maxKeys+1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeKeys(many); err == nil {
		t.Error("keys without end were read")
	}
}
