package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// A service is a verifier or a prover that answers as a test wants.
type service struct {
	zkconsentv1.UnimplementedVerifierServiceServer
	zkconsentv1.UnimplementedProverServiceServer
	before  func(ctx context.Context, method string, request any) error
	verdict func(*zkconsentv1.VerifyRequest) *zkconsentv1.Verdict
	watch   func(from uint64, send func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error
	stream  func(grpc.ServerStreamingServer[zkconsentv1.ProveStreamResponse]) error
	create  func(*zkconsentv1.CreateRequestRequest) (*zkconsentv1.CreateRequestResponse, error)
	proof   []byte
}

func (s *service) Verify(_ context.Context, r *zkconsentv1.VerifyRequest) (*zkconsentv1.VerifyResponse, error) {
	if s.verdict == nil {
		return &zkconsentv1.VerifyResponse{Verdict: denied(r.Presentation)}, nil
	}
	return &zkconsentv1.VerifyResponse{Verdict: s.verdict(r)}, nil
}

func (s *service) VerifyBatch(_ context.Context, r *zkconsentv1.VerifyBatchRequest) (*zkconsentv1.VerifyBatchResponse, error) {
	out := &zkconsentv1.VerifyBatchResponse{}
	for _, p := range r.Presentations {
		out.Verdicts = append(out.Verdicts, s.verdict(&zkconsentv1.VerifyRequest{Presentation: p}))
	}
	return out, nil
}

func (s *service) ScopeStats(context.Context, *zkconsentv1.ScopeStatsRequest) (*zkconsentv1.ScopeStatsResponse, error) {
	n := &zkconsentv1.Count{Count: 7}
	return &zkconsentv1.ScopeStatsResponse{Answers: n, Nullifiers: n, Standing: n, Withdrawn: &zkconsentv1.Count{Suppressed: true}, HeadTime: 1, Smallest: 5}, nil
}

func (s *service) CreateRequest(_ context.Context, r *zkconsentv1.CreateRequestRequest) (*zkconsentv1.CreateRequestResponse, error) {
	return s.create(r)
}

func (s *service) WatchWithdrawals(r *zkconsentv1.VerifierServiceWatchWithdrawalsRequest, stream grpc.ServerStreamingServer[zkconsentv1.VerifierServiceWatchWithdrawalsResponse]) error {
	return s.watch(r.From, stream.Send)
}

func (s *service) Prove(context.Context, *zkconsentv1.ProveRequest) (*zkconsentv1.ProveResponse, error) {
	return &zkconsentv1.ProveResponse{Proof: s.proof}, nil
}

func (s *service) ProveStream(_ *zkconsentv1.ProveStreamRequest, stream grpc.ServerStreamingServer[zkconsentv1.ProveStreamResponse]) error {
	return s.stream(stream)
}

// denied is a denial of bytes that are no presentation.
func denied(presentation []byte) *zkconsentv1.Verdict {
	digest := sha256.Sum256(presentation)
	return &zkconsentv1.Verdict{Reason: "malformed", Request: hex.EncodeToString(make([]byte, 16)), Digest: hex.EncodeToString(digest[:]), At: 1}
}

// serve runs a service and returns its address. secure may be nil.
func (s *service) serve(t testing.TB, secure *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return s.serveOn(t, l, secure)
}

func (s *service) serveOn(t testing.TB, l net.Listener, secure *tls.Config) string {
	t.Helper()
	options := []grpc.ServerOption{grpc.UnaryInterceptor(func(ctx context.Context, r any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		if s.before != nil {
			if err := s.before(ctx, info.FullMethod, r); err != nil {
				return nil, err
			}
		}
		return h(ctx, r)
	})}
	scheme := ""
	if secure != nil {
		options, scheme = append(options, grpc.Creds(credentials.NewTLS(secure))), "https://"
	}
	g := grpc.NewServer(options...)
	zkconsentv1.RegisterVerifierServiceServer(g, s)
	zkconsentv1.RegisterProverServiceServer(g, s)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	return scheme + l.Addr().String()
}

// quick is a Config that repeats without waiting long.
func quick(addresses ...string) client.Config {
	return client.Config{Addresses: addresses, Backoff: time.Millisecond}
}

func dial(t testing.TB, c client.Config) *client.Conn {
	t.Helper()
	conn, err := client.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// An authority signs certificates.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.key, a.file = key, a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue writes a certificate for the loopback interface and for a URI.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, URIs: []*url.URL{{Scheme: "https", Host: name}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, a.cert, k.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", private)
}

// server is a TLS configuration that takes client certificates of this
// authority, and asks for none that it does not get.
func (a *authority) server() *tls.Config {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.issue("server.example.org"))
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven}
}

// presentation are the bytes of one, of zeros.
func presentation() []byte {
	p := &consent.Presentation{Request: [16]byte{7}, Epoch: 1, Proof: consent.Proof(make([]byte, 128))}
	return p.Encode()
}
