package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// service answers at once, or with entered set when release closes.
type service struct {
	zkconsentv1.UnimplementedRegistryServiceServer
	entered chan struct{}
	release chan struct{}

	mu       sync.Mutex
	metadata metadata.MD
	deadline time.Time
}

func (s *service) GetGenesis(ctx context.Context, _ *zkconsentv1.GetGenesisRequest) (*zkconsentv1.GetGenesisResponse, error) {
	s.mu.Lock()
	s.metadata, _ = metadata.FromIncomingContext(ctx)
	s.deadline, _ = ctx.Deadline()
	s.mu.Unlock()
	if s.entered != nil {
		s.entered <- struct{}{}
		select {
		case <-s.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &zkconsentv1.GetGenesisResponse{Genesis: []byte("genesis")}, nil
}

func (s *service) Submit(_ context.Context, r *zkconsentv1.SubmitRequest) (*zkconsentv1.SubmitResponse, error) {
	return &zkconsentv1.SubmitResponse{Height: uint64(len(r.Transaction))}, nil
}

func config(s *service) server.Config {
	return server.Config{
		GRPC: "127.0.0.1:0", REST: "localhost:0",
		Services: []server.Service{{
			Register: func(g *grpc.Server) { zkconsentv1.RegisterRegistryServiceServer(g, s) },
			Gateway:  zkconsentv1.RegisterRegistryServiceHandler,
		}},
	}
}

// start serves until stop, which returns Serve's error.
func start(t *testing.T, s *service) (api zkconsentv1.RegistryServiceClient, url string, stop func() error) {
	t.Helper()
	srv, err := server.New(context.Background(), config(s))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { stop() })
	conn, err := grpc.NewClient(srv.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return zkconsentv1.NewRegistryServiceClient(conn), "http://" + srv.RESTAddr(), stop
}

func short(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestRefusesAddressesBeyondLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.org:0", "169.254.1.1:0", "[fe80::1]:0"} {
		c := config(&service{})
		c.GRPC = address
		if _, err := server.New(context.Background(), c); !errors.Is(err, server.ErrNotLoopback) {
			t.Errorf("gRPC on %q: %v, want ErrNotLoopback", address, err)
		}
		c = config(&service{})
		c.REST = address
		if _, err := server.New(context.Background(), c); !errors.Is(err, server.ErrNotLoopback) {
			t.Errorf("REST on %q: %v, want ErrNotLoopback", address, err)
		}
	}
	for _, address := range []string{"", "127.0.0.1", "127.0.0.1:port"} {
		c := config(&service{})
		c.GRPC = address
		if _, err := server.New(context.Background(), c); err == nil {
			t.Errorf("gRPC on %q was served", address)
		}
	}
}

func TestServesWithoutREST(t *testing.T) {
	c := config(&service{})
	c.REST = ""
	s, err := server.New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if s.RESTAddr() != "" {
		t.Errorf("REST on %s", s.RESTAddr())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Serve(ctx); err != nil {
		t.Error(err)
	}
}

// TestFailedStartFreesItsPorts: whoever starts again must be able to.
func TestFailedStartFreesItsPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := config(&service{})
	c.GRPC, c.REST = address, "0.0.0.0:0"
	for range 2 {
		if _, err := server.New(context.Background(), c); !errors.Is(err, server.ErrNotLoopback) {
			t.Fatal(err)
		}
	}
}

func TestCallsUnderWayFinishAtTheEnd(t *testing.T) {
	s := &service{entered: make(chan struct{}), release: make(chan struct{})}
	api, url, stop := start(t, s)
	ctx := short(t)
	answers := make(chan error, 2)
	go func() {
		_, err := api.GetGenesis(ctx, &zkconsentv1.GetGenesisRequest{})
		answers <- err
	}()
	go func() {
		r, err := http.Get(url + "/v1/genesis")
		if err == nil {
			defer r.Body.Close()
			if _, err = io.ReadAll(r.Body); err == nil && r.StatusCode != http.StatusOK {
				err = errors.New(r.Status)
			}
		}
		answers <- err
	}()
	<-s.entered
	<-s.entered
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		t.Fatalf("it ended with calls under way: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(s.release)
	for range 2 {
		if err := <-answers; err != nil {
			t.Errorf("a call under way: %v", err)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := api.GetGenesis(ctx, &zkconsentv1.GetGenesisRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

func TestCallsThatDoNotEndAreCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the whole drain")
	}
	s := &service{entered: make(chan struct{}), release: make(chan struct{})}
	api, _, stop := start(t, s)
	answer := make(chan error, 1)
	ctx := short(t)
	go func() {
		_, err := api.GetGenesis(ctx, &zkconsentv1.GetGenesisRequest{})
		answer <- err
	}()
	<-s.entered
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
	if err := <-answer; err == nil {
		t.Error("the call was answered")
	}
}

func TestRefusesBodiesBeyondTheBound(t *testing.T) {
	api, url, _ := start(t, &service{})
	ctx := short(t)
	for size, want := range map[int]codes.Code{server.MaxMessage - 100: codes.OK, server.MaxMessage + 1: codes.ResourceExhausted} {
		_, err := api.Submit(ctx, &zkconsentv1.SubmitRequest{Transaction: make([]byte, size)})
		if status.Code(err) != want {
			t.Errorf("gRPC, %d bytes: %v, want %v", size, err, want)
		}
	}
	post := func(body string) int {
		r, err := http.Post(url+"/v1/transactions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	transaction := func(size int) string { return fmt.Sprintf(`{"transaction":%q}`, strings.Repeat("AAAA", size/3)) }
	if code := post(transaction(server.MaxMessage / 2)); code != http.StatusOK {
		t.Errorf("REST, a body within the bound: %d", code)
	}
	if code := post(transaction(server.MaxMessage + 3)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("REST, a message beyond the bound: %d", code)
	}
	if code := post(transaction(3 * server.MaxMessage)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("REST, a body beyond the bound: %d", code)
	}
	q, _ := http.NewRequest(http.MethodGet, url+"/v1/genesis", nil)
	q.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	r, err := http.DefaultClient.Do(q)
	if err == nil {
		r.Body.Close()
		if r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("REST, a header of 64 KiB: %s", r.Status)
		}
	}
	long := metadata.AppendToOutgoingContext(ctx, "x-long", strings.Repeat("x", 64<<10))
	if _, err := api.GetGenesis(long, &zkconsentv1.GetGenesisRequest{}); err == nil {
		t.Error("gRPC, a header of 64 KiB was taken")
	}
}

// TestAttack_HeadersBecomeNoMetadata: what an unknown caller writes into a
// header must not reach a service as if the gateway had written it.
func TestAttack_HeadersBecomeNoMetadata(t *testing.T) {
	s := &service{}
	_, url, _ := start(t, s)
	q, err := http.NewRequestWithContext(short(t), http.MethodGet, url+"/v1/genesis", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "evil.example"
	for _, name := range []string{"Authorization", "Cookie", "Grpc-Metadata-Authority", "Grpc-Metadata-Signer-Bin", "Forwarded", "X-Forwarded-For",
		"X-Forwarded-Host", "X-Real-Ip", "Grpcgateway-Signer", "From", "Via", "User-Agent"} {
		q.Header.Set(name, "evil")
	}
	q.Header.Set("Grpc-Timeout", "60S")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Fatal(r.Status)
	}
	for name, values := range s.metadata {
		switch name {
		case ":authority", "content-type", "user-agent", "grpc-accept-encoding": // the gateway's own
		default:
			t.Errorf("%s reached the service: %q", name, values)
		}
		for _, v := range values {
			if strings.Contains(v, "evil") {
				t.Errorf("%s: %q", name, v)
			}
		}
	}
	if time.Until(s.deadline) < 90*time.Second { // REST has one of its own
		t.Error("the caller's header set the call's deadline")
	}
}

func TestSilentConnectionsAreClosed(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the timeout of headers")
	}
	_, url, _ := start(t, &service{})
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /v1/genesis HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("it is open after 15 s: %v", err)
	}
}
