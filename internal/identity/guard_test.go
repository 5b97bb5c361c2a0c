package identity_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/identity/identitytest"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	reading  = "/zkconsent.v1.RegistryService/GetLog"
	changing = "/zkconsent.v1.VerifierService/CreateRequest"
	proving  = "/zkconsent.v1.ProverService/Prove"
)

func newGuard(t testing.TB, c identity.GuardConfig) *identity.Guard {
	t.Helper()
	g, err := identity.NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// admitted calls a method from an origin, and returns whom the service saw.
func admitted(g *identity.Guard, o identity.Origin, method string) (p identity.Principal, err error) {
	ctx := identity.WithOrigin(context.Background(), o)
	_, err = g.Unary()(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, func(ctx context.Context, _ any) (any, error) {
		p = identity.From(ctx)
		return nil, nil
	})
	return p, err
}

func TestRefusesConfigurations(t *testing.T) {
	insurer := []identity.Role{identity.Insurer}
	issuer := func(change func(*identity.TokenIssuer)) identity.GuardConfig {
		i := identity.TokenIssuer{URL: "https://login.example.org", Audience: "here"}
		change(&i)
		return identity.GuardConfig{Issuers: []identity.TokenIssuer{i}}
	}
	for name, c := range map[string]identity.GuardConfig{
		"a rule without a name":        {Certificates: []identity.CertificateRule{{Roles: insurer}}},
		"a rule with two names":        {Certificates: []identity.CertificateRule{{URI: "a:b", DNS: "c", Roles: insurer}}},
		"a rule without a role":        {Certificates: []identity.CertificateRule{{DNS: "c"}}},
		"a rule with an unknown role":  {Certificates: []identity.CertificateRule{{DNS: "c", Roles: []identity.Role{"root"}}}},
		"a rule for anyone":            {Certificates: []identity.CertificateRule{{DNS: "c", Roles: []identity.Role{identity.Anyone}}}},
		"two rules of one name":        {Certificates: []identity.CertificateRule{{DNS: "c", Roles: insurer}, {DNS: "c", Roles: insurer}}},
		"an unknown role on loopback":  {Loopback: []identity.Role{"admin"}},
		"a burst below a proof":        {Rate: identity.Rate{Burst: 10}},
		"a burst below a transaction":  {AnonymousRate: identity.Rate{Burst: 9}},
		"no audience":                  issuer(func(i *identity.TokenIssuer) { i.Audience = "" }),
		"HS256":                        issuer(func(i *identity.TokenIssuer) { i.Algorithms = []string{"RS256", "HS256"} }),
		"none":                         issuer(func(i *identity.TokenIssuer) { i.Algorithms = []string{"none"} }),
		"http":                         issuer(func(i *identity.TokenIssuer) { i.URL = "http://login.example.org" }),
		"http to a name":               issuer(func(i *identity.TokenIssuer) { i.URL = "http://localhost:1" }),
		"no address":                   issuer(func(i *identity.TokenIssuer) { i.URL = "login" }),
		"a space in the address":       issuer(func(i *identity.TokenIssuer) { i.URL = "https://login.example.org/a b" }),
		"a password in the address":    issuer(func(i *identity.TokenIssuer) { i.URL = "https://a:b@login.example.org" }),
		"a group with an unknown role": issuer(func(i *identity.TokenIssuer) { i.Roles = map[string][]identity.Role{"g": {"root"}} }),
		"no file of authorities":       issuer(func(i *identity.TokenIssuer) { i.CAFile = filepath.Join(t.TempDir(), "none.pem") }),
		"keys without a pause":         issuer(func(i *identity.TokenIssuer) { i.KeysEvery = time.Microsecond }),
		"two issuers of one name": {Issuers: []identity.TokenIssuer{
			{URL: "https://login.example.org", Audience: "a"}, {URL: "https://login.example.org", Audience: "b"},
		}},
	} {
		if g, err := identity.NewGuard(c); !errors.Is(err, identity.ErrConfig) {
			t.Errorf("%s: %v", name, err)
			if g != nil {
				g.Close()
			}
		}
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.NewGuard(issuer(func(i *identity.TokenIssuer) { i.CAFile = empty })); !errors.Is(err, identity.ErrConfig) {
		t.Errorf("a file without authorities: %v", err)
	}
}

// TestGroupsGiveRoles: a string or a list, mapped by the config and by nothing
// else.
func TestGroupsGiveRoles(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	g := newGuard(t, identity.GuardConfig{Issuers: []identity.TokenIssuer{{
		URL: issuer.URL(), Audience: identitytest.Audience, Claim: "groups",
		Roles: map[string][]identity.Role{"claims": {identity.Insurer, identity.Auditor}, "audit": {identity.Auditor}},
	}}})
	for name, c := range map[string]struct {
		claim any
		want  string
	}{
		"one group":              {"audit", "auditor"},
		"a list":                 {[]string{"audit", "claims"}, "auditor insurer"},
		"a group of no role":     {[]string{"staff", "insurer", "operator", "anyone"}, ""},
		"none":                   {nil, ""},
		"a number":               {7, ""},
		"an object":              {map[string]any{"audit": true}, ""},
		"a list in a list":       {[]any{[]string{"audit"}}, ""},
		"several in one string":  {"audit claims", ""},
		"the claim of the roles": {"", ""},
	} {
		claims := issuer.Claims("audit") // in the claim roles, which is not asked
		token := issuer.Token(claims, map[string]any{"groups": c.claim})
		p, err := admitted(g, identity.Origin{Authorization: []string{"Bearer " + token}}, reading)
		var roles []string
		for _, r := range p.Roles {
			roles = append(roles, string(r))
		}
		if err != nil || strings.Join(roles, " ") != c.want || p.Name != "token:"+issuer.URL()+" somebody" {
			t.Errorf("%s: %+v, %v, want %q", name, p, err, c.want)
		}
	}
}

// TestTwoCredentials: both must hold, and the token says who it is.
func TestTwoCredentials(t *testing.T) {
	issuer, authority := identitytest.NewIssuer(t), identitytest.NewAuthority(t)
	g := newGuard(t, identity.GuardConfig{
		Certificates: []identity.CertificateRule{{URI: "spiffe://test/gateway", Roles: []identity.Role{identity.Operator, identity.Patient}}},
		Issuers:      []identity.TokenIssuer{{URL: issuer.URL(), Audience: identitytest.Audience, Roles: map[string][]identity.Role{"insurers": {identity.Insurer}}}},
	})
	token := []string{"Bearer " + issuer.Token(issuer.Claims("insurers"), nil)}
	known, other := authority.Client("spiffe://test/gateway").Leaf, authority.Client("spiffe://test/other").Leaf
	p, err := admitted(g, identity.Origin{Certificate: known, Authorization: token}, changing)
	if err != nil || len(p.Roles) != 1 || !p.Has(identity.Insurer) {
		t.Errorf("both: %+v, %v", p, err)
	}
	if _, err := admitted(g, identity.Origin{Certificate: known, Authorization: token}, proving); refusal.Of(err) != refusal.NotAllowed {
		t.Errorf("the certificate's role beside the token: %v", err)
	}
	for name, o := range map[string]identity.Origin{
		"a certificate of no rule": {Certificate: other, Authorization: token},
		"a token that is none":     {Certificate: known, Authorization: []string{"Bearer x"}},
	} {
		if _, err := admitted(g, o, changing); refusal.Of(err) != refusal.NotSignedIn {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAttack_CallsWithoutEnd: one caller is bounded, others are not touched, and
// the answer says when to come again.
func TestAttack_CallsWithoutEnd(t *testing.T) {
	authority := identitytest.NewAuthority(t)
	now := time.Now()
	rule := func(name string, r identity.Role) identity.CertificateRule {
		return identity.CertificateRule{DNS: name, Roles: []identity.Role{r}}
	}
	g := newGuard(t, identity.GuardConfig{
		Certificates: []identity.CertificateRule{rule("a", identity.Patient), rule("b", identity.Patient)},
		Rate:         identity.Rate{PerSecond: 10, Burst: 100}, AnonymousRate: identity.Rate{PerSecond: 1, Burst: 50},
		Now: func() time.Time { return now },
	})
	a, b := identity.Origin{Certificate: authority.Client("a").Leaf}, identity.Origin{Certificate: authority.Client("b").Leaf}
	for range 2 {
		if _, err := admitted(g, a, proving); err != nil {
			t.Fatal(err)
		}
	}
	_, err := admitted(g, a, proving)
	if status.Code(err) != codes.ResourceExhausted || refusal.Of(err) != refusal.TooMany || refusal.After(err) != 5*time.Second {
		t.Errorf("a third proof: %v after %v", err, refusal.After(err))
	}
	if _, err := admitted(g, b, proving); err != nil {
		t.Errorf("another caller: %v", err)
	}
	now = now.Add(5 * time.Second)
	if _, err := admitted(g, a, proving); err != nil {
		t.Errorf("after the while: %v", err)
	}
	// Without a name, the addresses of one customer count as one.
	from := func(s string) identity.Origin { return identity.Origin{Address: netip.MustParseAddr(s)} }
	for i := range 50 {
		if _, err := admitted(g, from([]string{"2001:db8:0:100::1", "2001:db8:0:1ff::2"}[i%2]), reading); err != nil {
			t.Fatal(err)
		}
	}
	for address, want := range map[string]refusal.Reason{
		"2001:db8:0:123::3": refusal.TooMany, "2001:db8:0:200::1": "", "192.0.2.1": "", "192.0.2.2": "",
	} {
		if _, err := admitted(g, from(address), reading); refusal.Of(err) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestAttack_GuessedCredentials: whoever tries credentials without end fills no
// log, and nobody at another address notices.
func TestAttack_GuessedCredentials(t *testing.T) {
	var log strings.Builder
	issuer := identitytest.NewIssuer(t)
	g := newGuard(t, identity.GuardConfig{
		Issuers:       []identity.TokenIssuer{{URL: issuer.URL(), Audience: identitytest.Audience}},
		AnonymousRate: identity.Rate{PerSecond: 0.001, Burst: 100},
		Logger:        slog.New(slog.NewTextHandler(&log, nil)),
	})
	at := func(s, value string) error {
		_, err := admitted(g, identity.Origin{Address: netip.MustParseAddr(s), Authorization: []string{value}}, reading)
		return err
	}
	for range 10 {
		if err := at("192.0.2.1", "Bearer guess"); refusal.Of(err) != refusal.NotSignedIn {
			t.Fatal(err)
		}
	}
	for range 100 {
		if err := at("192.0.2.1", "Bearer guess"); refusal.Of(err) != refusal.TooMany || refusal.After(err) <= 0 {
			t.Errorf("a guess after the bound: %v", err)
		}
	}
	if n := strings.Count(log.String(), "a credential was refused"); n != 10 {
		t.Errorf("%d lines in the log", n)
	}
	if err := at("192.0.2.2", "Bearer guess"); refusal.Of(err) != refusal.NotSignedIn {
		t.Errorf("another address: %v", err)
	}
}

// TestAttack_GuesserBehindTheSameAddress: a stranger in the hospital's network,
// or one program of it with an old token, keeps nobody out whose credential
// holds.
func TestAttack_GuesserBehindTheSameAddress(t *testing.T) {
	issuer, authority := identitytest.NewIssuer(t), identitytest.NewAuthority(t)
	g := newGuard(t, identity.GuardConfig{
		Issuers:       []identity.TokenIssuer{{URL: issuer.URL(), Audience: identitytest.Audience}},
		Certificates:  []identity.CertificateRule{{DNS: "insurer.example.org", Roles: []identity.Role{identity.Insurer}}},
		AnonymousRate: identity.Rate{PerSecond: 0.001, Burst: 100},
	})
	address := netip.MustParseAddr("192.0.2.1")
	for range 50 {
		if _, err := admitted(g, identity.Origin{Address: address, Authorization: []string{"Bearer guess"}}, reading); err == nil {
			t.Fatal("a guess is let in")
		}
	}
	for name, o := range map[string]identity.Origin{
		"a token":       {Address: address, Authorization: []string{"Bearer " + issuer.Token(issuer.Claims(), nil)}},
		"a certificate": {Address: address, Certificate: authority.Client("insurer.example.org").Leaf},
		"nothing":       {Address: address},
	} {
		if _, err := admitted(g, o, reading); err != nil {
			t.Errorf("who shows %s: %v", name, err)
		}
	}
}

// TestAttack_TokensWhileTheIssuerIsAway: nobody can say whether they hold. They
// are bounded all the same.
func TestAttack_TokensWhileTheIssuerIsAway(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	issuer.Hide(true)
	g := newGuard(t, identity.GuardConfig{
		Issuers:       []identity.TokenIssuer{{URL: issuer.URL(), Audience: identitytest.Audience}},
		AnonymousRate: identity.Rate{PerSecond: 0.001, Burst: 60},
	})
	token := "Bearer " + issuer.Token(issuer.Claims(), nil)
	said := map[refusal.Reason]int{}
	for range 100 {
		_, err := admitted(g, identity.Origin{Address: netip.MustParseAddr("192.0.2.1"), Authorization: []string{token}}, reading)
		said[refusal.Of(err)]++
	}
	if said[refusal.NoIssuer] != 60 || said[refusal.TooMany] != 40 {
		t.Errorf("%v", said)
	}
}

// TestAttack_ClaimInOtherLetters: an issuer that lets people fill claims of
// their own vouches for sub, and not for Sub.
func TestAttack_ClaimInOtherLetters(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	g := newGuard(t, identity.GuardConfig{Issuers: []identity.TokenIssuer{{URL: issuer.URL(), Audience: identitytest.Audience}}})
	for claim, value := range map[string]any{
		"Sub": "insurer", "SUB": "insurer", "\u017fub": "insurer", "subject": "insurer", "Aud": identitytest.Audience, "eXp": time.Now().Add(1000 * time.Hour).Unix(), "Iat": 0, "NBF": 0, "Iss": issuer.URL(),
	} {
		token := issuer.Token(issuer.Claims(), map[string]any{claim: value})
		p, err := admitted(g, identity.Origin{Authorization: []string{"Bearer " + token}}, reading)
		if claim == "subject" {
			if err != nil || p.Name != "token:"+issuer.URL()+" somebody" {
				t.Errorf("another claim: %+v, %v", p, err)
			}
			continue
		}
		if refusal.Of(err) != refusal.NotSignedIn {
			t.Errorf("%s: %+v, %v", claim, p, err)
		}
	}
}

// TestLogsTellChangesAndNotReaders: who changed something is kept, who read
// something is not.
func TestLogsTellChangesAndNotReaders(t *testing.T) {
	authority := identitytest.NewAuthority(t)
	var log strings.Builder
	g := newGuard(t, identity.GuardConfig{
		Certificates: []identity.CertificateRule{{DNS: "insurer.example.org", Roles: []identity.Role{identity.Insurer}}},
		Logger:       slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	o := identity.Origin{Certificate: authority.Client("insurer.example.org").Leaf, Address: netip.MustParseAddr("192.0.2.77")}
	for method := range identity.Table() {
		log.Reset()
		_, err := admitted(g, o, method)
		told := strings.Contains(log.String(), "insurer.example.org")
		if want := err == nil && identity.Changes(method); told != want || strings.Contains(log.String(), "192.0.2.77") {
			t.Errorf("%s: %q", method, log.String())
		}
	}
	log.Reset()
	_, _ = admitted(g, identity.Origin{Certificate: authority.Client("stranger.example.org").Leaf}, reading)
	if !strings.Contains(log.String(), "stranger.example.org") {
		t.Errorf("a refused certificate: %q", log.String())
	}
}

// TestLogSaysWhy: the operator reads what is wrong with a credential, its caller
// does not, and the log holds nothing of it.
func TestLogSaysWhy(t *testing.T) {
	issuer, authority := identitytest.NewIssuer(t), identitytest.NewAuthority(t)
	var log strings.Builder
	g := newGuard(t, identity.GuardConfig{
		Certificates:  []identity.CertificateRule{{DNS: "insurer.example.org", Roles: []identity.Role{identity.Insurer}}},
		Issuers:       []identity.TokenIssuer{{URL: issuer.URL(), Audience: identitytest.Audience, Require: map[string]string{"tenant": "a"}}},
		Logger:        slog.New(slog.NewTextHandler(&log, nil)),
		AnonymousRate: identity.Rate{PerSecond: -1},
	})
	token := func(changes map[string]any) identity.Origin {
		changes["sub"] = "secret-5f1e"
		return identity.Origin{Authorization: []string{"Bearer " + issuer.Token(issuer.Claims("insurers"), changes)}}
	}
	now := time.Now()
	signed := token(map[string]any{"tenant": "a"}).Authorization[0]
	for want, o := range map[string]identity.Origin{
		"no bearer token":        {Authorization: []string{"Basic secret-5f1e"}},
		"from no issuer":         token(map[string]any{"iss": "https://secret-5f1e.example.org"}),
		"has run out":            token(map[string]any{"exp": now.Add(-time.Hour).Unix()}),
		"compare this machine's": token(map[string]any{"tenant": "a", "iat": now.Add(time.Hour).Unix()}),
		"its audience":           token(map[string]any{"aud": "secret-5f1e"}),
		"another value":          token(map[string]any{"tenant": "secret-5f1e"}),
		"no key that the issuer": {Authorization: []string{signed[:len(signed)-8] + "AAAAAAAA"}},
		"no rule names it":       {Certificate: authority.Client("stranger.example.org").Leaf},
	} {
		log.Reset()
		_, err := admitted(g, o, reading)
		if refusal.Of(err) != refusal.NotSignedIn || strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if !strings.Contains(log.String(), want) || strings.Contains(log.String(), "secret-5f1e") {
			t.Errorf("%s: %q", want, log.String())
		}
	}
}

// TestAStreamEndsWithItsToken: a feed does not outlive the credential that
// opened it.
func TestAStreamEndsWithItsToken(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	g := newGuard(t, identity.GuardConfig{Issuers: []identity.TokenIssuer{{
		URL: issuer.URL(), Audience: identitytest.Audience, Roles: map[string][]identity.Role{"insurers": {identity.Insurer}},
	}}})
	token := issuer.Token(issuer.Claims("insurers"), map[string]any{"exp": time.Now().Add(2 * time.Second).Unix()})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s := &opened{ctx: identity.WithOrigin(ctx, identity.Origin{Authorization: []string{"Bearer " + token}})}
	err := g.Stream()(nil, s, &grpc.StreamServerInfo{FullMethod: "/zkconsent.v1.VerifierService/WatchWithdrawals"}, func(_ any, s grpc.ServerStream) error {
		<-s.Context().Done()
		return s.Context().Err()
	})
	if refusal.Of(err) != refusal.NotSignedIn || ctx.Err() != nil {
		t.Errorf("%v", err)
	}
}

type opened struct {
	grpc.ServerStream
	ctx context.Context
}

func (o *opened) Context() context.Context { return o.ctx }
