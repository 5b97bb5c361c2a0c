package telemetry

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Queue is how a prover's pool stands.
type Queue struct {
	Waiting int // calls that wait for a worker
	Working int // workers that make a proof
	Workers int // all workers
}

// A Head is how far the ledger is.
type Head struct {
	Height uint64
	Time   time.Time // of the block; zero while there is none
}

// watched are numbers that are asked for when somebody reads the metrics. What
// nobody watches is not shown.
type watched struct {
	mu           sync.Mutex
	queue        func() Queue
	head         func() Head
	ready        func() error
	certificates map[string]string // files by what they are
	now          func() time.Time

	waiting, working, workers, height, age, isReady, expiry *prometheus.Desc
}

func newWatched() *watched {
	d := func(name, help string, by ...string) *prometheus.Desc {
		return prometheus.NewDesc("zkconsent_"+name, help, by, nil)
	}
	return &watched{
		now:     time.Now,
		waiting: d("prover_waiting", "Calls that wait for a worker."),
		working: d("prover_working", "Workers that make a proof."),
		workers: d("prover_workers", "Workers of the prover."),
		height:  d("ledger_height", "Height of the newest block: the node's own, or the newest that the light client verified."),
		age:     d("ledger_head_age_seconds", "Age of that block by this machine's clock."),
		isReady: d("ready", "1 where the process is ready, else 0."),
		expiry:  d("certificate_expiry_seconds", "Seconds until the first certificate of a file is over; less than 0 afterwards.", "file"),
	}
}

// WatchProver shows how the prover's pool stands.
func (m *Metrics) WatchProver(f func() Queue) { m.watched.change(func(w *watched) { w.queue = f }) }

// WatchLedger shows how far the ledger is.
func (m *Metrics) WatchLedger(f func() Head) { m.watched.change(func(w *watched) { w.head = f }) }

// WatchReady shows whether the process is ready.
func (m *Metrics) WatchReady(f func() error) { m.watched.change(func(w *watched) { w.ready = f }) }

// WatchCertificates shows when the certificates in files of PEM are over, by
// what they are, such as "server". A file that cannot be read is not shown.
func (m *Metrics) WatchCertificates(files map[string]string) {
	m.watched.change(func(w *watched) { w.certificates = files })
}

func (w *watched) change(f func(*watched)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

// Describe implements [prometheus.Collector].
func (w *watched) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.waiting, w.working, w.workers, w.height, w.age, w.isReady, w.expiry} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (w *watched) Collect(ch chan<- prometheus.Metric) {
	w.mu.Lock()
	queue, head, ready, certificates, now := w.queue, w.head, w.ready, w.certificates, w.now()
	w.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, by ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, by...)
	}
	if queue != nil {
		q := queue()
		gauge(w.waiting, float64(q.Waiting))
		gauge(w.working, float64(q.Working))
		gauge(w.workers, float64(q.Workers))
	}
	if head != nil {
		if h := head(); !h.Time.IsZero() {
			gauge(w.height, float64(h.Height))
			gauge(w.age, now.Sub(h.Time).Seconds())
		}
	}
	if ready != nil {
		v := 1.
		if ready() != nil {
			v = 0
		}
		gauge(w.isReady, v)
	}
	for what, file := range certificates {
		if end, ok := firstEnd(file); ok {
			gauge(w.expiry, end.Sub(now).Seconds(), what)
		}
	}
}

// maxPEM bounds a file of certificates in bytes.
const maxPEM = 1 << 20

// firstEnd is when the first certificate of a file is over.
func firstEnd(file string) (end time.Time, ok bool) {
	f, err := os.Open(file)
	if err != nil {
		return end, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return end, false
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil && (!ok || c.NotAfter.Before(end)) {
			end, ok = c.NotAfter, true
		}
	}
	return end, ok
}
