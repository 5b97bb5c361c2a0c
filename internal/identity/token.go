package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	maxToken = 8 << 10 // bytes
	maxSkew  = 30 * time.Second
	maxSub   = 255 // characters of a subject, as OpenID Connect has it
)

// errRefused is what every credential that does not hold is answered with,
// whatever is wrong with it.
var errRefused = errors.New("identity: the credential does not hold")

// because is errRefused with words for the operator's log, which the caller
// never gets. They hold nothing of the credential.
type because string

func (b because) Error() string { return errRefused.Error() + ": " + string(b) }

func (because) Is(target error) bool { return target == errRefused }

// Why a credential is refused.
const (
	whyForm      because = "this is no bearer token, or there are several"
	whyIssuer    because = "it is from no issuer that is named here"
	whyOver      because = "it has run out"
	whyEarly     because = "it does not hold yet; compare this machine's clock with the issuer's"
	whySignature because = "no key that the issuer publishes today signed it"
	whyMade      because = "its audience or algorithm is not the one that is configured, or a claim is missing"
	whySubject   because = "its subject is missing or too long, or a claim that decides is written in other letters"
	whyRequired  because = "a claim that is required has another value"
	whyNobody    because = "no rule names it"
)

// tokens knows callers by what an issuer signed.
type tokens struct {
	issuers map[string]*issuer // by URL
}

type issuer struct {
	TokenIssuer
	allowed  []jose.SignatureAlgorithm
	keys     *keys
	verifier *oidc.IDTokenVerifier
	now      func() time.Time
}

func newTokens(c GuardConfig, log *slog.Logger) (*tokens, error) {
	t := &tokens{issuers: map[string]*issuer{}}
	for _, i := range c.Issuers {
		if t.issuers[i.URL] != nil {
			return nil, fmt.Errorf("%w: two issuers %q", ErrConfig, i.URL)
		}
		made, err := newIssuer(i, c.Now, log)
		if err != nil {
			return nil, err
		}
		t.issuers[i.URL] = made
	}
	return t, nil
}

func newIssuer(c TokenIssuer, now func() time.Time, log *slog.Logger) (*issuer, error) {
	if err := checkURL(c.URL); err != nil {
		return nil, err
	}
	if c.Audience == "" {
		return nil, fmt.Errorf("%w: the issuer %q needs an audience; without one, a token for anything would do", ErrConfig, c.URL)
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{oidc.RS256, oidc.ES256, oidc.EdDSA}
	}
	i := &issuer{now: now}
	for _, a := range c.Algorithms {
		if a != oidc.RS256 && a != oidc.ES256 && a != oidc.EdDSA {
			return nil, fmt.Errorf("%w: algorithm %q; RS256, ES256 and EdDSA are allowed", ErrConfig, a)
		}
		i.allowed = append(i.allowed, jose.SignatureAlgorithm(a))
	}
	for group, roles := range c.Roles {
		if err := checkRoles(roles); err != nil {
			return nil, fmt.Errorf("group %q: %w", group, err)
		}
	}
	if c.Claim == "" {
		c.Claim = "roles"
	}
	if c.KeysEvery == 0 {
		c.KeysEvery = defaultEvery
	}
	if c.KeysEvery < shortestEvery {
		return nil, fmt.Errorf("%w: the issuer's keys every %v", ErrConfig, c.KeysEvery)
	}
	client, err := fetcher(c.CAFile)
	if err != nil {
		return nil, err
	}
	i.TokenIssuer = c
	i.keys = &keys{issuer: c.URL, client: client, every: c.KeysEvery, now: now, log: log, wanted: make(chan struct{}, 1), round: make(chan struct{})}
	i.verifier = oidc.NewVerifier(c.URL, i, &oidc.Config{ClientID: c.Audience, SupportedSigningAlgs: c.Algorithms, Now: now})
	return i, nil
}

// checkURL demands https, or plain http to this machine.
func checkURL(s string) error {
	u, err := url.Parse(s)
	// A space would end the issuer in the name of a principal.
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsFunc(s, unicode.IsSpace) {
		return fmt.Errorf("%w: %q is no address of an issuer", ErrConfig, s)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%w: %q must be https", ErrConfig, s)
	}
	return nil
}

