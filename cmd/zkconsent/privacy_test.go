package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	documents "github.com/zkconsent/zkconsent/consent/fhir/demo"
	"github.com/zkconsent/zkconsent/internal/armor"
	"github.com/zkconsent/zkconsent/internal/proving"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// A desk is a verifier's REST face that asks its visitors for everything they
// could say of themselves, and notes it.
type desk struct {
	*httptest.Server
	mu     sync.Mutex
	visits []*http.Request
	get    func() []byte              // the signed request
	decide func(b []byte) (any, bool) // the verdict on a presentation; false for none
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.visits = append(d.visits, r)
	d.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "visitor", Value: "17"})
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(map[string]any{"signedRequest": d.get()})
		return
	}
	var q struct{ Presentation []byte }
	b, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(b, &q) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	v, ok := d.decide(q.Presentation)
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"verdict": v})
}

// certified makes an authority in the folder that it changes to, and a
// certificate for each name.
func certified(t *testing.T, names ...string) *x509.CertPool {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := openssl([]string{"req", "-x509", "-subj", "/CN=CA", "-keyout", "ca.key", "-out", "ca.pem"}); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		name, of, _ := strings.Cut(n, "=")
		if err := openssl([]string{"req", "-subj", "/CN=" + name, "-addext", "subjectAltName=" + of, "-keyout", name + ".key", "-out", name + ".csr"}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile("ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	return pool
}

// servedProver is a prover's service that lets only callers with a certificate
// in. It notes their tokens and the names in their certificates.
func servedProver(t *testing.T, secure *tls.Config) (address string, callers *[]string) {
	t.Helper()
	s, err := proving.New(proving.Config{Prover: provertest.New(t, consent.ConsentOnly), Circuits: []consent.CircuitID{consent.ConsentOnly}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SelfTest(context.Background()); err != nil {
		t.Fatal(err)
	}
	callers = &[]string{}
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(secure)), grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		from, _ := peer.FromContext(stream.Context())
		*callers = append(*callers, fmt.Sprint(md.Get("authorization"), from.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0].DNSNames))
		return h(srv, stream)
	}))
	zkconsentv1.RegisterProverServiceServer(g, s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); s.Close() })
	return "https://" + l.Addr().String(), callers
}

// servedNode is a face of a node over TLS that asks for certificates. It notes
// the tokens and certificates that come with calls.
func servedNode(t *testing.T, node string, secure *tls.Config) (address string, said *[]string) {
	t.Helper()
	r, err := reach(node, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	said = &[]string{}
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(secure)), grpc.UnaryInterceptor(func(ctx context.Context, q any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		from, _ := peer.FromContext(ctx)
		mu.Lock()
		*said = append(*said, fmt.Sprint(md.Get("authorization"), len(from.AuthInfo.(credentials.TLSInfo).State.PeerCertificates)))
		mu.Unlock()
		return h(ctx, q)
	}))
	zkconsentv1.RegisterRegistryServiceServer(g, wire.NewService(r, nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); _ = r.Close() })
	return "https://" + l.Addr().String(), said
}

