package identity

import (
	"context"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAttack_IssuerThatPointsElsewhere: whoever gets hold of one answer of an
// issuer has this process ask nobody else, read nothing without end, and take
// no keys that somebody on this machine publishes.
func TestAttack_IssuerThatPointsElsewhere(t *testing.T) {
	const key = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}`
	asked := 0
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		fmt.Fprintf(w, `{"keys":[%s]}`, key)
	}))
	defer inside.Close()
	set := func(keys string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"keys":[%s]}`, keys) }
	}
	for name, c := range map[string]struct {
		discovery, keys http.HandlerFunc
		at              string // of the keys; default the issuer's own
		good            bool
	}{
		"an honest one":                   {keys: set(key), good: true},
		"keys on loopback without TLS":    {at: inside.URL},
		"keys in a file":                  {at: "file:///etc/passwd"},
		"keys nowhere":                    {at: "https://"},
		"discovery that is redirected":    {discovery: http.RedirectHandler(inside.URL, http.StatusFound).ServeHTTP},
		"keys that are redirected":        {keys: http.RedirectHandler(inside.URL, http.StatusFound).ServeHTTP},
		"a hundred keys":                  {keys: set(strings.Repeat(key+",", 99) + key)},
		"a key set of two mebibytes":      {keys: set(key + `,{"x":"` + strings.Repeat("x", 2<<20) + `"}`)},
		"a discovery of two mebibytes":    {discovery: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) }},
		"what is no key set":              {keys: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") }},
		"an error instead of a key set":   {keys: http.NotFound},
		"an issuer of another name":       {discovery: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"issuer":"https://other.example"}`) }},
		"a document that is no discovery": {discovery: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) }},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			s := httptest.NewTLSServer(mux)
			defer s.Close()
			at := c.at
			if at == "" {
				at = s.URL + "/keys"
			}
			if c.discovery == nil {
				c.discovery = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, s.URL, at)
				}
			}
			mux.HandleFunc("/.well-known/openid-configuration", c.discovery)
			if c.keys != nil {
				mux.HandleFunc("/keys", c.keys)
			}
			file := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			i, err := newIssuer(TokenIssuer{URL: s.URL, Audience: "here", CAFile: file}, time.Now, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer i.keys.client.CloseIdleConnections()
			found, err := i.keys.fetch(context.Background())
			if (err == nil) != c.good || c.good != (len(found) == 1) {
				t.Errorf("%d keys, %v", len(found), err)
			}
		})
	}
	if asked != 0 {
		t.Errorf("what only this machine reaches was asked %d times", asked)
	}
}

// TestAttack_KeyThatCostsToVerify: a key of a size that makes each token cost
// seconds is none.
func TestAttack_KeyThatCostsToVerify(t *testing.T) {
	for bits, want := range map[uint]string{1024: "", 2048: "RS256", 8192: "RS256", 16384: "", 1 << 20: ""} {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		if got := algorithm(&rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}); got != want {
			t.Errorf("%d bits: %q", bits, got)
		}
	}
}
