package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/identity/identitytest"
	"github.com/zkconsent/zkconsent/internal/server"
)

func TestRefusesToListen(t *testing.T) {
	cert, key, ca := identitytest.NewAuthority(t).Files()
	other, otherKey, _ := identitytest.NewAuthority(t).Files()
	old, oldKey := identitytest.NewAuthority(t).Issue("localhost", time.Now().Add(-time.Minute))
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	g := guard(t, identity.GuardConfig{})
	// What is wrong is said with the file that it is wrong with.
	names := map[string]string{
		"no such file": cert + "x", "another certificate's key": otherKey, "another key's certificate": other,
		"a certificate past its end": "old.pem", "no client authority": "empty.pem", "a huge file": "huge.pem",
	}
	for name, c := range map[string]server.Config{
		"TLS without a guard":       {TLS: &server.TLS{CertFile: cert, KeyFile: key}},
		"no certificate":            {TLS: &server.TLS{KeyFile: key}, Guard: g},
		"no such file":              {TLS: &server.TLS{CertFile: cert + "x", KeyFile: key}, Guard: g},
		"another certificate's key": {TLS: &server.TLS{CertFile: cert, KeyFile: otherKey}, Guard: g},
		"another key's certificate": {TLS: &server.TLS{CertFile: other, KeyFile: key}, Guard: g},
		"a certificate past its end": {TLS: &server.TLS{
			CertFile: write("old.pem", old), KeyFile: write("old-key.pem", oldKey),
		}, Guard: g},
		"no client authority": {TLS: &server.TLS{CertFile: cert, KeyFile: key, ClientCAFile: write("empty.pem", nil)}, Guard: g},
		"a huge file":         {TLS: &server.TLS{CertFile: cert, KeyFile: key, ClientCAFile: write("huge.pem", make([]byte, 2<<20))}, Guard: g},
	} {
		c.GRPC, c.REST = "127.0.0.1:0", "127.0.0.1:0"
		if _, err := server.New(context.Background(), c); err == nil {
			t.Errorf("%s: it listens", name)
		} else if strings.Contains(err.Error(), "PRIVATE") || !strings.Contains(err.Error(), names[name]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := server.Config{GRPC: "0.0.0.0:0", TLS: &server.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca}}
	if _, err := server.New(context.Background(), c); !errors.Is(err, server.ErrNoGuard) {
		t.Errorf("beyond loopback without a guard: %v", err)
	}
	c.TLS, c.Guard = nil, g
	if _, err := server.New(context.Background(), c); !errors.Is(err, server.ErrNotLoopback) {
		t.Errorf("beyond loopback in plaintext, with a guard: %v", err)
	}
}

// handshake connects by TLS and returns the server's certificate's number.
func handshake(t testing.TB, address string, c *tls.Config) (string, error) {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: c}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// In TLS 1.3 a server refuses a client's certificate after the handshake.
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
		return "", err
	}
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

// TestAttack_OlderTLS: what has known weaknesses is not spoken.
func TestAttack_OlderTLS(t *testing.T) {
	x := serveTLS(t, server.Config{}, identity.GuardConfig{})
	for name, address := range map[string]string{"gRPC": x.GRPCAddr(), "REST": x.RESTAddr()} {
		if _, err := handshake(t, address, &tls.Config{RootCAs: x.authority.Pool(), MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}); err == nil {
			t.Errorf("%s speaks TLS 1.2", name)
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 300)
		n, _ := conn.Read(b)
		if strings.Contains(string(b[:n]), "ALIVE") {
			t.Errorf("%s answers in plaintext", name)
		}
	}
}

// TestCertificatesAreReloaded: new files hold for new connections; files that
// cannot be used leave the old ones in force, and the log says so, once.
func TestCertificatesAreReloaded(t *testing.T) {
	t.Parallel()
	a := identitytest.NewAuthority(t)
	cert, key, ca := a.Files()
	log := &lines{}
	x := serveConfig(t, server.Config{
		TLS:   &server.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca},
		Guard: guard(t, identity.GuardConfig{}), Logger: log.logger(),
	})
	c := &tls.Config{RootCAs: a.Pool(), NextProtos: []string{"h2", "http/1.1"}}
	both := func() string {
		t.Helper()
		first, err := handshake(t, x.GRPCAddr(), c)
		if err != nil {
			t.Fatal(err)
		}
		second, err := handshake(t, x.RESTAddr(), c)
		if err != nil {
			t.Fatal(err)
		}
		if first != second {
			return first + " and " + second // the files were looked at in between
		}
		return first
	}
	write := func(cert, key string, c, k []byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(key, k, 0o600), os.WriteFile(cert, c, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for ends := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(ends) {
				t.Fatalf("%s\n%s", what, log)
			}
		}
	}
	old := both()
	const broken = "cannot be used"
	_, otherKey := a.Issue("localhost", time.Now().Add(time.Hour))
	fresh, freshKey := a.Issue("localhost", time.Now().Add(time.Hour))
	write(cert, key, fresh, otherKey)
	until("a broken pair is not noticed", func() bool { both(); return strings.Contains(log.String(), broken) })
	if now := both(); now != old {
		t.Errorf("a broken pair replaced the certificate: %s, want %s", now, old)
	}
	write(cert, key, fresh, freshKey)
	until("the new certificate is not used", func() bool { now := both(); return now != old && !strings.Contains(now, "and") })
	fourth := both()
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	until("a file that is gone is not noticed", func() bool { both(); return strings.Count(log.String(), broken) == 2 })
	if both() != fourth {
		t.Error("a file that is gone changed the certificate")
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("the log has a key")
	}
}

// TestAttack_ClientOfAnAuthorityThatWasTakenOut: authorities are reloaded too,
// and no resumed session carries a certificate past that.
func TestAttack_ClientOfAnAuthorityThatWasTakenOut(t *testing.T) {
	t.Parallel()
	x, before := identitytest.NewAuthority(t), identitytest.NewAuthority(t)
	cert, key, _ := x.Files()
	ca := filepath.Join(t.TempDir(), "clients.pem")
	if err := os.WriteFile(ca, before.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveConfig(t, server.Config{TLS: &server.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca}, Guard: guard(t, identity.GuardConfig{})})
	c := &tls.Config{
		RootCAs: x.Pool(), Certificates: []tls.Certificate{before.Client("insurer.example.org")}, NextProtos: []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(8), ServerName: "localhost",
	}
	if _, err := handshake(t, s.RESTAddr(), c); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ca, x.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for ends := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := handshake(t, s.RESTAddr(), c); err != nil {
			return
		}
		if time.Now().After(ends) {
			t.Fatal("it is still let in")
		}
	}
}