// TestAttack_VerifierAsksWhoAnswers: a wallet that has its proof made by a
// service says there who calls, and to the verifier and the node, which ask for
// it, nothing: not when it reads the ledger or fetches the request, not when it
// presents, and not when it presents again.
func TestAttack_VerifierAsksWhoAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("a ledger, a wallet and a prover's service take several seconds")
	}
	w := found(t, "--max-head-age", "600")
	pool := certified(t, "server=IP:127.0.0.1", "patient=DNS:patient.example.org")
	pair, err := tls.LoadX509KeyPair("server.pem", "server.key")
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	address, callers := servedProver(t, secure)

	d := &desk{}
	d.Server = httptest.NewUnstartedServer(d)
	d.TLS = secure.Clone()
	d.TLS.ClientAuth = tls.RequestClientCert
	node, said := servedNode(t, w.node, d.TLS.Clone())
	d.StartTLS()
	t.Cleanup(d.Close)
	policy := strings.Replace(consentPolicy, `"context": "study"`, `"context": "study", "return": "`+d.URL+`/v1/presentations"`, 1)
	id := w.must("hospital", "request", "create", w.write("policy.json", []byte(policy)), "--out", w.file("request.zkc")).text("id")
	d.get = func() []byte {
		text, err := os.ReadFile(w.file("request.zkc"))
		if err != nil {
			t.Error(err)
		}
		b, err := armor.Decode("signed-request", text, consent.MaxRequest)
		if err != nil {
			t.Error(err)
		}
		return b
	}
	w.must("patient", "consent", "import", w.write("consent.json", bytes.ReplaceAll(documents.Consent, []byte(documents.Insurer), []byte(documents.Research))))
	w.must("patient", "consent", "grant", "--registrar", w.ids["hospital"], "--out", w.file("sealed.zkc"))
	w.must("hospital", "registrar", "commit", w.file("sealed.zkc"))
	w.must("patient", "wallet", "sync")

	// The verifier cannot decide: the answer is kept, and the patient is told how
	// to hand it in again.
	who := []string{"--node", node, "--tls-ca", "ca.pem", "--tls-cert", "patient.pem", "--tls-key", "patient.key", "--token-file", w.write("token", []byte("patient-17\n"))}
	d.decide = func([]byte) (any, bool) { return nil, false }
	answer := w.file("answer.zkc")
	status, _, complaint := w.cli("patient", 0, append(who, "prove", "--yes", "--request", d.URL+"/v1/requests/"+id, "--prover", address, "--present", "--out", answer)...)
	if status != exitUndecided || !strings.Contains(complaint, "zkconsent present "+answer+" --to "+d.URL) {
		t.Fatalf("status %d: %s", status, complaint)
	}
	d.decide = func(b []byte) (any, bool) {
		_, v, _ := w.cli("hospital", 0, "verify", w.write("shown.zkc", b))
		return v, true
	}
	if out := w.must("patient", append(who, "present", answer, "--to", d.URL+"/v1/presentations")...); out["accepted"] != true || len(out.text("comparisonCode")) != 6 {
		t.Errorf("%v", out)
	}

	if len(*callers) != 1 || (*callers)[0] != "[Bearer patient-17] [patient.example.org]" {
		t.Errorf("the prover's service saw %q", *callers)
	}
	for _, s := range *said {
		if s != "[]0" && s != "[] 0" {
			t.Errorf("a node was told %s", s)
		}
	}
	if len(*said) == 0 {
		t.Error("the node over TLS was not read")
	}
	from := map[string]bool{}
	for _, r := range d.visits {
		if len(r.TLS.PeerCertificates) > 0 || r.TLS.DidResume || r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || from[r.RemoteAddr] {
			t.Errorf("%s %s: %d certificates, resumed %v, %q, from %s", r.Method, r.URL, len(r.TLS.PeerCertificates), r.TLS.DidResume, r.Header, r.RemoteAddr)
		}
		from[r.RemoteAddr] = true
	}
	if len(d.visits) < 3 {
		t.Errorf("%d visits", len(d.visits))
	}

	// Before a patient agrees, they are told what the service would see, and an
	// answer that could not be sent is not made.
	status, _, complaint = w.cli("patient", 0, append(who, "prove", "--request", d.URL+"/v1/requests/"+id, "--prover", address, "--present", "--out", answer)...)
	if status != exitNothing || !strings.Contains(complaint, "PROOF BY A SERVICE") || !strings.Contains(complaint, "without your name, certificate or token") {
		t.Errorf("status %d: %s", status, complaint)
	}
	w.must("hospital", "request", "create", w.write("policy.json", []byte(consentPolicy)), "--out", w.file("request.zkc"))
	if status, _, complaint = w.cli("patient", 0, "prove", "--yes", "--request", w.file("request.zkc"), "--present", "--out", w.file("unsent.zkc")); status != exitFailed || !strings.Contains(complaint, "names no return address") {
		t.Errorf("status %d: %s", status, complaint)
	}
	if len(*callers) != 1 {
		t.Errorf("the prover's service was called: %q", *callers)
	}
}
