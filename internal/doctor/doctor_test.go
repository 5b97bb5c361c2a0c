package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func expect(t *testing.T, name string, r Result, s Status, words string) {
	t.Helper()
	if r.Status != s || !strings.Contains(r.Found, words) || (s == Fail || s == Warn) && r.Do == "" {
		t.Errorf("%s: %+v, want %s and %q", name, r, s, words)
	}
}

// TestNothingHangs: a check that does not end, one that panics, and one that
// fails leave the others alone.
func TestNothingHangs(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	results := Run(context.Background(), []Check{
		{"good", func(context.Context) Result { return Good("fine") }},
		{"stuck", func(context.Context) Result { <-release; return Good("late") }},
		{"panics", func(context.Context) Result { panic("secret-5f1e") }},
		{"listens", func(ctx context.Context) Result { <-ctx.Done(); return Bad(Warn, "wait", "was told to end") }},
	}, 100*time.Millisecond)
	expect(t, "good", results[0], OK, "fine")
	expect(t, "stuck", results[1], Fail, "did not end in time")
	expect(t, "panics", results[2], Fail, "broken")
	expect(t, "listens", results[3], Warn, "told to end")
	if Worst(results) != Fail || Worst(results[:1]) != OK || Worst(results[3:]) != Warn {
		t.Error(Worst(results))
	}
	var b strings.Builder
	Print(&b, results)
	if s := b.String(); strings.Contains(s, "secret-5f1e") || !strings.Contains(s, "ok       good     fine\n") || !strings.Contains(s, "→ wait") {
		t.Error(s)
	}
}

func write(t *testing.T, dir, name string, b []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiles(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	expect(t, "closed", SecretFile(write(t, dir, "a", []byte("secret-5f1e"), 0o600))(ctx), OK, "for its owner alone")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o644, 0o660} {
		expect(t, mode.String(), SecretFile(write(t, dir, "b", nil, mode))(ctx), Fail, "others than its owner")
	}
	expect(t, "none", SecretFile(filepath.Join(dir, "none"))(ctx), Fail, "is not there")
	expect(t, "a folder", SecretFile(dir)(ctx), Fail, "is no file")
	expect(t, "folder", Folder(dir)(ctx), OK, dir)
	expect(t, "file", Folder(filepath.Join(dir, "a"))(ctx), Fail, "is no folder")
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	expect(t, "open", Folder(open)(ctx), Fail, "others may write")
	if r := Disk(filepath.Join(dir, "not", "yet", "there"))(ctx); !strings.Contains(r.Found, "free") {
		t.Error(r)
	}
}

