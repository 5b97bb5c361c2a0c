package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tracesv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// A site is a server that serves something real, with a telemetry.
type site struct {
	t    *testing.T
	tel  *Telemetry
	conn *grpc.ClientConn
	log  *safeBuffer
}

// A safeBuffer is a buffer that several goroutines may write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const check, watch = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"

func serve(t *testing.T, c Config) *site {
	t.Helper()
	s := &site{t: t, log: &safeBuffer{}}
	c.Log, c.Methods, c.Version = s.log, []string{check, watch}, "test"
	var err error
	if s.tel, err = New(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(append(s.tel.ServerOptions(), grpc.UnaryInterceptor(
		func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			s.tel.Logger.InfoContext(ctx, "called")
			return next(ctx, r)
		}),
		// Without one, grpc-go answers calls of unknown services past its stats.
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return status.Error(codes.Unimplemented, "none") }))...)
	healthv1.RegisterHealthServer(g, health.NewServer())
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	if s.conn, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.conn.Close()
		g.Stop()
		<-done
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		s.tel.Shutdown(ctx)
	})
	return s
}

func (s *site) scrape() string { return scraped(s.t, s.tel) }

func scraped(t *testing.T, tel *Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func (s *site) call(ctx context.Context, method string) error {
	return s.conn.Invoke(ctx, method, &healthv1.HealthCheckRequest{}, &healthv1.HealthCheckResponse{})
}

// eventually waits for what the server does after a client has its answer.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func TestCallsAreCounted(t *testing.T) {
	s := serve(t, Config{})
	ctx := context.Background()
	for range 3 {
		if err := s.call(ctx, check); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.conn.Invoke(ctx, check, &healthv1.HealthCheckRequest{Service: "none"}, &healthv1.HealthCheckResponse{}); status.Code(err) != codes.NotFound {
		t.Fatal(err)
	}
	for _, want := range []string{
		`zkconsent_calls_total{code="OK",method="` + check + `"} 3`,
		`zkconsent_calls_total{code="NotFound",method="` + check + `"} 1`,
		`zkconsent_call_seconds_count{method="` + check + `"} 4`,
		`zkconsent_calls_in_flight{method="` + check + `"} 0`,
		`zkconsent_connections 1`,
		`zkconsent_build_info{`,
	} {
		eventually(t, want, func() bool { return strings.Contains(s.scrape(), want) })
	}
	// A stream under way is seen.
	ctx, cancel := context.WithCancel(ctx)
	stream, err := healthv1.NewHealthClient(s.conn).Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if want := `zkconsent_calls_in_flight{method="` + watch + `"} 1`; !strings.Contains(s.scrape(), want) {
		t.Error(want)
	}
	cancel()
	eventually(t, "the stream does not end", func() bool {
		return strings.Contains(s.scrape(), `zkconsent_calls_total{code="Canceled",method="`+watch+`"} 1`)
	})
}

// TestAttack_MethodsWithoutEnd: methods and codes that a caller makes up add no
// series, and are in no trace.
func TestAttack_MethodsWithoutEnd(t *testing.T) {
	collector := collect(t)
	s := serve(t, Config{Traces: Traces{Endpoint: collector.address, Ratio: 1}})
	before := len(series(s.scrape()))
	for i := range 300 {
		if err := s.call(context.Background(), fmt.Sprintf("/%s.%d/%s", canary, i, canary)); status.Code(err) != codes.Unimplemented {
			t.Fatal(err)
		}
	}
	eventually(t, "not counted", func() bool {
		return strings.Contains(s.scrape(), `zkconsent_calls_total{code="Unimplemented",method="other"} 300`)
	})
	out := s.scrape()
	// One code, and the histogram of "other".
	if after := len(series(out)); after > before+2*len(callBuckets())+6 {
		t.Errorf("%d series became %d", before, after)
	}
	for i := range 100 {
		s.tel.Proved(fmt.Sprint(canary, i), time.Second)
		s.tel.Verdict(fmt.Sprint(canary, i))
		s.tel.Stored(fmt.Sprint(canary, i), time.Second, true)
	}
	if after := len(series(s.scrape())); after > before+2*len(callBuckets())+6 {
		t.Errorf("%d series became %d", before, after)
	}
	s.flush()
	if strings.Contains(out+s.log.String()+collector.all(), canary) {
		t.Error("a caller's text is in the metrics, the log or the traces")
	}
}

func (s *site) flush() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.tel.traces.ForceFlush(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// series are the names and labels in a scrape.
func series(scrape string) (out []string) {
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, "zkconsent_") {
			out = append(out, line[:strings.LastIndex(line, " ")])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A collector takes traces as an OpenTelemetry collector does.
type collector struct {
	tracesv1.UnimplementedTraceServiceServer
	address string
	mu      sync.Mutex
	got     []*tracesv1.ExportTraceServiceRequest
}

func (c *collector) Export(_ context.Context, r *tracesv1.ExportTraceServiceRequest) (*tracesv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, r)
	return &tracesv1.ExportTraceServiceResponse{}, nil
}

func (c *collector) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.got)
}

