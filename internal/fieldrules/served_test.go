package fieldrules_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/fieldrules"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A service notes that a call reached it.
type service struct {
	zkconsentv1.UnimplementedProverServiceServer
	calls atomic.Int32
}

func (s *service) Prove(context.Context, *zkconsentv1.ProveRequest) (*zkconsentv1.ProveResponse, error) {
	s.calls.Add(1)
	return &zkconsentv1.ProveResponse{}, nil
}

func (s *service) ProveStream(*zkconsentv1.ProveStreamRequest, grpc.ServerStreamingServer[zkconsentv1.ProveStreamResponse]) error {
	s.calls.Add(1)
	return nil
}

// serve starts the service behind the rules, with its REST face.
func serve(t *testing.T) (*service, zkconsentv1.ProverServiceClient, string) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	rules, err := fieldrules.New()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(rules.Unary()), grpc.ChainStreamInterceptor(rules.Stream()))
	zkconsentv1.RegisterProverServiceServer(server, s)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	mux := runtime.NewServeMux()
	if err := zkconsentv1.RegisterProverServiceHandler(t.Context(), mux, conn); err != nil {
		t.Fatal(err)
	}
	rest := httptest.NewServer(mux)
	t.Cleanup(func() {
		rest.Close()
		http.DefaultClient.CloseIdleConnections()
		_ = conn.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, zkconsentv1.NewProverServiceClient(conn), rest.URL
}

// A request that breaks a rule reaches no service, by no way, and is refused in
// the same words by all of them.
func TestNoWayAroundTheRules(t *testing.T) {
	s, client, url := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	_, unary := client.Prove(ctx, &zkconsentv1.ProveRequest{Statement: []byte{1}})
	stream, err := client.ProveStream(ctx, &zkconsentv1.ProveStreamRequest{Statement: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	_, streamed := stream.Recv()
	want := status.Convert(unary).Proto()
	if codes.Code(want.Code) != codes.InvalidArgument || refusal.Of(unary) != refusal.Malformed || want.Message != "witness: must be 1 to 65536 bytes" {
		t.Fatalf("unary: %v", unary)
	}
	if got := status.Convert(streamed).Proto(); !proto.Equal(got, want) {
		t.Errorf("as a stream: %v, want %v", got, want)
	}
	for _, path := range []string{"/v1/proofs", "/v1/proofs:stream"} {
		code, body := post(t, ctx, url+path, `{"statement":"AQ=="}`)
		if strings.HasSuffix(path, ":stream") {
			body = inner(t, body)
		}
		got := status.New(codes.OK, "").Proto()
		if err := protojson.Unmarshal(body, got); err != nil || code != http.StatusBadRequest || !proto.Equal(got, want) {
			t.Errorf("%s: %d %s, %v", path, code, body, err)
		}
	}
	if n := s.calls.Load(); n != 0 {
		t.Errorf("%d refused calls reached the service", n)
	}
	if _, err := client.Prove(ctx, &zkconsentv1.ProveRequest{Statement: []byte{1}, Witness: []byte{1}}); err != nil || s.calls.Load() != 1 {
		t.Errorf("a good request: %v", err)
	}
}

// TestAttack_RefusalRepeatsTheWitness: what a refusal quotes stands in the logs
// of proxies and of the caller's program.
func TestAttack_RefusalRepeatsTheWitness(t *testing.T) {
	_, client, url := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	secret := bytes.Repeat([]byte("canary-of-a-witness "), 4000) // longer than a witness may be
	_, refused := client.Prove(ctx, &zkconsentv1.ProveRequest{Statement: secret, Witness: secret})
	_, body := post(t, ctx, url+"/v1/proofs", `{"statement":"AQ==","witness":"`+base64.StdEncoding.EncodeToString(secret)+`"}`)
	answer, err := proto.Marshal(status.Convert(refused).Proto())
	if err != nil || refusal.Of(refused) != refusal.Malformed {
		t.Fatal(refused, err)
	}
	for way, said := range map[string][]byte{"grpc": answer, "REST": body} {
		if len(said) == 0 || len(said) > 1<<10 || bytes.Contains(said, secret[:12]) || bytes.Contains(said, []byte(base64.StdEncoding.EncodeToString(secret[:12]))) {
			t.Errorf("%s answers with %d bytes: %.200q", way, len(said), said)
		}
	}
}

func post(t *testing.T, ctx context.Context, url, body string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, out.Bytes()
}

// inner is the status in the last message of a stream over REST.
func inner(t *testing.T, body []byte) []byte {
	t.Helper()
	var m struct{ Error json.RawMessage }
	if err := json.Unmarshal(body, &m); err != nil {
		return body
	}
	if m.Error == nil {
		return body
	}
	return m.Error
}