// fetcher is a client for an issuer's documents: bounded, and it follows no
// redirection, by which a document could come from somebody else.
func fetcher(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: %s holds no certificate", ErrConfig, caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport:     &bounded{transport},
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// bounded cuts answers off.
type bounded struct{ *http.Transport }

func (b *bounded) RoundTrip(q *http.Request) (*http.Response, error) {
	r, err := b.Transport.RoundTrip(q)
	if err == nil {
		r.Body = http.MaxBytesReader(nil, r.Body, maxDocument)
	}
	return r, err
}

// saidKey is where a key set leaves its error.
type saidKey struct{}

// VerifySignature is for the verifier of go-oidc, which has held the algorithm
// against the issuer's list. It returns the payload that one of the issuer's
// keys signed.
func (i *issuer) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	say := func(err error) error {
		if said, ok := ctx.Value(saidKey{}).(*error); ok {
			*said = err
		}
		return err
	}
	s, err := jose.ParseSignedCompact(token, i.allowed)
	if err != nil || len(s.Signatures) != 1 {
		return nil, say(whyMade)
	}
	header := s.Signatures[0].Header
	found, err := i.keys.named(ctx, header.KeyID)
	if errors.Is(err, errRefused) {
		return nil, say(whySignature)
	} else if err != nil {
		return nil, say(err)
	}
	for _, key := range found {
		if key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := s.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, say(whySignature)
}

// bearer takes the token out of the values of Authorization.
func bearer(values []string) (string, error) {
	if len(values) != 1 || len(values[0]) > maxToken {
		return "", whyForm
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", whyForm
	}
	return token, nil
}

// of finds the issuer that a token says it is from. Nothing of it is verified
// yet.
func (t *tokens) of(token string) *issuer {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	return t.issuers[claims.Issuer]
}

// principal verifies a token and returns whom it names, and until when.
func (i *issuer) principal(ctx context.Context, token string) (Principal, time.Time, error) {
	// go-oidc hands on what the key set said as text alone.
	said := new(error)
	verified, err := i.verifier.Verify(context.WithValue(ctx, saidKey{}, said), token)
	switch {
	case errors.Is(*said, errAway):
		return Principal{}, time.Time{}, errAway
	case errors.As(err, new(*oidc.TokenExpiredError)):
		return Principal{}, time.Time{}, whyOver
	case err != nil && errors.Is(*said, errRefused):
		return Principal{}, time.Time{}, *said
	case err != nil:
		return Principal{}, time.Time{}, whyMade
	}
	var claims map[string]json.RawMessage
	if err := verified.Claims(&claims); err != nil || disguised(claims) || verified.Subject == "" || len(verified.Subject) > maxSub {
		return Principal{}, time.Time{}, whySubject
	}
	soon := i.now().Add(maxSkew)
	if verified.IssuedAt.After(soon) || !begun(claims["nbf"], soon) {
		return Principal{}, time.Time{}, whyEarly
	}
	for name, want := range i.Require {
		var got string
		if json.Unmarshal(claims[name], &got) != nil || got != want {
			return Principal{}, time.Time{}, whyRequired
		}
	}
	p := Principal{Name: "token:" + i.URL + " " + verified.Subject}
	for _, group := range groups(claims[i.Claim]) {
		for _, r := range i.Roles[group] {
			if !slices.Contains(p.Roles, r) {
				p.Roles = append(p.Roles, r)
			}
		}
	}
	return p, verified.Expiry, nil
}

// disguised tells whether a claim is one of those that decide, in other letters:
// Go's decoder, and so go-oidc, takes Sub for sub, and an issuer may let people
// fill such a claim with whatever they like.
func disguised(claims map[string]json.RawMessage) bool {
	for name := range claims {
		for _, decides := range []string{"iss", "sub", "aud", "exp", "iat", "nbf"} {
			if name != decides && strings.EqualFold(name, decides) {
				return true
			}
		}
	}
	return false
}

// begun tells whether a claim nbf is over; one that is not there is. go-oidc
// allows it to be off by five minutes.
func begun(claim json.RawMessage, now time.Time) bool {
	if claim == nil {
		return true
	}
	var seconds float64
	return json.Unmarshal(claim, &seconds) == nil && seconds <= float64(now.Unix())
}

// groups reads a string or a list of strings.
func groups(claim json.RawMessage) []string {
	var many []string
	if json.Unmarshal(claim, &many) == nil {
		return many
	}
	var one string
	if json.Unmarshal(claim, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}
