package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/identity/identitytest"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const createRequest = "/zkconsent.v1.VerifierService/CreateRequest"

// lines is a log that a test reads.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

// insurers is an issuer's rule by which its group gives the insurer's role.
func insurers(i *identitytest.Issuer) identity.TokenIssuer {
	return identity.TokenIssuer{URL: i.URL(), Audience: identitytest.Audience, Roles: map[string][]identity.Role{"insurers": {identity.Insurer}}}
}

// with makes the call of a role with values of Authorization, by gRPC.
func with(t testing.TB, conn *grpc.ClientConn, authorization ...string) error {
	t.Helper()
	ctx := short(t)
	for _, v := range authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", v)
	}
	return call(ctx, conn, createRequest)
}

// TestAttack_TokenAbuse: whatever is wrong with a token, the answer is the same
// to the byte, by either way, and the log does not have the token.
func TestAttack_TokenAbuse(t *testing.T) {
	issuer, other := identitytest.NewIssuer(t), identitytest.NewIssuer(t)
	rule := insurers(issuer)
	rule.Require = map[string]string{"tenant": "hospital"}
	log := &lines{}
	x := serveTLS(t, server.Config{Services: everything(), Logger: log.logger()}, identity.GuardConfig{
		Issuers: []identity.TokenIssuer{rule}, Logger: log.logger(), AnonymousRate: identity.Rate{PerSecond: -1},
	})
	conn, client := x.dial(t), x.client(t)
	claims := issuer.Claims("insurers")
	claims["tenant"] = "hospital"
	good := issuer.Token(claims, nil)
	if err := with(t, conn, "Bearer "+good); status.Code(err) != codes.Unimplemented {
		t.Fatalf("a token that holds: %v", err)
	}
	if err := with(t, conn, "bearer "+good); status.Code(err) != codes.Unimplemented {
		t.Errorf("a scheme in small letters: %v", err)
	}

	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(issuer.Public())
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(good, ".")
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	// A header with the attacker's own key in it, signed with that key.
	embedded := func() string {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: stranger}, &jose.SignerOptions{EmbedJWK: true})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	whole := func(token string) string {
		s, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		return s.FullSerialize()
	}
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	bearer := map[string]string{
		"wrong audience":            issuer.Token(claims, map[string]any{"aud": "another-service"}),
		"no audience":               issuer.Token(claims, map[string]any{"aud": nil}),
		"a part of the audience":    issuer.Token(claims, map[string]any{"aud": identitytest.Audience[:5]}),
		"wrong issuer":              other.Token(identitytest.Changed(claims, map[string]any{"iss": other.URL()}), nil),
		"another issuer's key":      other.Token(claims, nil),
		"issuer with a slash":       issuer.Token(claims, map[string]any{"iss": issuer.URL() + "/"}),
		"no issuer":                 issuer.Token(claims, map[string]any{"iss": nil}),
		"alg none":                  encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(payload) + ".",
		"alg none, kept signature":  encode([]byte(`{"alg":"none","kid":"first"}`)) + "." + parts[1] + "." + parts[2],
		"alg None":                  encode([]byte(`{"alg":"None"}`)) + "." + encode(payload) + ".",
		"HS256 with the public key": identitytest.Sign(t, jose.HS256, public, claims),
		"HS256 with an empty key":   encode([]byte(`{"alg":"HS256"}`)) + "." + encode(payload) + "." + encode(make([]byte, 32)),
		"expired":                   issuer.Token(claims, map[string]any{"exp": in(-time.Second)}),
		"no expiry":                 issuer.Token(claims, map[string]any{"exp": nil}),
		"not yet valid":             issuer.Token(claims, map[string]any{"nbf": in(2 * time.Minute)}),
		"from the future":           issuer.Token(claims, map[string]any{"iat": in(2 * time.Minute)}),
		"a time that is none":       issuer.Token(claims, map[string]any{"nbf": "soon"}),
		"unknown kid":               identitytest.Sign(t, jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: "second"}, claims),
		"known kid, another key":    identitytest.Sign(t, jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: "first"}, claims),
		"no kid, another key":       identitytest.Sign(t, jose.ES256, stranger, claims),
		"its own key in the header": embedded(),
		"token of another tenant":   issuer.Token(claims, map[string]any{"tenant": "clinic"}),
		"token of no tenant":        issuer.Token(claims, map[string]any{"tenant": nil}),
		"tenants in a list":         issuer.Token(claims, map[string]any{"tenant": []string{"hospital"}}),
		"no subject":                issuer.Token(claims, map[string]any{"sub": nil}),
		"changed after signing":     parts[0] + "." + encode(bytes.Replace(payload, []byte("somebody"), []byte("anybody!"), 1)) + "." + parts[2],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"no token":                  "token",
		"two parts":                 parts[0] + "." + parts[1],
		"something after it":        good + ".x",
		"JSON serialization":        whole(good),
		"too long":                  issuer.Token(claims, map[string]any{"note": strings.Repeat("x", 9000)}),
	}
	headers := map[string][]string{
		"two headers":              {"Bearer " + good, "Bearer " + good},
		"a good one after another": {"Basic eDp5", "Bearer " + good},
		"two tokens in one":        {"Bearer " + good + ", Bearer " + good},
		"basic":                    {"Basic " + base64.StdEncoding.EncodeToString([]byte("insurer:insurer"))},
		"no scheme":                {good},
		"the scheme alone":         {"Bearer"},
		"nothing":                  {""},
		"two spaces":               {"Bearer  " + good},
		"a letter beyond ASCII":    {"Bearer " + good + "é"},
	}
	for name, token := range bearer {
		headers[name] = []string{"Bearer " + token}
	}

	wantGRPC := text(with(t, conn))
	wantREST := ask(t, client, http.MethodPost, "https://"+x.RESTAddr()+"/v1/requests", []byte("{}"))
	if wantREST.http != http.StatusUnauthorized || wantREST.header.Get("WWW-Authenticate") != "Bearer" {
		t.Fatalf("without a token: %d %v", wantREST.http, wantREST.header)
	}
	for name, values := range headers {
		if got := text(with(t, conn, values...)); got != wantGRPC && (name != "too long" && name != "a letter beyond ASCII" || with(t, conn, values...) == nil) {
			t.Errorf("gRPC, %s: %s\nwant %s", name, got, wantGRPC)
		}
		var pairs []string
		for _, v := range values {
			pairs = append(pairs, "Authorization", v)
		}
		a := ask(t, client, http.MethodPost, "https://"+x.RESTAddr()+"/v1/requests", []byte("{}"), pairs...)
		if a.http != wantREST.http || !bytes.Equal(a.body, wantREST.body) || a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("REST, %s: %d %s", name, a.http, a.body)
		}
		// Who shows a credential means it: it is not ignored where none is needed.
		if a := ask(t, client, http.MethodGet, "https://"+x.RESTAddr()+"/v1/checkpoint", nil, pairs...); a.http != wantREST.http || !bytes.Equal(a.body, wantREST.body) {
			t.Errorf("REST, reading, %s: %d %s", name, a.http, a.body)
		}
	}
	for _, secret := range parts[1:] {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %.40s", secret)
		}
	}
	if !strings.Contains(log.String(), "token:"+issuer.URL()) {
		t.Error("the log does not say whose tokens were refused")
	}
}

