package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/identity/identitytest"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// everything is the three services, none of which does anything.
func everything() []server.Service {
	return []server.Service{
		{
			Register: func(g *grpc.Server) {
				zkconsentv1.RegisterRegistryServiceServer(g, zkconsentv1.UnimplementedRegistryServiceServer{})
			},
			Gateway: zkconsentv1.RegisterRegistryServiceHandler,
		},
		{
			Register: func(g *grpc.Server) {
				zkconsentv1.RegisterProverServiceServer(g, zkconsentv1.UnimplementedProverServiceServer{})
			},
			Gateway: zkconsentv1.RegisterProverServiceHandler,
		},
		{
			Register: func(g *grpc.Server) {
				zkconsentv1.RegisterVerifierServiceServer(g, zkconsentv1.UnimplementedVerifierServiceServer{})
			},
			Gateway: zkconsentv1.RegisterVerifierServiceHandler,
		},
	}
}

// A served is a server that runs until its test ends.
type served struct {
	*server.Server
	authority *identitytest.Authority // of its TLS; nil in plaintext
	stop      func() error
}

// serveConfig serves what a config says, on loopback.
func serveConfig(t testing.TB, c server.Config) *served {
	t.Helper()
	c.GRPC, c.REST = "127.0.0.1:0", "127.0.0.1:0"
	s, err := server.New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	x := &served{Server: s}
	x.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := x.stop(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// serveTLS serves with TLS, and with a guard that trusts the authority's
// clients by the rules.
func serveTLS(t testing.TB, c server.Config, g identity.GuardConfig) *served {
	t.Helper()
	a := identitytest.NewAuthority(t)
	cert, key, ca := a.Files()
	c.TLS = &server.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca}
	c.Guard = guard(t, g)
	x := serveConfig(t, c)
	x.authority = a
	return x
}

func guard(t testing.TB, c identity.GuardConfig) *identity.Guard {
	t.Helper()
	g, err := identity.NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// dial is a gRPC client with a certificate, or without one.
func (x *served) dial(t testing.TB, certs ...tls.Certificate) *grpc.ClientConn {
	t.Helper()
	c := &tls.Config{RootCAs: x.authority.Pool(), Certificates: certs}
	conn, err := grpc.NewClient(x.GRPCAddr(), grpc.WithTransportCredentials(credentials.NewTLS(c)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// client is an HTTP client with a certificate, or without one.
func (x *served) client(t testing.TB, certs ...tls.Certificate) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x.authority.Pool(), Certificates: certs}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// An answer is what a REST call came back with.
type answer struct {
	http   int
	header http.Header
	body   []byte
	code   int // of google.rpc.Status
	reason string
}

// ask makes a REST call; headers are names and values in turn.
func ask(t testing.TB, c *http.Client, method, url string, body []byte, headers ...string) answer {
	t.Helper()
	q, err := http.NewRequestWithContext(short(t), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for h := range slices.Chunk(headers, 2) {
		q.Header.Add(h[0], h[1])
	}
	r, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	a := answer{http: r.StatusCode, header: r.Header}
	if a.body, err = io.ReadAll(io.LimitReader(r.Body, 1<<20)); err != nil {
		t.Fatal(err)
	}
	var s struct {
		Code    int
		Details []struct{ Reason string }
	}
	if json.Unmarshal(a.body, &s) == nil {
		a.code = s.Code
		for _, d := range s.Details {
			if d.Reason != "" {
				a.reason = d.Reason
			}
		}
	}
	return a
}

// call makes a gRPC call of any method without fields, and waits for its first
// answer or its end.
func call(ctx context.Context, conn *grpc.ClientConn, method string) error {
	var in, out zkconsentv1.GetGenesisRequest
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&in); err != nil && err != io.EOF {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := stream.RecvMsg(&out); err != io.EOF {
		return err
	}
	return nil
}

// text is the whole of an error as its caller sees it.
func text(err error) string { return status.Convert(err).Proto().String() }
