package server_test

import (
	"net/http"
	"testing"

	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TestAttack_PageInABrowserWithACertificate: the browser of a clerk shows the
// clerk's certificate for whatever page asks. A page from elsewhere asks no
// patient anything in the insurer's name.
func TestAttack_PageInABrowserWithACertificate(t *testing.T) {
	x := serveTLS(t, server.Config{Services: everything()}, identity.GuardConfig{
		Certificates: []identity.CertificateRule{{DNS: "clerk.example.org", Roles: []identity.Role{identity.Insurer}}},
	})
	clerk := x.client(t, x.authority.Client("clerk.example.org"))
	url := "https://" + x.RESTAddr() + "/v1/requests"
	for _, c := range []struct {
		headers []string
		want    int
	}{
		{nil, http.StatusNotImplemented}, // what the service here answers
		{[]string{"Origin", "https://" + x.RESTAddr(), "Sec-Fetch-Site", "same-origin"}, http.StatusNotImplemented},
		{[]string{"Sec-Fetch-Site", "none"}, http.StatusNotImplemented},
		{[]string{"Origin", "https://evil.example", "Content-Type", "text/plain"}, http.StatusUnauthorized},
		{[]string{"Origin", "http://" + x.RESTAddr()}, http.StatusUnauthorized},
		{[]string{"Origin", "null"}, http.StatusUnauthorized},
		{[]string{"Origin", "https://" + x.RESTAddr(), "Origin", "https://evil.example"}, http.StatusUnauthorized},
		{[]string{"Sec-Fetch-Site", "cross-site"}, http.StatusUnauthorized},
		{[]string{"Sec-Fetch-Site", "same-site"}, http.StatusUnauthorized},
	} {
		if a := ask(t, clerk, http.MethodPost, url, []byte("{}"), c.headers...); a.http != c.want || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v: %d %s", c.headers, a.http, a.body)
		}
	}
	// What a browser asks before it sends a header of a page's own, such as a
	// token, is never answered with leave.
	a := ask(t, clerk, http.MethodOptions, url, nil, "Origin", "https://evil.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	if a.http < 400 || a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Access-Control-Allow-Headers") != "" {
		t.Errorf("preflight: %d %v", a.http, a.header)
	}
}

// TestAttack_ProxyOfThisMachine: what a proxy on the same machine hands on has
// not the roles of this machine's own programs, by whatever header it says so.
func TestAttack_ProxyOfThisMachine(t *testing.T) {
	x := serveConfig(t, server.Config{Services: everything(), Guard: guard(t, identity.GuardConfig{Loopback: []identity.Role{identity.Insurer}})})
	conn := x.plain(t)
	for _, name := range []string{
		"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Client-Cert",
		"X-Real-Ip", "X-Client-Ip", "X-Original-Forwarded-For", "True-Client-Ip", "Cf-Connecting-Ip", "X-Envoy-External-Address", "X-Envoy-Internal", "X-Grpc-Web",
		"Origin", "Sec-Fetch-Site",
	} {
		if a := ask(t, http.DefaultClient, http.MethodPost, "http://"+x.RESTAddr()+"/v1/requests", []byte("{}"), name, "cross-site"); a.http != http.StatusUnauthorized {
			t.Errorf("REST, %s: %d %s", name, a.http, a.body)
		}
		if err := call(metadata.AppendToOutgoingContext(short(t), name, "192.0.2.1"), conn, createRequest); status.Code(err) != codes.Unauthenticated {
			t.Errorf("gRPC, %s: %v", name, err)
		}
	}
}