func collect(t *testing.T) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{address: l.Addr().String()}
	g := grpc.NewServer()
	tracesv1.RegisterTraceServiceServer(g, c)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-done })
	return c
}

// TestAttack_TracesTellNobody: a trace holds the method, the code and the
// times, in the order of a call, and neither an address nor what the caller
// wrote into its headers; a caller chooses no trace's id.
func TestAttack_TracesTellNobody(t *testing.T) {
	c := collect(t)
	s := serve(t, Config{Traces: Traces{Endpoint: c.address, Ratio: 1}})
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	ctx := metadata.AppendToOutgoingContext(context.Background(), "traceparent", "00-"+theirs+"-00f067aa0ba902b7-01", "baggage", "who="+canary, "user-agent", canary, "x-forwarded-for", canary)
	if err := s.conn.Invoke(ctx, check, &healthv1.HealthCheckRequest{Service: canary}, &healthv1.HealthCheckResponse{}); status.Code(err) != codes.NotFound {
		t.Fatal(err)
	}
	var id string
	eventually(t, "no trace", func() bool { s.flush(); return len(c.all()) > 2 })
	c.mu.Lock()
	span := c.got[0].ResourceSpans[0].ScopeSpans[0].Spans[0]
	id = fmt.Sprintf("%x", span.TraceId)
	var keys []string
	for _, a := range span.Attributes {
		keys = append(keys, a.Key)
	}
	if len(span.Events) != 0 || len(span.Links) != 0 || span.Status.GetMessage() != "" || len(keys) < 2 {
		t.Errorf("%v", span)
	}
	c.mu.Unlock()
	_, port, _ := net.SplitHostPort(s.conn.Target())
	for _, no := range []string{canary, theirs, "127.0.0.1", port, "address", "peer"} {
		if strings.Contains(c.all(), no) {
			t.Errorf("%q is in the traces: %s", no, c.all())
		}
	}
	// The log names the call by its trace.
	if !strings.Contains(s.log.String(), `"trace":"`+id+`"`) {
		t.Errorf("trace %s, log %s", id, s.log)
	}
	if strings.Contains(s.log.String()+s.scrape(), canary) {
		t.Error("a caller's text is in the log or the metrics")
	}
}

// TestLogNamesTheCallWithoutTraces: the log can be followed without a
// collector.
func TestLogNamesTheCallWithoutTraces(t *testing.T) {
	s := serve(t, Config{Level: slog.LevelInfo})
	for range 2 {
		if err := s.call(context.Background(), check); err != nil {
			t.Fatal(err)
		}
	}
	ids := regexp.MustCompile(`"trace":"([0-9a-f]{32})"`).FindAllStringSubmatch(s.log.String(), -1)
	if len(ids) != 2 || ids[0][1] == ids[1][1] {
		t.Errorf("%q in %s", ids, s.log)
	}
}

// TestCollectorAway: a collector that is not there, or takes a connection and
// never answers, fails no call, and the end of the process waits for it no
// longer than it is told.
func TestCollectorAway(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, address := range map[string]string{"not there": "127.0.0.1:1", "silent": silent.Addr().String()} {
		s := serve(t, Config{Traces: Traces{Endpoint: address, Ratio: 1}})
		for range 50 {
			if err := s.call(context.Background(), check); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		begin := time.Now()
		s.tel.Shutdown(ctx)
		cancel()
		// The exporter's own bound is 5 s; a busy machine adds to ours.
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("%s: the end took %s", name, took)
		}
		eventually(t, name+": nothing says that traces were lost", func() bool { return !strings.Contains(s.scrape(), "zkconsent_trace_exports_failed_total 0") })
	}
}

func TestRatioIsChecked(t *testing.T) {
	for _, r := range []float64{-.1, 1.1} {
		if _, err := New(context.Background(), Config{Traces: Traces{Ratio: r}}); err == nil {
			t.Errorf("%v was taken", r)
		}
	}
}
