package client_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// A porter notes who calls.
type porter struct {
	mu     sync.Mutex
	tokens []string
	certs  []string
}

func (p *porter) note(ctx context.Context, _ string, _ any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	p.tokens = append(p.tokens, strings.Join(md.Get("authorization"), "|"))
	name := ""
	if from, ok := peer.FromContext(ctx); ok {
		if info, ok := from.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
			name = info.State.PeerCertificates[0].URIs[0].Host
		}
	}
	p.certs = append(p.certs, name)
	return nil
}

func verify(t *testing.T, c client.Config) error {
	t.Helper()
	_, err := client.NewVerifier(dial(t, c)).Verify(within(t, 20*time.Second), []byte("x"))
	return err
}

func TestWhoCalls(t *testing.T) {
	ca, p := newAuthority(t), &porter{}
	address := (&service{before: p.note}).serve(t, ca.server())
	token := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first.token\n")
	c := quick(address)
	c.CAFile, c.TokenFile = ca.file, token
	c.CertFile, c.KeyFile = ca.issue("insurer.example.org")
	conn := dial(t, c)
	v := client.NewVerifier(conn)
	for _, text := range []string{"first.token\n", "other.token", "other.token"} {
		write(text) // of one length, and at one time, perhaps
		if _, err := v.Verify(within(t, 20*time.Second), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(p.tokens, " "); got != "Bearer first.token Bearer other.token Bearer other.token" {
		t.Errorf("%s", got)
	}
	if p.certs[0] != "insurer.example.org" {
		t.Errorf("%q", p.certs)
	}
	// A file without a token that could be sent fails, and is not repeated.
	for _, text := range []string{"", "two words", "a\nb", strings.Repeat("x", 1<<20)} {
		write(text)
		if _, err := v.Verify(within(t, 20*time.Second), []byte("x")); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "no token that could be sent") || strings.Contains(err.Error(), "words") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	// A token from a function.
	c.TokenFile, c.Token = "", func(context.Context) (client.Token, error) { return "third.token", nil }
	if err := verify(t, c); err != nil || p.tokens[len(p.tokens)-1] != "Bearer third.token" {
		t.Errorf("%v, %q", err, p.tokens)
	}
	// Without any of them the service sees nobody.
	c = quick(address)
	c.CAFile = ca.file
	if err := verify(t, c); err != nil || p.tokens[len(p.tokens)-1] != "" || p.certs[len(p.certs)-1] != "" {
		t.Errorf("%v, %q, %q", err, p.tokens, p.certs)
	}
}

// A renewed certificate is shown on the next connection.
func TestRenewedCertificate(t *testing.T) {
	ca, p := newAuthority(t), &porter{}
	secure := ca.server()
	c := quick()
	c.CAFile = ca.file
	c.CertFile, c.KeyFile = ca.issue("one.example.org")
	for _, name := range []string{"one.example.org", "two.example.org"} {
		cert, key := ca.issue(name)
		for from, to := range map[string]string{cert: c.CertFile, key: c.KeyFile} {
			b, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c.Addresses = []string{(&service{before: p.note}).serve(t, secure)}
		if err := verify(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(p.certs, " ") != "one.example.org two.example.org" {
		t.Errorf("%q", p.certs)
	}
}

// TestAttack_ImpostorService: who is between a client and its service has a
// certificate of another authority, or an old protocol, and learns neither the
// token nor the call.
func TestAttack_ImpostorService(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	old := ours.server()
	old.MinVersion, old.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	for name, secure := range map[string]*tls.Config{"another authority": theirs.server(), "TLS 1.1": old} {
		t.Run(name, func(t *testing.T) {
			p := &porter{}
			c := quick((&service{before: p.note}).serve(t, secure))
			c.CAFile = ours.file
			c.Token = func(context.Context) (client.Token, error) { return "secret", nil }
			if err := verify(t, c); status.Code(err) != codes.Unavailable || strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("%v", err)
			}
			if len(p.tokens) != 0 {
				t.Errorf("%q reached it", p.tokens)
			}
			v, err := client.NewVisitor(client.Config{CAFile: ours.file, Attempts: 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Request(within(t, 20*time.Second), c.Addresses[0]+"/v1/requests/x"); status.Code(err) != codes.Unavailable {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestAttack_SecretsInPlaintext: neither a call off loopback nor a token or a
// certificate leaves in plaintext, and none of them is printed.
func TestAttack_SecretsInPlaintext(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("insurer.example.org")
	token := func(context.Context) (client.Token, error) { return "secret", nil }
	for name, c := range map[string]client.Config{
		"plaintext off loopback":   {Addresses: []string{"http://192.0.2.1:7300"}},
		"a token in plaintext":     {Addresses: []string{"127.0.0.1:7300"}, Token: token},
		"a certificate without":    {Addresses: []string{"127.0.0.1:7300"}, CertFile: cert, KeyFile: key},
		"one of two in plaintext":  {Addresses: []string{"https://192.0.2.1:7300", "127.0.0.1:7300"}, Token: token},
		"no address":               {},
		"half a pair":              {Addresses: []string{"127.0.0.1:7300"}, CertFile: cert},
		"two sources of tokens":    {Addresses: []string{"https://127.0.0.1:7300"}, Token: token, TokenFile: key},
		"no certificate in a file": {Addresses: []string{"https://127.0.0.1:7300"}, CAFile: key},
		"no such file":             {Addresses: []string{"https://127.0.0.1:7300"}, CAFile: key + "x"},
		"no such token":            {Addresses: []string{"https://127.0.0.1:7300"}, TokenFile: key + "x"},
		"a negative bound":         {Addresses: []string{"127.0.0.1:7300"}, Timeout: -1},
	} {
		if conn, err := client.Dial(c); err == nil {
			t.Errorf("%s was dialled", name)
			_ = conn.Close()
		}
	}
	for _, c := range []client.Config{{Token: token}, {TokenFile: key}, {CertFile: cert, KeyFile: key}, {Addresses: []string{"a:1"}}} {
		if v, err := client.NewVisitor(c); err == nil {
			t.Errorf("a visitor with %+v: %+v", c, v)
		}
	}
	secret := client.Token("secret")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", secret, "config", client.Config{TokenFile: "/run/secret"})
	_, jsonErr := json.Marshal(secret)
	for _, s := range []string{fmt.Sprint(secret), fmt.Sprintf("%q %x %#v %d", secret, secret, secret, secret), log.String(), fmt.Sprint(jsonErr), fmt.Sprintf("%+v", client.Config{TokenFile: "secret"})} {
		if strings.Contains(s, "secret") || strings.Contains(s, "736563") {
			t.Errorf("%s", s)
		}
	}
	if jsonErr == nil {
		t.Error("a token has a JSON form")
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]struct {
		host   string
		secure bool
	}{
		"127.0.0.1:7300":               {"127.0.0.1:7300", false},
		"localhost:7300":               {"localhost:7300", false},
		"[::1]:7300":                   {"[::1]:7300", false},
		"http://127.0.0.1:7300":        {"127.0.0.1:7300", false},
		"https://127.0.0.1:7300":       {"127.0.0.1:7300", true},
		"node.example.org:7300":        {"node.example.org:7300", true},
		"https://node.example.org":     {"node.example.org:443", true},
		"https://node.example.org:1/":  {"node.example.org:1", true},
		"https://[2001:db8::1]:7300":   {"[2001:db8::1]:7300", true},
		"localhost.example.org:7300":   {"localhost.example.org:7300", true},
		"127.0.0.1.example.org:7300":   {"127.0.0.1.example.org:7300", true},
		"https://node.example.org:443": {"node.example.org:443", true},
	} {
		host, secure, err := client.ParseAddress(text)
		if err != nil || host != want.host || secure != want.secure {
			t.Errorf("%s: %s, %v, %v", text, host, secure, err)
		}
	}
	for _, text := range []string{"", "node", ":7300", "node:", "node:0", "node:65536", "node:x", "ftp://node:1", "unix:///tmp/x", "dns:///node:1", "https://u:p@node:1", "https://node:1/path", "https://node:1?q", "https://", "a b:1", "node:1/x", "https://node:1#x", "node%41:1"} {
		if host, _, err := client.ParseAddress(text); err == nil {
			t.Errorf("%q is read as %s", text, host)
		}
	}
	if _, _, err := client.ParseAddress("http://node.example.org:80"); !errors.Is(err, client.ErrNotLoopback) {
		t.Error(err)
	}
}
