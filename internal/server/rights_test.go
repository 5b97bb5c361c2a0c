package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/identity/identitytest"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A route is a method with its two addresses.
type route struct {
	method string // of gRPC
	verb   string // of REST
	path   string
	body   []byte
}

var inPath = regexp.MustCompile(`\{(\w+)\}`)

// routes reads all methods of the three services from their definition.
func routes(t testing.TB) (out []route) {
	t.Helper()
	for _, file := range []protoreflect.FileDescriptor{
		zkconsentv1.File_zkconsent_v1_registry_proto, zkconsentv1.File_zkconsent_v1_prover_proto, zkconsentv1.File_zkconsent_v1_verifier_proto,
	} {
		for i := range file.Services().Len() {
			s := file.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				r := route{method: fmt.Sprintf("/%s/%s", s.FullName(), m.Name()), verb: http.MethodGet}
				rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
				if !ok || rule == nil {
					t.Fatalf("%s has no address in REST", r.method)
				}
				if r.path = rule.GetGet(); r.path == "" {
					r.verb, r.path, r.body = http.MethodPost, rule.GetPost(), []byte("{}")
				}
				r.path = inPath.ReplaceAllStringFunc(r.path, func(name string) string {
					switch f := m.Input().Fields().ByName(protoreflect.Name(strings.Trim(name, "{}"))); f.Kind() {
					case protoreflect.EnumKind:
						return string(f.Enum().Values().Get(1).Name())
					case protoreflect.BytesKind:
						return "AAAA"
					default:
						return "1"
					}
				})
				out = append(out, r)
			}
		}
	}
	return out
}

// TestEveryMethodIsInTheTable: a method that nobody thought about is refused,
// and fails here.
func TestEveryMethodIsInTheTable(t *testing.T) {
	table := identity.Table()
	for _, r := range routes(t) {
		if len(table[r.method]) == 0 {
			t.Errorf("%s: who may call it?", r.method)
		}
		delete(table, r.method)
	}
	delete(table, "/grpc.health.v1.Health/Check")
	delete(table, "/grpc.health.v1.Health/Watch")
	for method := range table {
		t.Errorf("%s is in the table and does not exist", method)
	}
}

const tokenOf = "token of "

// everyRole has a certificate rule and a group of tokens for each role.
func everyRole(i *identitytest.Issuer) identity.GuardConfig {
	free := identity.Rate{PerSecond: -1}
	c := identity.GuardConfig{Rate: free, AnonymousRate: free}
	issuer := identity.TokenIssuer{URL: i.URL(), Audience: identitytest.Audience, Roles: map[string][]identity.Role{}}
	for _, r := range identity.Roles() {
		c.Certificates = append(c.Certificates, identity.CertificateRule{URI: "spiffe://test/" + string(r), Roles: []identity.Role{r}})
		issuer.Roles["group-"+string(r)] = []identity.Role{r}
	}
	c.Issuers = []identity.TokenIssuer{issuer}
	return c
}

// TestRightsMatrix calls every method as every role, with a certificate, with a
// token and with none, by both ways, and holds what happens against the table.
func TestRightsMatrix(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	x := serveTLS(t, server.Config{Services: everything()}, everyRole(issuer))
	table := identity.Table()
	type caller struct {
		name  string
		role  identity.Role
		certs []tls.Certificate
		token string
	}
	callers := []caller{{name: "none"}}
	for _, r := range identity.Roles() {
		callers = append(callers,
			caller{"certificate of " + string(r), r, []tls.Certificate{x.authority.Client("spiffe://test/" + string(r))}, ""},
			caller{tokenOf + string(r), r, nil, issuer.Token(issuer.Claims("group-"+string(r)), nil)})
	}
	calls := 0
	for _, c := range callers {
		conn, client := x.dial(t, c.certs...), x.client(t, c.certs...)
		for _, r := range routes(t) {
			may := slices.Contains(table[r.method], identity.Anyone) || c.role != "" && slices.Contains(table[r.method], c.role)
			code, reason := codes.Unimplemented, refusal.NotServed // what the services here answer
			switch {
			case !may && c.role == "":
				code, reason = codes.Unauthenticated, refusal.NotSignedIn
			case !may:
				code, reason = codes.PermissionDenied, refusal.NotAllowed
			}
			ctx, headers := short(t), []string{}
			if c.token != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.token)
				headers = append(headers, "Authorization", "Bearer "+c.token)
			}
			if err := call(ctx, conn, r.method); status.Code(err) != code || refusal.Of(err) != reason {
				t.Errorf("gRPC, %s, %s: %v (%s), want %s", c.name, r.method, err, refusal.Of(err), code)
			}
			a := ask(t, client, r.verb, "https://"+x.RESTAddr()+r.path, r.body, headers...)
			// A bad argument is refused by the gateway before anybody is asked.
			if a.code != int(code) || a.reason != string(reason) {
				t.Errorf("REST, %s, %s %s: %d %s, want %s", c.name, r.verb, r.path, a.http, a.body, code)
			}
			calls += 2
		}
	}
	t.Logf("%d calls: %d methods, %d callers, gRPC and REST", calls, len(routes(t)), len(callers))
}

