package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// Port checks that an address can be listened on, or that a process of this
// configuration listens there already: one that shows the certificate in
// certFile, or, where that is empty, one that answers at all.
func Port(address, certFile string) func(context.Context) Result {
	return func(ctx context.Context) Result {
		var listen net.ListenConfig
		l, err := listen.Listen(ctx, "tcp", address)
		if err == nil {
			_ = l.Close()
			return Good("%s is free", address)
		}
		if errors.Is(err, syscall.EACCES) {
			return Bad(Fail, "take a port above 1023", "this user may not listen on %s", address)
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return Bad(Fail, "name an address of this machine", "%s is none that this machine can listen on", address)
		}
		if certFile == "" {
			return Bad(Warn, "nothing, if it is this service that runs there; else take another port", "%s is in use", address)
		}
		if ours(ctx, address, certFile) {
			return Good("%s is in use by a process with this certificate", address)
		}
		return Bad(Fail, "stop the other process, or take another port", "%s is in use by something that does not show this certificate", address)
	}
}

// Operators checks that the operator's listener can listen on an address, or does
// so already.
func Operators(address string) func(context.Context) Result {
	return func(ctx context.Context) Result {
		r := Port(address, "")(ctx)
		if r.Status != Warn {
			return r
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		var alive struct {
			Status string `json:"status"`
		}
		if err := fetch(ctx, client, "http://"+Here(address)+"/healthz", &alive); err != nil || alive.Status != "ALIVE" {
			return Bad(Fail, "stop the other process, or take another port", "%s is in use by something that is no such process", address)
		}
		return Good("%s is in use by a process of this program", address)
	}
}

// ours tells whether whoever listens shows the certificate of a file.
func ours(ctx context.Context, address, certFile string) bool {
	c, ok := only(certFile)
	if !ok {
		return false
	}
	c.NextProtos = []string{"h2", "http/1.1"}
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", Here(address))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// only is TLS with a server that shows the certificate of a file, and no other
// of its authority.
func only(certFile string) (*tls.Config, bool) {
	own, err := certificatesIn(certFile)
	if err != nil {
		return nil, false
	}
	pool := x509.NewCertPool()
	pool.AddCert(own[0])
	name := ""
	if len(own[0].DNSNames) > 0 {
		name = own[0].DNSNames[0]
	} else if len(own[0].IPAddresses) > 0 {
		name = own[0].IPAddresses[0].String()
	}
	return &tls.Config{RootCAs: pool, ServerName: strings.Replace(name, "*", "x", 1), MinVersion: tls.VersionTLS12}, true
}

// Here is how this machine reaches an address that it listens on.
func Here(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return address
}

// Serving asks the process that listens on an address whether it is ready:
// over TLS, where certFile names its certificate, else in plaintext.
func Serving(address, certFile string) func(context.Context) Result {
	return func(ctx context.Context) Result {
		secure := insecure.NewCredentials()
		if certFile != "" {
			c, ok := only(certFile)
			if !ok {
				return Bad(Fail, "correct tls.certFile", "%s holds no certificate", certFile)
			}
			secure = credentials.NewTLS(c)
		}
		conn, err := grpc.NewClient("passthrough:///"+Here(address), grpc.WithTransportCredentials(secure))
		if err != nil {
			return Bad(Fail, "correct listen.grpc", "%s is no address", address)
		}
		defer conn.Close()
		answer, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
		switch {
		case err != nil:
			return Bad(Fail, "start it: zkconsent serve", "no process of this configuration answers on %s", address)
		case answer.Status != healthv1.HealthCheckResponse_SERVING:
			return Bad(Fail, "its log says why", "the process on %s is not ready", address)
		}
		return Good("the process on %s is ready", address)
	}
}

// maxDiscovery bounds an answer of an issuer in bytes.
const maxDiscovery = 1 << 20

// Discovery checks that an issuer of tokens can be reached, names itself as it
// is named, and has keys. roots may be nil, for the system's.
func Discovery(issuer string, roots *x509.CertPool) func(context.Context) Result {
	return func(ctx context.Context) Result {
		client := &http.Client{
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("no redirects") },
			Timeout:       10 * time.Second,
		}
		const do = "let this machine reach the issuer; tokens are refused until it can"
		var about struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		if err := fetch(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
			return Bad(Fail, do, "%s: discovery %s", issuer, err)
		}
		if about.Issuer != issuer {
			return Bad(Fail, "write identity.tokens[].issuer exactly as the issuer's own tokens do", "%s names itself otherwise in its discovery", issuer)
		}
		if u, err := url.Parse(about.Keys); err != nil || u.Host == "" {
			return Bad(Fail, "ask whoever runs the issuer", "%s names no address of its keys", issuer)
		}
		if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(about.Keys, "https:") {
			return Bad(Fail, "ask whoever runs the issuer", "%s has its keys at an address without https, where they are not taken from", issuer)
		}
		var set struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if err := fetch(ctx, client, about.Keys, &set); err != nil {
			return Bad(Fail, do, "%s: its keys %s", issuer, err)
		}
		if len(set.Keys) == 0 {
			return Bad(Fail, "ask whoever runs the issuer", "%s has no keys", issuer)
		}
		return Good("%s, %d keys", issuer, len(set.Keys))
	}
}

// fetch gets a document of JSON. Its error repeats nothing of the answer.
func fetch(ctx context.Context, c *http.Client, address string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("has no address")
	}
	a, err := c.Do(r)
	if err != nil {
		return errors.New("cannot be reached, or its certificate does not hold")
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("answers with the status %d", a.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, maxDiscovery))
	if err != nil || json.Unmarshal(b, v) != nil {
		return errors.New("answers with something else than JSON")
	}
	return nil
}
