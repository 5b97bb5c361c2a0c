package client_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A host is a REST service that notes its visits.
type host struct {
	*httptest.Server
	mu     sync.Mutex
	visits []*http.Request
	answer func(w http.ResponseWriter, r *http.Request)
}

func newHost(t *testing.T, secure *tls.Config, answer func(w http.ResponseWriter, r *http.Request)) *host {
	t.Helper()
	h := &host{answer: answer}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.visits = append(h.visits, r)
		h.mu.Unlock()
		h.answer(w, r)
	}))
	h.Config.ErrorLog = nil
	if secure != nil {
		h.TLS = secure
		h.StartTLS()
	} else {
		h.Start()
	}
	t.Cleanup(h.Close)
	return h
}

func visitor(t *testing.T, c client.Config) *client.Visitor {
	t.Helper()
	c.Backoff, c.Timeout = time.Millisecond, 5*time.Second
	v, err := client.NewVisitor(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const nowhere = "/v1/requests/00000000000000000000000000000000"

// TestAttack_VisitorIsRecognised: a verifier that asks for everything a visitor
// could say of itself gets nothing: no certificate, no token, no cookie, no
// session to resume, no connection that stays open.
func TestAttack_VisitorIsRecognised(t *testing.T) {
	ca := newAuthority(t)
	secure := ca.server()
	secure.ClientAuth = tls.RequestClientCert
	h := newHost(t, secure, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "patient", Value: "17"})
		w.Header().Set("ETag", `"17"`)
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
	})
	v := visitor(t, client.Config{CAFile: ca.file})
	p, err := consent.DecodePresentation(presentation())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := v.Request(within(t, 20*time.Second), h.URL+nowhere); err == nil {
			t.Fatal("no request was fetched")
		}
		if _, err := v.Present(within(t, 20*time.Second), h.URL+"/v1/presentations", p); err == nil {
			t.Fatal("nothing was decided")
		}
	}
	said := map[string]bool{"Accept": true, "User-Agent": true, "Content-Type": true, "Content-Length": true, "Connection": true}
	from := map[string]bool{}
	for _, r := range h.visits {
		for name, values := range r.Header {
			if !said[name] || strings.Contains(strings.Join(values, ""), "Go-http") {
				t.Errorf("it says %s: %q", name, values)
			}
		}
		if len(r.TLS.PeerCertificates) > 0 || r.TLS.DidResume || !r.Close {
			t.Errorf("certificates %d, resumed %v, to be closed %v", len(r.TLS.PeerCertificates), r.TLS.DidResume, r.Close)
		}
		if from[r.RemoteAddr] {
			t.Error("two calls over one connection")
		}
		from[r.RemoteAddr] = true
	}
	if len(from) != 6 {
		t.Errorf("%d visits", len(from))
	}
}

// TestAttack_VisitorLedElsewhere: an address that leads to another one, to
// plaintext off this machine, or with somebody's name in it, is not followed.
func TestAttack_VisitorLedElsewhere(t *testing.T) {
	other := newHost(t, nil, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	h := newHost(t, nil, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+nowhere, http.StatusTemporaryRedirect)
	})
	v := visitor(t, client.Config{})
	if _, err := v.Request(within(t, 20*time.Second), h.URL+nowhere); status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
	if len(other.visits) != 0 || len(h.visits) != 1 {
		t.Errorf("%d and %d visits", len(h.visits), len(other.visits))
	}
	for _, a := range []string{"", "x", "file:///etc/passwd", "ftp://a/b", "https://u@host/x", "https:///x", "https://host/x?q", "https://host/x#f", "\x00", "https://insur\u0435r.example/x", "https://insurer\u3002example/x"} {
		if err := client.Visitable(a); err == nil {
			t.Errorf("%q is visited", a)
		}
	}
	if err := client.Visitable("http://verifier.example.org/v1/presentations"); !errors.Is(err, client.ErrNotLoopback) {
		t.Error(err)
	}
}

// TestVisitorsErrors: refusals are read with their reasons, and what passes is
// asked again.
func TestVisitorsErrors(t *testing.T) {
	refused := func(code int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	detail := func(reason string) string {
		b, _ := json.Marshal(map[string]any{"code": 8, "message": "full", "details": []any{
			map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "zkconsent"},
			map[string]any{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.001s"},
		}})
		return string(b)
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		code   codes.Code
		reason client.Reason
		visits int
	}{
		"busy":              {refused(429, detail("BUSY")), codes.ResourceExhausted, client.Busy, 4},
		"not found":         {refused(404, `{"code":5,"message":"no"}`), codes.NotFound, "", 1},
		"a proxy's words":   {refused(404, "<html>"), codes.NotFound, "", 1},
		"a proxy away":      {refused(503, "<html>"), codes.Unavailable, "", 4},
		"a proxy's fault":   {refused(500, "<html>"), codes.Internal, "", 1},
		"a detail unheard":  {refused(400, `{"code":3,"message":"x","details":[{"@type":"type.googleapis.com/no.Such","a":1}]}`), codes.Internal, "", 1},
		"no JSON":           {refused(200, "<html>"), codes.Unknown, "", 1},
		"another request":   {refused(200, `{"signedRequest":""}`), codes.Unknown, "", 1},
		"more than a bound": {refused(200, strings.Repeat(" ", 5<<20)), codes.Unknown, "", 1},
	} {
		h := newHost(t, nil, c.answer)
		_, err := visitor(t, client.Config{}).Request(within(t, 20*time.Second), h.URL+nowhere)
		var e *client.Error
		if errors.As(err, &e) != (c.code != codes.Unknown) || e != nil && (e.Code != c.code || e.Reason != c.reason) || e == nil && !errors.Is(err, client.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
		if len(h.visits) != c.visits {
			t.Errorf("%s: %d visits, want %d", name, len(h.visits), c.visits)
		}
	}
}

func TestVisitorReads(t *testing.T) {
	h := newHost(t, nil, func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Presentation []byte }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Method != http.MethodPost {
			t.Error(r.Method, err)
		}
		v := accepted(q.Presentation)
		fmt.Fprintf(w, `{"verdict":{"accepted":true,"request":%q,"digest":%q,"at":"1","circuit":%q,"epoch":"1","rule":"pseudonym","nullifier":%q,"until":"2","comparisonCode":"000000","reason":"","newer":1}}`, v.Request, v.Digest, v.Circuit, v.Nullifier)
	})
	p, err := consent.DecodePresentation(presentation())
	if err != nil {
		t.Fatal(err)
	}
	got, err := visitor(t, client.Config{}).Present(within(t, 20*time.Second), h.URL+"/v1/presentations", p)
	if err != nil || !got.Accepted {
		t.Fatalf("%+v, %v", got, err)
	}
	if paths := []string{h.visits[0].URL.Path}; !slices.Equal(paths, []string{"/v1/presentations"}) {
		t.Errorf("%v", paths)
	}
}