// TestAttack_OddPaths: a name that routes to a method and is not the one in the
// table, or is in no table, reaches nothing.
func TestAttack_OddPaths(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	x := serveTLS(t, server.Config{Services: everything()}, everyRole(issuer))
	const stats = "zkconsent.v1.VerifierService/ScopeStats"
	for name, conn := range map[string]*grpc.ClientConn{"nobody": x.dial(t), "an operator": x.dial(t, x.authority.Client("spiffe://test/operator"))} {
		for _, path := range []string{
			stats, "//" + stats, "/" + stats + "/", "/" + stats + "?", "/" + stats + "%20", "/" + strings.ToLower(stats), "/./" + stats, "/zkconsent.v1.VerifierService//ScopeStats",
			"/VerifierService/ScopeStats", "/zkconsent.v1.VerifierService/ScopeStats\x00", "/zkconsent.v1.VerifierService", "/zkconsent.v1.VerifierService/", "//ScopeStats", "/", "",
			"/grpc.health.v1.Health/List", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.channelz.v1.Channelz/GetServers",
		} {
			err := call(short(t), conn, path)
			switch status.Code(err) {
			case codes.PermissionDenied:
				if refusal.Of(err) != refusal.NotAllowed {
					t.Errorf("%s, %q: %v", name, path, err)
				}
			case codes.Internal: // gRPC's own client, or the protocol, does not carry it
				if !strings.ContainsAny(path, "\x00") && path != "" {
					t.Errorf("%s, %q: %v", name, path, err)
				}
			case codes.Unimplemented, codes.Unavailable:
				if path != "" {
					t.Errorf("%s, %q: %v", name, path, err)
				}
			default:
				t.Errorf("%s, %q: %v", name, path, err)
			}
		}
	}
	for _, path := range []string{"//v1/scopes/stats", "/v1//scopes/stats", "/v1/scopes/stats/", "/V1/scopes/stats", "/v1/../v1/scopes/stats", "/v1/scopes/stats;x", "/" + stats, "/healthz/../v1/scopes/stats"} {
		a := ask(t, x.client(t), http.MethodGet, "https://"+x.RESTAddr()+path, nil)
		if a.http != http.StatusNotFound && a.http != http.StatusUnauthorized || a.reason == "" {
			t.Errorf("REST, %s: %d %s", path, a.http, a.body)
		}
	}
	for _, override := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		a := ask(t, x.client(t), http.MethodPost, "https://"+x.RESTAddr()+"/v1/scopes/stats", nil, override, "GET", "Content-Type", "application/x-www-form-urlencoded")
		if a.http != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d %s", override, a.http, a.body)
		}
	}
}

