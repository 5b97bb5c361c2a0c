package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/credentials"
)

// Bounds of what waits for the collector.
const (
	maxSpans      = 2048
	exportTimeout = 5 * time.Second
	exportEvery   = 5 * time.Second
)

func newTraces(ctx context.Context, c Config, dropped prometheus.Counter) (*sdktrace.TracerProvider, error) {
	o := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(c.Traces.Endpoint),
		otlptracegrpc.WithTimeout(exportTimeout),
		// A batch that is late is dropped, and no backlog grows.
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}),
	}
	if c.Traces.TLS == nil {
		o = append(o, otlptracegrpc.WithInsecure())
	} else {
		o = append(o, otlptracegrpc.WithTLSCredentials(credentials.NewTLS(c.Traces.TLS)))
	}
	e, err := otlptracegrpc.New(ctx, o...)
	if err != nil {
		return nil, err
	}
	return provider(e, c, dropped), nil
}

func provider(e sdktrace.SpanExporter, c Config, dropped prometheus.Counter) *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&bare{e, dropped},
			sdktrace.WithMaxQueueSize(maxSpans), sdktrace.WithMaxExportBatchSize(maxSpans/4),
			sdktrace.WithBatchTimeout(exportEvery), sdktrace.WithExportTimeout(exportTimeout)),
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(c.Traces.Ratio)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "zkconsent"), attribute.String("service.version", c.Version))),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{AttributeValueLengthLimit: 128, AttributeCountLimit: 16, EventCountLimit: 1, LinkCountLimit: 1, AttributePerEventCountLimit: 1, AttributePerLinkCountLimit: 1}),
	)
}

// bare hands on spans without what would tell who called or what was said, and
// no error: a collector that is away is none of the process's faults.
type bare struct {
	sdktrace.SpanExporter
	dropped prometheus.Counter
}

// ExportSpans implements [sdktrace.SpanExporter].
func (b *bare) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	clean := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		clean[i] = bareSpan{s}
	}
	if err := b.SpanExporter.ExportSpans(ctx, clean); err != nil {
		b.dropped.Inc()
	}
	return nil
}

// Shutdown implements [sdktrace.SpanExporter].
func (b *bare) Shutdown(ctx context.Context) error {
	if err := b.SpanExporter.Shutdown(ctx); err != nil {
		b.dropped.Inc()
	}
	return nil
}

// A bareSpan is a span with the attributes that traces may have, and without
// events, links and the words of its status.
type bareSpan struct{ sdktrace.ReadOnlySpan }

// Attributes returns the attributes that traces may have.
func (s bareSpan) Attributes() (out []attribute.KeyValue) {
	for _, a := range s.ReadOnlySpan.Attributes() {
		switch a.Key {
		case "rpc.method", "rpc.service", "rpc.system", "rpc.system.name", "rpc.grpc.status_code", "rpc.response.status_code":
			out = append(out, a)
		}
	}
	return out
}

// Events returns none.
func (s bareSpan) Events() []sdktrace.Event { return nil }

// Links returns none.
func (s bareSpan) Links() []sdktrace.Link { return nil }

// Status returns the code alone.
func (s bareSpan) Status() sdktrace.Status {
	if c := s.ReadOnlySpan.Status().Code; c != codes.Unset {
		return sdktrace.Status{Code: c}
	}
	return sdktrace.Status{}
}

// InstrumentationScope returns the name of the library alone.
func (s bareSpan) InstrumentationScope() instrumentation.Scope {
	return instrumentation.Scope{Name: s.ReadOnlySpan.InstrumentationScope().Name}
}
