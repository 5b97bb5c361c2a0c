// Package telemetry is what a process tells its operator: a log, metrics and
// traces (docs/operations.md, "Running the services").
//
// # Caveats
//
// What is told here is read by people who must not learn who a patient is, and
// kept for longer than they think. A log line holds texts, numbers and times
// and no value of any other type; a metric has labels of few values that stand
// in this program; a trace has a method, a code and times. None has a caller's
// address, a request's id, a scope, a nullifier or a path. Who calls is in the
// log only, of calls that change something.
package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// A Config says what is told, and where.
type Config struct {
	Log   io.Writer  // nil means that nothing is logged
	Level slog.Level // least level that is logged
	Text  bool       // text lines instead of JSON

	Version string // of this build

	// Methods, Circuits, Reasons and Operations are the values of the labels of
	// these names. What is not among them is counted as "other".
	Methods    []string // full methods of gRPC
	Circuits   []string
	Reasons    []string // of verdicts
	Operations []string // of the store

	Traces Traces
}

// Traces say where traces go. The zero Traces send none.
type Traces struct {
	Endpoint string      // host:port of a collector that takes OTLP over gRPC; empty sends none
	TLS      *tls.Config // nil means plaintext
	Ratio    float64     // share of the calls that are traced
}

// A Telemetry is a process's log, metrics and traces.
type Telemetry struct {
	*Metrics
	// Logger is the process's log.
	Logger *slog.Logger

	registry *prometheus.Registry
	traces   *sdktrace.TracerProvider // nil where there are none
	known    map[string]bool          // methods
}

// New starts nothing but the sender of traces, which [Telemetry.Shutdown]
// ends. A collector that cannot be reached is no error, now or later: traces
// are dropped, and counted.
func New(ctx context.Context, c Config) (*Telemetry, error) {
	if !(c.Traces.Ratio >= 0 && c.Traces.Ratio <= 1) {
		return nil, errors.New("telemetry: the share of calls that are traced is from 0 to 1")
	}
	t := &Telemetry{Logger: newLogger(c), registry: prometheus.NewPedanticRegistry(), known: map[string]bool{}}
	for _, m := range c.Methods {
		t.known[m] = true
	}
	var err error
	if t.Metrics, err = newMetrics(t.registry, c); err != nil {
		return nil, err
	}
	if c.Traces.Endpoint != "" {
		if t.traces, err = newTraces(ctx, c, t.tracesDropped); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Handler shows the metrics, for the operator's listener.
func (t *Telemetry) Handler() http.Handler { return scrape(t.registry) }

// ServerOptions count, time and trace the calls of a gRPC server.
func (t *Telemetry) ServerOptions() []grpc.ServerOption {
	var out []grpc.ServerOption
	if t.traces != nil {
		out = append(out, grpc.StatsHandler(otelgrpc.NewServerHandler(
			otelgrpc.WithTracerProvider(t.traces),
			otelgrpc.WithMeterProvider(noop.NewMeterProvider()),
			// Nothing is taken from callers: who may choose the id of a trace may
			// mark a patient's call, and who may choose that it is kept, flood.
			otelgrpc.WithPropagators(propagation.NewCompositeTextMapPropagator()),
			// The name of a method that does not exist is the caller's text.
			otelgrpc.WithFilter(func(i *stats.RPCTagInfo) bool { return t.known[i.FullMethodName] }),
		)))
	}
	return append(out, grpc.StatsHandler(&calls{t.Metrics}))
}

// Shutdown sends the traces that wait, until ctx ends. It returns no error of
// the collector's.
func (t *Telemetry) Shutdown(ctx context.Context) {
	if t.traces != nil {
		if err := t.traces.Shutdown(ctx); err != nil {
			t.tracesDropped.Inc()
		}
	}
}