// TestAttack_Certificates: certificates that nobody gave a role, of another
// authority, or past their end.
func TestAttack_Certificates(t *testing.T) {
	x := serveTLS(t, server.Config{Services: everything()}, identity.GuardConfig{Certificates: []identity.CertificateRule{
		{DNS: "insurer.example.org", Roles: []identity.Role{identity.Insurer}},
		{URI: "spiffe://test/auditor", Roles: []identity.Role{identity.Auditor}},
	}})
	const create = "/zkconsent.v1.VerifierService/CreateRequest"
	if err := call(short(t), x.dial(t, x.authority.Client("insurer.example.org")), create); status.Code(err) != codes.Unimplemented {
		t.Fatalf("the insurer: %v", err)
	}
	// The same answer as to nobody, whatever the name.
	want := text(call(short(t), x.dial(t), create))
	for _, name := range []string{
		"*.example.org", "example.org", "x.insurer.example.org", "Insurer.example.org", "insurer.example.org.evil.example",
		"spiffe://test/auditor/", "spiffe://test/auditor2", "spiffe://TEST/auditor", "dns:insurer.example.org", "",
	} {
		certificate := x.authority.Client(name)
		if got := text(call(short(t), x.dial(t, certificate), create)); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		if a := ask(t, x.client(t, certificate), http.MethodPost, "https://"+x.RESTAddr()+"/v1/requests", []byte("{}")); a.http != http.StatusUnauthorized {
			t.Errorf("REST, %q: %d %s", name, a.http, a.body)
		}
	}
	other := identitytest.NewAuthority(t)
	if err := call(short(t), x.dial(t, other.Client("insurer.example.org")), create); err == nil || status.Code(err) == codes.Unimplemented {
		t.Errorf("of another authority: %v", err)
	}
	old, err := tls.X509KeyPair(x.authority.Issue("insurer.example.org", time.Now().Add(-time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	if err := call(short(t), x.dial(t, old), create); err == nil || status.Code(err) == codes.Unimplemented {
		t.Errorf("past its end: %v", err)
	}
}

// TestAttack_IdentityInHeaders: nothing that a caller writes makes it somebody
// else, by either way, and nothing of it reaches a service.
func TestAttack_IdentityInHeaders(t *testing.T) {
	var seen []metadata.MD
	var who []identity.Principal
	x := serveTLS(t, server.Config{
		Services: everything(),
		Unary: []grpc.UnaryServerInterceptor{func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			m, _ := metadata.FromIncomingContext(ctx)
			seen, who = append(seen, m), append(who, identity.From(ctx))
			return h(ctx, r)
		}},
	}, identity.GuardConfig{
		Certificates: []identity.CertificateRule{{URI: "spiffe://test/auditor", Roles: []identity.Role{identity.Auditor}}},
		Loopback:     []identity.Role{identity.Operator, identity.Insurer}, // which TLS does not give
	})
	spoofed := []string{
		"Zkconsent-Caller", "1", "Grpc-Metadata-Zkconsent-Caller", "1", "Grpcgateway-Zkconsent-Caller", "1", "Grpc-Metadata-Authorization", "Bearer x",
		"X-Forwarded-Client-Cert", "URI=spiffe://test/auditor", "X-Ssl-Client-Cert", "spiffe://test/auditor", "X-Client-Dn", "auditor", "Ssl-Client-Verify", "SUCCESS",
		"X-Forwarded-User", "auditor", "X-Remote-User", "auditor", "Remote-User", "auditor", "X-Forwarded-For", "127.0.0.1", "X-Real-Ip", "127.0.0.1", "Forwarded", "for=127.0.0.1",
		"Cookie", "session=evil", "Grpc-Metadata-Principal", "auditor", "Principal", "auditor", "Role", "auditor", "X-Role", "auditor", "Proxy-Authorization", "Basic eDp5",
		"Grpc-Timeout", "1H", "Grpc-Metadata-Grpc-Timeout", "1H", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "https", "Grpc-Metadata-X-Forwarded-For", "127.0.0.1", "Host", "localhost",
		"Sec-Websocket-Protocol", "Bearer, x", "X-Http-Method-Override", "GET", "Grpc-Encoding", "gzip", "Te", "trailers", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	a := ask(t, x.client(t), http.MethodGet, "https://"+x.RESTAddr()+"/v1/scopes/stats", nil, spoofed...)
	if a.http != http.StatusUnauthorized {
		t.Errorf("REST: %d %s", a.http, a.body)
	}
	pairs := []string{}
	for h := range slices.Chunk(spoofed, 2) {
		switch name := strings.ToLower(h[0]); name {
		case "host", "te", "grpc-timeout", "grpc-encoding": // gRPC's own, with a meaning
		default:
			pairs = append(pairs, name, h[1])
		}
	}
	ctx := metadata.AppendToOutgoingContext(short(t), pairs...)
	if err := call(ctx, x.dial(t), "/zkconsent.v1.VerifierService/ScopeStats"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("gRPC: %v", err)
	}
	if len(seen) != 0 {
		t.Fatal("a call passed the guard")
	}
	// As somebody, with the same headers: who that is does not change, and the
	// service sees what the gateway itself writes and no more.
	a = ask(t, x.client(t, x.authority.Client("spiffe://test/auditor")), http.MethodGet, "https://"+x.RESTAddr()+"/v1/scopes/stats", nil, spoofed...)
	if a.http != http.StatusNotImplemented || len(who) != 1 || who[0].Name != "cert:spiffe://test/auditor" || len(who[0].Roles) != 1 {
		t.Fatalf("REST, as an auditor: %d %s, %v", a.http, a.body, who)
	}
	var names []string
	for name := range seen[0] {
		names = append(names, name)
	}
	sort.Strings(names)
	if got := strings.Join(names, " "); got != ":authority content-type grpc-accept-encoding user-agent" && got != ":authority content-type user-agent" {
		t.Errorf("the service saw %s", got)
	}
}

// TestLoopbackRoles: who calls in plaintext on this machine has the roles that
// the config gives, unless something says that the call is somebody else's.
func TestLoopbackRoles(t *testing.T) {
	x := serveConfig(t, server.Config{Services: everything(), Guard: guard(t, identity.GuardConfig{Loopback: []identity.Role{identity.Insurer}})})
	url := "http://" + x.RESTAddr() + "/v1/scopes/stats"
	if a := ask(t, http.DefaultClient, http.MethodGet, url, nil); a.http != http.StatusNotImplemented {
		t.Errorf("%d %s", a.http, a.body)
	}
	for _, headers := range [][]string{
		{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "for=192.0.2.1"}, {"Via", "1.1 proxy"}, {"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"},
	} {
		if a := ask(t, http.DefaultClient, http.MethodGet, url, nil, headers...); a.http != http.StatusUnauthorized {
			t.Errorf("%v: %d %s", headers, a.http, a.body)
		}
	}
	conn := x.plain(t)
	if err := call(short(t), conn, createRequest); status.Code(err) != codes.Unimplemented {
		t.Errorf("gRPC: %v", err)
	}
	for _, name := range []string{"x-forwarded-for", "forwarded", "via"} {
		if err := call(metadata.AppendToOutgoingContext(short(t), name, "192.0.2.1"), conn, createRequest); status.Code(err) != codes.Unauthenticated {
			t.Errorf("gRPC, %s: %v", name, err)
		}
	}
	// A name of a page's owner that means this machine.
	q, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "evil.example:80"
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusUnauthorized {
		t.Errorf("by another name: %s", r.Status)
	}
	none := serveConfig(t, server.Config{Services: everything(), Guard: guard(t, identity.GuardConfig{})})
	if a := ask(t, http.DefaultClient, http.MethodGet, "http://"+none.RESTAddr()+"/v1/scopes/stats", nil); a.http != http.StatusUnauthorized {
		t.Errorf("without a config: %d %s", a.http, a.body)
	}
}

// TestAttack_StrangersMessage: a caller without a credential, of a call that
// needs one, is refused by its headers, and nobody decodes what it sends.
func TestAttack_StrangersMessage(t *testing.T) {
	x := serveTLS(t, server.Config{Services: everything()}, identity.GuardConfig{
		Certificates: []identity.CertificateRule{{DNS: "insurer.example.org", Roles: []identity.Role{identity.Insurer}}},
	})
	const batch = "/zkconsent.v1.VerifierService/VerifyBatch"
	stream, err := x.dial(t).NewStream(short(t), &grpc.StreamDesc{ServerStreams: true}, batch)
	if err != nil {
		t.Fatal(err)
	}
	// No message is sent at all.
	if err := stream.RecvMsg(&zkconsentv1.VerifyBatchResponse{}); refusal.Of(err) != refusal.NotSignedIn {
		t.Errorf("%v", err)
	}
	if err := call(short(t), x.dial(t, x.authority.Client("insurer.example.org")), batch); status.Code(err) != codes.Unimplemented {
		t.Errorf("somebody with a credential: %v", err)
	}
}

// TestAttack_PathsInTwoSpellings: a proxy that keeps a path from the public sees
// the path that is served, and no other spelling of it is.
func TestAttack_PathsInTwoSpellings(t *testing.T) {
	x := serveConfig(t, server.Config{Services: everything(), Pages: map[string]http.Handler{"/docs": http.NotFoundHandler()}})
	for path, want := range map[string]int{
		"/v1/scopes/stats": http.StatusNotImplemented, "/v1/buckets/1/AA%3D%3D": http.StatusNotImplemented, "/v1/buckets/1/%2BAAA": http.StatusNotImplemented,
		"/v1/scopes%2Fstats": http.StatusBadRequest, "/v1/scopes%2fstats": http.StatusBadRequest, "/v1/scopes/%73tats": http.StatusBadRequest, "/v1/%2e/scopes/stats": http.StatusBadRequest,
		"/%64ocs": http.StatusBadRequest, "/%68ealthz": http.StatusBadRequest, "/v1/logs/%52ECORDS": http.StatusBadRequest, "/healthz": http.StatusOK,
	} {
		if a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+path, nil); a.http != want || a.http == http.StatusBadRequest && a.reason != string(refusal.Malformed) {
			t.Errorf("%s: %d %s", path, a.http, a.body)
		}
	}
}
