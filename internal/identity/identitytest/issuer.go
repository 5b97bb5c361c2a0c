// Package identitytest gives tests an issuer of tokens and an authority of
// certificates, real ones on this machine (docs/authorization.md).
package identitytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Audience is whom the tokens are meant for.
const Audience = "zkconsent-test"

// An Issuer is an OpenID provider that signs whatever a test wants.
type Issuer struct {
	tb     testing.TB
	server *httptest.Server

	mu      sync.Mutex
	keys    []signer
	hidden  bool // its documents are not served
	fetched int
}

type signer struct {
	id      string
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

// NewIssuer serves an issuer with one ES256 key until the test ends.
func NewIssuer(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb}
	i.keys = []signer{i.make("first", jose.ES256)}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", i.serve(func() any {
		return map[string]any{"issuer": i.URL(), "jwks_uri": i.URL() + "/keys"}
	}))
	mux.HandleFunc("/keys", i.serve(func() any {
		i.fetched++
		set := jose.JSONWebKeySet{}
		for _, k := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Use: "sig"})
		}
		return set
	}))
	i.server = httptest.NewServer(mux)
	tb.Cleanup(i.server.Close)
	return i
}

func (i *Issuer) serve(document func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.hidden {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document())
	}
}

func (i *Issuer) make(id string, alg jose.SignatureAlgorithm) signer {
	i.tb.Helper()
	var private crypto.Signer
	var err error
	switch alg {
	case jose.RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		i.tb.Fatal(err)
	}
	return signer{id, alg, private}
}

// URL is the issuer's identifier.
func (i *Issuer) URL() string { return i.server.URL }

// Fetched is how often its keys were asked for.
func (i *Issuer) Fetched() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetched
}

// Hide stops serving its documents, or serves them again.
func (i *Issuer) Hide(hidden bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hidden = hidden
}

// Rotate replaces its keys by a new one.
func (i *Issuer) Rotate(id string, alg jose.SignatureAlgorithm) {
	k := i.make(id, alg)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = []signer{k}
}

// Claims are those of a token that holds, with the groups in the claim roles.
func (i *Issuer) Claims(groups ...string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": i.URL(), "aud": Audience, "sub": "somebody", "roles": groups,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Token is signed with the issuer's key. changes replace claims; a nil value
// takes one away.
func (i *Issuer) Token(claims map[string]any, changes map[string]any) string {
	i.tb.Helper()
	i.mu.Lock()
	k := i.keys[0]
	i.mu.Unlock()
	return Sign(i.tb, k.alg, jose.JSONWebKey{Key: k.private, KeyID: k.id}, Changed(claims, changes))
}

// Public is the issuer's public key, as it publishes it.
func (i *Issuer) Public() crypto.PublicKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0].private.Public()
}

// Changed are claims with some of them replaced or, by nil, taken away.
func Changed(claims, changes map[string]any) map[string]any {
	out := maps.Clone(claims)
	for name, v := range changes {
		if out[name] = v; v == nil {
			delete(out, name)
		}
	}
	return out
}

// Sign makes a token of claims with any key.
func Sign(tb testing.TB, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	tb.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		tb.Fatal(fmt.Errorf("a token: %w", err))
	}
	return token
}