// TestAttack_RotatedKey: a key that an issuer took back opens nothing, and the
// new one does at once.
func TestAttack_RotatedKey(t *testing.T) {
	t.Parallel()
	issuer, now := identitytest.NewIssuer(t), &clock{}
	x := serveTLS(t, server.Config{Services: everything()}, identity.GuardConfig{Issuers: []identity.TokenIssuer{insurers(issuer)}, Now: now.now, AnonymousRate: identity.Rate{PerSecond: -1}})
	conn := x.dial(t)
	old := issuer.Token(issuer.Claims("insurers"), nil)
	if err := with(t, conn, "Bearer "+old); status.Code(err) != codes.Unimplemented {
		t.Fatal(err)
	}
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.EdDSA, jose.ES256} {
		now.add(11 * time.Second)
		issuer.Rotate("after "+string(alg), alg)
		fresh := issuer.Token(issuer.Claims("insurers"), nil)
		if err := with(t, conn, "Bearer "+fresh); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: the new key: %v", alg, err)
		}
		if err := with(t, conn, "Bearer "+old); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: the old key: %v", alg, err)
		}
		old = fresh
	}
	// Keys that nobody has do not make it ask without end.
	before := issuer.Fetched()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		token := identitytest.Sign(t, jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: rand.Text()}, issuer.Claims("insurers"))
		if err := with(t, conn, "Bearer "+token); status.Code(err) != codes.Unauthenticated {
			t.Fatal(err)
		}
	}
	if asked := issuer.Fetched() - before; asked > 1 {
		t.Errorf("50 tokens made it ask %d times", asked)
	}
}

// TestKeysAreFetchedAgain: a key that was taken back is refused without any
// token of the new one.
func TestKeysAreFetchedAgain(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	rule := insurers(issuer)
	rule.KeysEvery = 20 * time.Millisecond
	x := serveTLS(t, server.Config{Services: everything()}, identity.GuardConfig{Issuers: []identity.TokenIssuer{rule}, AnonymousRate: identity.Rate{PerSecond: -1}, Rate: identity.Rate{PerSecond: -1}})
	conn := x.dial(t)
	old := "Bearer " + issuer.Token(issuer.Claims("insurers"), nil)
	if err := with(t, conn, old); status.Code(err) != codes.Unimplemented {
		t.Fatal(err)
	}
	issuer.Rotate("second", jose.ES256)
	for ends := time.Now().Add(15 * time.Second); status.Code(with(t, conn, old)) != codes.Unauthenticated; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(ends) {
			t.Fatal("the old key still opens")
		}
	}
}

// TestIssuerAway: the process starts without its issuer, refuses tokens until it
// has the keys, and says that it is worth asking again.
func TestIssuerAway(t *testing.T) {
	t.Parallel()
	issuer := identitytest.NewIssuer(t)
	issuer.Hide(true)
	x := serveTLS(t, server.Config{Services: everything()}, identity.GuardConfig{Issuers: []identity.TokenIssuer{insurers(issuer)}, AnonymousRate: identity.Rate{PerSecond: -1}})
	conn := x.dial(t)
	token := "Bearer " + issuer.Token(issuer.Claims("insurers"), nil)
	err := with(t, conn, token)
	if status.Code(err) != codes.Unavailable || refusal.Of(err) != refusal.NoIssuer || refusal.After(err) <= 0 {
		t.Errorf("%v", err)
	}
	a := ask(t, x.client(t), http.MethodPost, "https://"+x.RESTAddr()+"/v1/requests", []byte("{}"), "Authorization", token)
	if a.http != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("REST: %d %v", a.http, a.header)
	}
	if err := call(short(t), conn, "/zkconsent.v1.RegistryService/GetGenesis"); status.Code(err) != codes.Unimplemented {
		t.Errorf("who needs no token: %v", err)
	}
	issuer.Hide(false)
	for ends := time.Now().Add(20 * time.Second); status.Code(with(t, conn, token)) != codes.Unimplemented; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(ends) {
			t.Fatal("it does not find the issuer that came back")
		}
	}
}
