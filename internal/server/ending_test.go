package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// slow serves GetGenesis for as long as a test wants, and a feed that never
// ends.
type slow struct {
	zkconsentv1.UnimplementedRegistryServiceServer
	entered chan struct{}
	release chan struct{}
}

func newSlow() *slow { return &slow{entered: make(chan struct{}, 8), release: make(chan struct{})} }

func (s *slow) GetGenesis(ctx context.Context, _ *zkconsentv1.GetGenesisRequest) (*zkconsentv1.GetGenesisResponse, error) {
	s.entered <- struct{}{}
	select {
	case <-s.release:
		return &zkconsentv1.GetGenesisResponse{Genesis: []byte("genesis")}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *slow) GetDirectory(context.Context, *zkconsentv1.GetDirectoryRequest) (*zkconsentv1.GetDirectoryResponse, error) {
	return &zkconsentv1.GetDirectoryResponse{Directory: []byte("directory")}, nil
}

func (s *slow) WatchWithdrawals(_ *zkconsentv1.WatchWithdrawalsRequest, stream grpc.ServerStreamingServer[zkconsentv1.WatchWithdrawalsResponse]) error {
	if err := stream.Send(&zkconsentv1.WatchWithdrawalsResponse{Position: 7}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (s *slow) services() []server.Service {
	return []server.Service{{
		Register: func(g *grpc.Server) { zkconsentv1.RegisterRegistryServiceServer(g, s) },
		Gateway:  zkconsentv1.RegisterRegistryServiceHandler,
	}}
}

// plain is a gRPC client of a server in plaintext.
func (x *served) plain(t testing.TB) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(x.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for ends := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(ends) {
			t.Fatal(what)
		}
	}
}

// TestTheEnd: first the process says that it is not ready and still serves, then
// it refuses what is new and finishes what is under way, and feeds end.
func TestTheEnd(t *testing.T) {
	s := newSlow()
	x := serveConfig(t, server.Config{Services: s.services(), Linger: 700 * time.Millisecond, Drain: time.Minute})
	conn := x.plain(t)
	api, health := zkconsentv1.NewRegistryServiceClient(conn), healthv1.NewHealthClient(conn)
	ctx := short(t)
	feed, err := api.WatchWithdrawals(ctx, &zkconsentv1.WatchWithdrawalsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Recv(); err != nil {
		t.Fatal(err)
	}
	watch, err := health.Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := watch.Recv(); err != nil || m.Status != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("%v, %v", m, err)
	}
	answers := make(chan error, 2)
	go func() {
		_, err := api.GetGenesis(ctx, &zkconsentv1.GetGenesisRequest{})
		answers <- err
	}()
	go func() {
		r, err := http.Get("http://" + x.RESTAddr() + "/v1/genesis")
		if err == nil {
			r.Body.Close()
			if r.StatusCode != http.StatusOK {
				err = errors.New(r.Status)
			}
		}
		answers <- err
	}()
	<-s.entered
	<-s.entered
	ended := make(chan error, 1)
	go func() { ended <- x.stop() }()

	if m, err := watch.Recv(); err != nil || m.Status != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health at the end: %v, %v", m, err)
	}
	if a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+"/readyz", nil); a.http != http.StatusServiceUnavailable || a.reason != string(refusal.NotReady) {
		t.Errorf("/readyz: %d %s", a.http, a.body)
	}
	if a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+"/healthz", nil); a.http != http.StatusOK {
		t.Errorf("/healthz: %d %s", a.http, a.body)
	}
	if _, err := feed.Recv(); refusal.Of(err) != refusal.Stopping {
		t.Errorf("the feed: %v", err)
	}
	// Now the gate is closed, and two calls are under way.
	_, err = api.GetDirectory(ctx, &zkconsentv1.GetDirectoryRequest{})
	if status.Code(err) != codes.Unavailable || refusal.Of(err) != refusal.Stopping || refusal.After(err) <= 0 {
		t.Errorf("a new call: %v", err)
	}
	a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+"/v1/directory", nil)
	if a.http != http.StatusServiceUnavailable || a.reason != string(refusal.Stopping) || a.header.Get("Retry-After") != "1" {
		t.Errorf("a new call over REST: %d %s %v", a.http, a.body, a.header)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended with calls under way: %v", err)
	case err := <-answers:
		t.Fatalf("a call under way ended: %v", err)
	default:
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
	if _, err := api.GetDirectory(ctx, &zkconsentv1.GetDirectoryRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

// TestHealthFollowsTheProcess: ready and not, by both ways, without a word of
// why.
func TestHealthFollowsTheProcess(t *testing.T) {
	var fault atomic.Value
	fault.Store("")
	log := &lines{}
	x := serveConfig(t, server.Config{Services: newSlow().services(), Logger: log.logger(), Ready: func() error {
		if why := fault.Load().(string); why != "" {
			return errors.New(why)
		}
		return nil
	}})
	health := healthv1.NewHealthClient(x.plain(t))
	for _, why := range []string{"", "open /var/lib/x: no space", "", "again"} {
		fault.Store(why)
		want, code := healthv1.HealthCheckResponse_SERVING, http.StatusOK
		if why != "" {
			want, code = healthv1.HealthCheckResponse_NOT_SERVING, http.StatusServiceUnavailable
		}
		for _, service := range []string{"", "zkconsent.v1.RegistryService"} {
			if m, err := health.Check(short(t), &healthv1.HealthCheckRequest{Service: service}); err != nil || m.Status != want {
				t.Errorf("%q, %q: %v, %v", why, service, m, err)
			}
		}
		a := ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+"/readyz", nil)
		if a.http != code || why != "" && (a.header.Get("Retry-After") == "" || a.reason != string(refusal.NotReady)) {
			t.Errorf("%q: /readyz %d %s", why, a.http, a.body)
		}
	}
	if _, err := health.Check(short(t), &healthv1.HealthCheckRequest{Service: "zkconsent.v1.ProverService"}); status.Code(err) != codes.NotFound {
		t.Errorf("a service of another process: %v", err)
	}
	if m, err := health.Check(short(t), &healthv1.HealthCheckRequest{}); err != nil || m.Status != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("%v, %v", m, err)
	}
	eventually(t, "the log does not say why", func() bool { return len(log.String()) > 0 })
}

// TestLogTellsOfReadiness: also where nobody asks, and a process that has only
// begun is no warning.
func TestLogTellsOfReadiness(t *testing.T) {
	var fault atomic.Value
	fault.Store("the ledger is away")
	log := &lines{}
	x := serveConfig(t, server.Config{Services: newSlow().services(), Logger: log.logger(), Ready: func() error {
		if why := fault.Load().(string); why != "" {
			return errors.New(why)
		}
		return nil
	}})
	eventually(t, "a start is not told", func() bool { return strings.Contains(log.String(), "not ready yet") })
	for _, step := range []struct{ why, told string }{{"", ""}, {"the store is away", `level=WARN msg="not ready"`}, {"", "ready again"}} {
		if strings.Contains(log.String(), "WARN") != (step.told == "ready again") || strings.Contains(log.String(), "ready again") {
			t.Errorf("before %+v: %s", step, log.String())
		}
		fault.Store(step.why)
		ask(t, http.DefaultClient, http.MethodGet, "http://"+x.RESTAddr()+"/readyz", nil)
		if !strings.Contains(log.String(), step.told) {
			t.Errorf("%+v: %s", step, log.String())
		}
	}
}
