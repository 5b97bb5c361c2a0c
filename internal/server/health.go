package server

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/shares"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

const (
	healthService = "/grpc.health.v1.Health/"
	maxWatching   = 64 // of the health service's streams
	watchingEach  = maxWatching / 4
	watchEvery    = time.Second
	attendEvery   = 2 * time.Second
)

// health says whether calls are served: over gRPC by grpc.health.v1, over REST
// by /readyz. That the process lives at all is /healthz.
type health struct {
	healthv1.UnimplementedHealthServer
	ask      func() error
	log      *slog.Logger
	services map[string]bool
	watching *shares.Places
	stopping chan struct{} // closed when the end has begun

	mu   sync.Mutex
	said bool // that it is not ready
	once bool // it was ready before
}

func newHealth(ask func() error, log *slog.Logger) *health {
	return &health{ask: ask, log: log, services: map[string]bool{"": true}, watching: shares.New(maxWatching, watchingEach), stopping: make(chan struct{})}
}

// ready asks the process. Why it is not ready goes into the log, once.
func (h *health) ready() bool {
	select {
	case <-h.stopping:
		return false
	default:
	}
	var err error
	if h.ask != nil {
		err = h.ask()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil && !h.said && !h.once: // no process is, at its start
		h.log.Info("not ready yet", slog.String("error", err.Error()))
	case err != nil && !h.said:
		h.log.Warn("not ready", slog.String("error", err.Error()))
	case err == nil && h.said && h.once:
		h.log.Info("ready again")
	}
	h.said, h.once = err != nil, h.once || err == nil
	return err == nil
}

// attend looks whether the process is ready until ctx ends, so that the log tells
// of it where nobody asks.
func (h *health) attend(ctx context.Context) {
	tick := time.NewTicker(attendEvery)
	defer tick.Stop()
	for {
		h.ready()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *health) status() *healthv1.HealthCheckResponse {
	if h.ready() {
		return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}
	}
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_NOT_SERVING}
}

// Check answers for the whole process: its services are ready together.
func (h *health) Check(_ context.Context, r *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	if !h.services[r.Service] {
		return nil, refusal.New(codes.NotFound, refusal.NotServed, "this process does not serve that service")
	}
	return h.status(), nil
}

// Watch sends the state, and each change of it.
func (h *health) Watch(r *healthv1.HealthCheckRequest, stream grpc.ServerStreamingServer[healthv1.HealthCheckResponse]) error {
	from := shares.Caller(stream.Context())
	if !h.watching.Take(from) {
		return refusal.Later(codes.ResourceExhausted, refusal.Busy, 10*time.Second, "as many watch as can; call Check now and then")
	}
	defer h.watching.Give(from)
	if !h.services[r.Service] {
		return stream.Send(&healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVICE_UNKNOWN})
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last healthv1.HealthCheckResponse_ServingStatus
	stopping := h.stopping
	for {
		if now := h.status(); now.Status != last {
			last = now.Status
			if err := stream.Send(now); err != nil {
				return err
			}
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-stopping:
			stopping = nil
		case <-tick.C:
		}
	}
}

// alive is /healthz.
func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"ALIVE"}` + "\n"))
}

// readyz is /readyz.
func (h *health) readyz(w http.ResponseWriter, _ *http.Request) {
	if !h.ready() {
		writeFault(w, 0, refusal.Later(codes.Unavailable, refusal.NotReady, watchEvery, "this process does not serve at present; its operator finds the reason in its log"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"READY"}` + "\n"))
}
