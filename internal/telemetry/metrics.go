package telemetry

import (
	"context"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// other is the value of a label for everything that has none of its own.
const other = "other"

// labels are the values that a label may have.
type labels []string

func (l labels) of(s string) string {
	if slices.Contains(l, s) {
		return s
	}
	return other
}

// Metrics are the numbers of a process. Its methods may be called
// concurrently.
type Metrics struct {
	methods, circuits, reasons, operations labels

	calls       *prometheus.CounterVec
	callSeconds *prometheus.HistogramVec
	inFlight    *prometheus.GaugeVec
	connections prometheus.Gauge

	waitSeconds  prometheus.Histogram
	proveSeconds *prometheus.HistogramVec
	verdicts     *prometheus.CounterVec
	storeSeconds *prometheus.HistogramVec
	storeErrors  *prometheus.CounterVec

	tracesDropped prometheus.Counter
	watched       *watched
}

// Buckets in seconds: of calls and of the store, and of proofs.
func callBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}
func proveBuckets() []float64 { return []float64{.1, .25, .5, 1, 2, 3, 5, 8, 13, 21, 34, 60, 120} }

func newMetrics(r *prometheus.Registry, c Config) (*Metrics, error) {
	counter := func(name, help string, by ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zkconsent_" + name, Help: help}, by)
	}
	histogram := func(name, help string, buckets []float64, by ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "zkconsent_" + name, Help: help, Buckets: buckets}, by)
	}
	m := &Metrics{
		methods: c.Methods, circuits: c.Circuits, reasons: c.Reasons, operations: c.Operations,
		calls:       counter("calls_total", "Calls that ended, by method and code.", "method", "code"),
		callSeconds: histogram("call_seconds", "How long calls took; a stream's is its whole life.", callBuckets(), "method"),
		inFlight:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "zkconsent_calls_in_flight", Help: "Calls that have begun and not ended."}, []string{"method"}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "zkconsent_connections", Help: "Open connections of gRPC, the REST face's own among them."}),

		waitSeconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "zkconsent_prover_wait_seconds", Help: "How long calls waited until a worker took them.", Buckets: proveBuckets()}),
		proveSeconds: histogram("prover_prove_seconds", "How long a worker took for a proof.", proveBuckets(), "circuit"),
		verdicts:     counter("verdicts_total", "Presentations that were decided, by reason; accepted where there is none.", "reason"),
		storeSeconds: histogram("store_seconds", "How long the store took.", callBuckets(), "operation"),
		storeErrors:  counter("store_errors_total", "Operations that the store failed.", "operation"),

		tracesDropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "zkconsent_trace_exports_failed_total", Help: "Batches of traces that the collector did not take."}),
		watched:       newWatched(),
	}
	// What can be counted is there from the start, as 0: a rate is known from
	// the first one on.
	for _, method := range append(slices.Clone(c.Methods), other) {
		m.calls.WithLabelValues(method, "OK")
		m.inFlight.WithLabelValues(method)
	}
	for _, reason := range append(slices.Clone(c.Reasons), other) {
		m.verdicts.WithLabelValues(reason)
	}
	for _, op := range append(slices.Clone(c.Operations), other) {
		m.storeErrors.WithLabelValues(op)
		m.storeSeconds.WithLabelValues(op)
	}
	for _, circuit := range append(slices.Clone(c.Circuits), other) {
		m.proveSeconds.WithLabelValues(circuit)
	}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "zkconsent_build_info", Help: "1; what was built is in the labels."}, []string{"version", "revision", "go"})
	goVersion, revision := build()
	info.WithLabelValues(c.Version, revision, goVersion).Set(1)
	for _, one := range []prometheus.Collector{
		m.calls, m.callSeconds, m.inFlight, m.connections, m.waitSeconds, m.proveSeconds, m.verdicts, m.storeSeconds, m.storeErrors,
		m.tracesDropped, m.watched, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := r.Register(one); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func build() (goVersion, revision string) {
	revision = "unknown"
	i, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", revision
	}
	for _, s := range i.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return i.GoVersion, revision
}

// Worked counts how long the call of ctx waited until a worker of the prover
// took it; outside of a call it does nothing.
func (m *Metrics) Worked(ctx context.Context) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		m.waitSeconds.Observe(time.Since(c.begin).Seconds())
	}
}

// Proved counts a proof that a worker made.
func (m *Metrics) Proved(circuit string, d time.Duration) {
	m.proveSeconds.WithLabelValues(m.circuits.of(circuit)).Observe(d.Seconds())
}

// Verdict counts a presentation that was decided, by its reason; an accepted
// one has none.
func (m *Metrics) Verdict(reason string) {
	if reason == "" {
		reason = "accepted"
	}
	m.verdicts.WithLabelValues(m.reasons.of(reason)).Inc()
}

// Stored counts an operation of the store. failed says that the store did not
// do it, and not that it had nothing.
func (m *Metrics) Stored(operation string, d time.Duration, failed bool) {
	operation = m.operations.of(operation)
	m.storeSeconds.WithLabelValues(operation).Observe(d.Seconds())
	if failed {
		m.storeErrors.WithLabelValues(operation).Inc()
	}
}

// scrape shows a registry, to few readers at a time.
func scrape(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{Registry: nil, MaxRequestsInFlight: 4, Timeout: 10 * time.Second, ErrorHandling: promhttp.ContinueOnError})
}