func TestLimits(t *testing.T) {
	ctx := context.Background()
	if r := OpenFiles(1)(ctx); r.Status == Skipped {
		t.Skip("not known on this system")
	}
	expect(t, "many", OpenFiles(1<<40)(ctx), Warn, "open files")
	for name, r := range map[string]Result{"dumps": NoDumps(ctx), "swap": NoSwap(ctx)} {
		if r.Found == "" || r.Status == Warn && r.Do == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// A maker makes certificates.
type maker struct {
	t   *testing.T
	dir string
	now time.Time
}

func (m maker) make(name string, ca bool, from, until time.Duration) (cert, key string) {
	m.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: m.now.Add(from), NotAfter: m.now.Add(until), IsCA: ca, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if !strings.HasPrefix(name, "nameless") {
		c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		m.t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		m.t.Fatal(err)
	}
	return write(m.t, m.dir, name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		write(m.t, m.dir, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}), 0o600)
}

func TestCertificates(t *testing.T) {
	ctx, day := context.Background(), 24*time.Hour
	m := maker{t, t.TempDir(), time.Now()}
	clock := func() time.Time { return m.now }
	good, goodKey := m.make("good", false, -day, 90*day)
	over, overKey := m.make("over", false, -9*day, -day)
	near, nearKey := m.make("near", false, -day, 2*day)
	early, earlyKey := m.make("early", false, day, 90*day)
	nameless, namelessKey := m.make("nameless", false, -day, 90*day)
	expect(t, "good", Pair(good, goodKey, clock)(ctx), OK, "localhost")
	expect(t, "swapped", Pair(good, overKey, clock)(ctx), Fail, "do not match")
	expect(t, "over", Pair(over, overKey, clock)(ctx), Fail, "was over")
	expect(t, "near", Pair(near, nearKey, clock)(ctx), Warn, "is over at")
	expect(t, "early", Pair(early, earlyKey, clock)(ctx), Fail, "holds from")
	expect(t, "nameless", Pair(nameless, namelessKey, clock)(ctx), Fail, "no DNS name")
	expect(t, "none", Pair(filepath.Join(m.dir, "none"), goodKey, clock)(ctx), Fail, "is not there")
	ca, caKey := m.make("ca", true, -day, 90*day)
	expect(t, "ca", ClientCA(ca, clock)(ctx), OK, "1 authorities")
	expect(t, "leaf as ca", ClientCA(good, clock)(ctx), Fail, "no authority's")
	expect(t, "key as ca", ClientCA(caKey, clock)(ctx), Fail, "something else than certificates")
	expect(t, "empty ca", ClientCA(write(t, m.dir, "empty", nil, 0o600), clock)(ctx), Fail, "holds no certificate")
}

func TestPorts(t *testing.T) {
	ctx, day := context.Background(), 24*time.Hour
	m := maker{t, t.TempDir(), time.Now()}
	cert, key := m.make("ours", false, -day, 90*day)
	other, _ := m.make("other", false, -day, 90*day)
	expect(t, "free", Port("127.0.0.1:0", cert)(ctx), OK, "is free")
	expect(t, "elsewhere", Port("192.0.2.1:80", cert)(ctx), Fail, "none that this machine")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	defer s.Close()
	address := s.Listener.Addr().String()
	expect(t, "ours", Port(address, cert)(ctx), OK, "by a process with this certificate")
	expect(t, "another's", Port(address, other)(ctx), Fail, "does not show this certificate")
	expect(t, "plaintext", Port(address, "")(ctx), Warn, "is in use")
}

func TestDiscovery(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		about, keys string
		status      Status
		want        string
	}{
		"good":       {`{"issuer":"ISSUER","jwks_uri":"ISSUER/keys"}`, `{"keys":[{}]}`, OK, "1 keys"},
		"another":    {`{"issuer":"https://evil.example.org","jwks_uri":"ISSUER/keys"}`, `{"keys":[{}]}`, Fail, "names itself otherwise"},
		"no keys":    {`{"issuer":"ISSUER","jwks_uri":"ISSUER/keys"}`, `{"keys":[]}`, Fail, "has no keys"},
		"no address": {`{"issuer":"ISSUER"}`, ``, Fail, "no address of its keys"},
		"no JSON":    {`<html>secret-5f1e`, ``, Fail, "something else than JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			var issuer string
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := c.about
				if r.URL.Path == "/keys" {
					text = c.keys
				}
				fmt.Fprint(w, strings.ReplaceAll(text, "ISSUER", issuer))
			}))
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			defer s.Close()
			issuer = s.URL
			pool := x509.NewCertPool()
			pool.AddCert(s.Certificate())
			r := Discovery(issuer, pool)(ctx)
			expect(t, name, r, c.status, c.want)
			if strings.Contains(r.Found, "secret-5f1e") {
				t.Error(r)
			}
			expect(t, "not trusted", Discovery(issuer, x509.NewCertPool())(ctx), Fail, "cannot be reached")
		})
	}
	expect(t, "nobody", Discovery("http://127.0.0.1:1", nil)(ctx), Fail, "cannot be reached")
}

func TestServing(t *testing.T) {
	day := 24 * time.Hour
	m := maker{t, t.TempDir(), time.Now()}
	cert, key := m.make("ours", false, -day, 90*day)
	other, _ := m.make("other", false, -day, 90*day)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, secure := range map[string]credentials.TransportCredentials{"plaintext": insecure.NewCredentials(), "TLS": credentials.NewServerTLSFromCert(&pair)} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		g, h := grpc.NewServer(grpc.Creds(secure)), health.NewServer()
		healthv1.RegisterHealthServer(g, h)
		done := make(chan error, 1)
		go func() { done <- g.Serve(l) }()
		file := ""
		if name == "TLS" {
			file = cert
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		expect(t, name, Serving(l.Addr().String(), file)(ctx), OK, "is ready")
		h.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
		expect(t, name+", not ready", Serving(l.Addr().String(), file)(ctx), Fail, "is not ready")
		expect(t, name+", another's certificate", Serving(l.Addr().String(), other)(ctx), Fail, "no process of this configuration")
		g.Stop()
		<-done
		expect(t, name+", gone", Serving(l.Addr().String(), file)(ctx), Fail, "no process of this configuration")
		cancel()
	}
}
