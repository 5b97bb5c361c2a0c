package proving

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/circuits/sample"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// marked is 32 bytes that are a scalar of the group and a field element, and
// that nobody writes by chance.
func marked(name string) (b [32]byte) {
	copy(b[:], "\x05zk-canary")
	copy(b[10:], name)
	return b
}

// A secret is a value in all forms in which it could be written.
type secret struct {
	name  string
	forms map[string][]byte
}

// inForms is a secret of so many bytes, big-endian.
func inForms(name string, b []byte) secret {
	v := new(big.Int).SetBytes(b)
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	s := secret{name, map[string][]byte{
		"raw": b, "raw, little-endian": reversed,
		"hex": []byte(hex.EncodeToString(b)), "upper-case hex": []byte(strings.ToUpper(hex.EncodeToString(b))),
		"decimal":         []byte(v.String()),
		"a list of bytes": []byte(strings.Trim(fmt.Sprint(b), "[]")),
	}}
	// Base64 of bytes that have it somewhere: the digits that depend on it alone,
	// at each of the three distances from a group's beginning.
	for at := range 3 {
		in := append(make([]byte, at), b...)
		for name, e := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "URL's base64": base64.URLEncoding} {
			text := e.WithPadding(base64.NoPadding).EncodeToString(in)
			from, to := (8*at+5)/6, 8*len(in)/6
			s.forms[fmt.Sprintf("%s at %d", name, at)] = []byte(text[from:to])
		}
	}
	if len(b) == field.Size {
		e, err := field.Parse(b)
		if err == nil { // as the library has it in memory, and prints it
			var memory []byte
			for _, limb := range e {
				memory = binary.LittleEndian.AppendUint64(memory, limb)
			}
			s.forms["the library's text"] = []byte(e.String())
			s.forms["the library's memory"] = memory
			s.forms["the library's memory in hex"] = []byte(hex.EncodeToString(memory))
			s.forms["the library's words"] = []byte(strings.Trim(fmt.Sprint([4]uint64(e)), "[]"))
			s.forms["a word in hex"] = fmt.Appendf(nil, "%x", e[1])
		}
	}
	return s
}

// found lists the secrets that stand somewhere, and in which form.
func found(secrets []secret, places map[string][]byte) (leaks []string) {
	for place, text := range places {
		for _, s := range secrets {
			for form, b := range s.forms {
				if bytes.Contains(text, b) {
					leaks = append(leaks, fmt.Sprintf("%s, %s, in %s", s.name, form, place))
				}
			}
		}
	}
	slices.Sort(leaks)
	return leaks
}

// canary is a true claim whose secrets are marked, and those secrets.
func canary(t *testing.T) (*sample.Case, []secret) {
	t.Helper()
	c := drawn(t, consent.Claim, 1)
	element := func(to *fr.Element, name string) {
		b := marked(name)
		var err error
		if *to, err = field.Parse(b[:]); err != nil {
			t.Fatal(err)
		}
	}
	h, k, r := &c.Witness.Holder, c.Witness.Consent, c.Witness.Credential
	ask := marked("ask")
	c.Ask = new(big.Int).SetBytes(ask[:])
	curve := twistededwards.GetEdwardsCurve()
	var ak twistededwards.PointAffine
	ak.ScalarMultiplication(&curve.Base, c.Ask)
	h.AkX, h.AkY, h.Alpha = ak.X, ak.Y, marked("alpha")
	element(&h.Nk, "nk")
	element(&k.Opening.W, "w")
	element(&k.Opening.Source, "source")
	element(&k.Opening.Salt, "consent's salt")
	element(&k.Lock, "consent's lock")
	element(&k.Authority, "registrar")
	element(&r.Opening.Salt, "credential's salt")
	element(&r.Lock, "credential's lock")
	element(&r.Authority, "issuer")
	for i := range r.Opening.Attributes {
		r.Opening.Attributes[i] = consent.Attribute{Present: true, Value: binary.BigEndian.Uint64(fmt.Appendf(nil, "zkcan%03d", i))}
	}
	// The questions are so wide that they say nothing of the values.
	for i := range c.Statement.Ranges {
		c.Statement.Ranges[i].Lo, c.Statement.Ranges[i].Hi = 0, math.MaxUint64
	}
	for i := range r.Sets {
		r.Sets[i].Interval = consent.Interval{Lo: 0, Hi: math.MaxUint64}
	}
	c.Seal()

	secrets := []secret{inForms("ask", ask[:]), inForms("alpha", h.Alpha[:])}
	for name, e := range map[string]fr.Element{
		"ak.x": h.AkX, "ak.y": h.AkY, "nk": h.Nk, "w": k.Opening.W, "source": k.Opening.Source,
		"the consent's salt": k.Opening.Salt, "the consent's lock": k.Lock, "registrar": k.Authority,
		"the credential's salt": r.Opening.Salt, "the credential's lock": r.Lock, "issuer": r.Authority,
		"a sibling of the consent": k.Path.Siblings[0][0], "a sibling of the credential": r.Path.Siblings[7][1],
	} {
		if !e.IsZero() {
			b := e.Bytes()
			secrets = append(secrets, inForms(name, b[:]))
		}
	}
	for i, a := range r.Opening.Attributes {
		secrets = append(secrets, inForms(fmt.Sprintf("attribute %d", i), binary.BigEndian.AppendUint64(nil, a.Value)))
	}
	return c, secrets
}

// TestAttack_CanaryInWhatIsWritten sends marked secrets through a real server
// in all the ways in which a call can end, and looks for them, in every form,
// in the log, in what callers are told, in metrics, spans and files.
func TestAttack_CanaryInWhatIsWritten(t *testing.T) {
	c, secrets := canary(t)
	temp, work := t.TempDir(), t.TempDir()
	r := newRig(t, Config{Workers: 1, Queue: 2, PerPrincipal: 2}, consent.Claim)
	t.Setenv("TMPDIR", temp)
	t.Chdir(work)
	out, err := os.Create(filepath.Join(temp, "output"))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, out
	restore := func() { os.Stdout, os.Stderr = stdout, stderr }
	t.Cleanup(restore)

	spans := tracetest.NewInMemoryExporter()
	traces := trace.NewTracerProvider(trace.WithSyncer(spans))
	t.Cleanup(func() { traces.Shutdown(context.Background()) })
	r.listen(grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(traces))))
	registry := prometheus.NewRegistry()
	registry.MustRegister(gauges{r.service})

	places := map[string][]byte{}
	told := func(what string, err error) {
		if err == nil {
			t.Errorf("%s: no error", what)
			return
		}
		raw, marshalErr := proto.Marshal(status.Convert(err).Proto())
		if marshalErr != nil {
			t.Fatal(marshalErr)
		}
		places["what the caller is told: "+what] = slices.Concat(fmt.Appendf(nil, "%v %+v %q ", err, err, status.Convert(err).Message()), raw, []byte(prototext.Format(status.Convert(err).Proto())))
	}

	// A proof that is made, whose bytes are looked through as well.
	made, err := r.client.Prove(t.Context(), asked(c))
	if err != nil {
		t.Fatal(err)
	}
	places["the answer"] = made.Proof
	// One that is false.
	root := c.Statement.Root
	c.Statement.Root = c.Element()
	_, err = r.client.Prove(t.Context(), asked(c))
	told("not satisfied", err)
	c.Statement.Root = root
	// Bytes that are no witness: cut, shifted, at a wrong place.
	whole := asked(c)
	for i := 20; i < len(whole.Witness); i += 211 {
		_, err = r.client.Prove(t.Context(), &zkconsentv1.ProveRequest{Statement: whole.Statement, Witness: whole.Witness[:i]})
		told(fmt.Sprintf("cut at %d", i), err)
		_, err = r.client.Prove(t.Context(), &zkconsentv1.ProveRequest{Statement: whole.Statement, Witness: append(bytes.Clone(whole.Witness[:i]), whole.Witness[i+1:]...)})
		told(fmt.Sprintf("shifted at %d", i), err)
	}
	_, err = r.client.Prove(t.Context(), &zkconsentv1.ProveRequest{Statement: whole.Witness, Witness: whole.Statement})
	told("exchanged", err)
	named := c.Statement
	named.Circuit = consent.CircuitID(hex.EncodeToString(c.Witness.Holder.Alpha[:]))
	_, err = r.client.Prove(t.Context(), &zkconsentv1.ProveRequest{Statement: named.Encode(), Witness: whole.Witness})
	told("a secret as a circuit's name", err)
	// A prover that fails, and says all it knows.
	for what, instead := range map[string]func(*consent.Witness) error{
		"an error that quotes": func(w *consent.Witness) error { return errors.New(spilled(w)) },
		"a panic that quotes":  func(w *consent.Witness) error { panic(spilled(w)) },
	} {
		r.prover.instead = instead
		stream, err := r.client.ProveStream(t.Context(), &zkconsentv1.ProveStreamRequest{Statement: whole.Statement, Witness: whole.Witness})
		for err == nil {
			_, err = stream.Recv()
		}
		told(what, err)
	}
	r.prover.instead = nil
	// One that is given up while it waits, and one in its work.
	open := r.prover.shut(t)
	before := r.prover.begun.Load()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		go func() { _, err := r.client.Prove(ctx, asked(c)); ended <- err }()
	}
	eventually(t, "one works and one waits", func() bool { return r.prover.begun.Load() == before+1 && r.service.Figures().Waiting == 1 })
	_, err = r.client.Prove(t.Context(), asked(c))
	told("busy", err)
	cancel()
	told("cancelled", <-ended)
	told("cancelled too", <-ended)
	eventually(t, "nobody waits", func() bool { return r.service.Figures().Waiting == 0 })
	open()
	eventually(t, "nobody works", func() bool { return r.service.Figures().Working == 0 })

	restore()
	scrape := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	places["metrics"] = scrape.Body.Bytes()
	places["the log"] = []byte(r.log.String())
	stubs := spans.GetSpans()
	written, err := json.Marshal(stubs.Snapshots())
	if err != nil {
		written = nil
	}
	places["spans"] = append(written, fmt.Sprintf("%+v", stubs)...)
	for _, dir := range []string{temp, work} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			places["file "+path] = append(b, path...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for place, must := range map[string]string{"metrics": "zkconsent_test_started", "the log": "a proof could not be made", "spans": "ProverService/Prove"} {
		if !bytes.Contains(places[place], []byte(must)) {
			t.Errorf("%s was not captured", place)
		}
	}
	for _, leak := range found(secrets, places) {
		t.Error(leak)
	}
	t.Logf("%d secrets in %d forms, %d places", len(secrets), len(secrets[2].forms), len(places))

	t.Run("a planted secret is found", func(t *testing.T) {
		forms := 0
		for _, s := range secrets {
			for form, b := range s.forms {
				place := []string{"metrics", "the log", "spans"}[forms%3]
				planted := map[string][]byte{place: slices.Concat(places[place], []byte("before "), b, []byte(" after"))}
				if !slices.Contains(found([]secret{s}, planted), fmt.Sprintf("%s, %s, in %s", s.name, form, place)) {
					t.Errorf("%s, %s, in %s is not found", s.name, form, place)
				}
				forms++
			}
		}
		// As a careless program would write them.
		for what, text := range map[string]string{
			"a request's JSON":     string(must(json.Marshal(map[string][]byte{"witness": c.Witness.EncodeSecret()}))),
			"a request's text":     prototext.Format(asked(c)),
			"a witness's words":    spilled(&c.Witness),
			"a dump":               hex.Dump(c.Witness.EncodeSecret()) + fmt.Sprintf("%x", c.Witness.EncodeSecret()),
			"an attribute's value": fmt.Sprint(c.Witness.Credential.Opening.Attributes[3].Value),
		} {
			if len(found(secrets, map[string][]byte{"x": []byte(text)})) == 0 {
				t.Errorf("%s is not found", what)
			}
		}
		if forms < 200 {
			t.Errorf("only %d forms were planted", forms)
		}
	})
}

// spilled is what an error of a solver could quote.
func spilled(w *consent.Witness) string {
	return fmt.Sprintf("constraint #5 is not satisfied: %s ⋅ %s ≠ %v, %x", w.Holder.Nk.String(), w.Holder.AkX.String(), [4]uint64(w.Consent.Opening.Salt), w.Holder.Alpha)
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// gauges are the service's figures as metrics.
type gauges struct{ s *Service }

func (g gauges) Describe(c chan<- *prometheus.Desc) { prometheus.DescribeByCollect(g, c) }

func (g gauges) Collect(c chan<- prometheus.Metric) {
	f := g.s.Figures()
	one := func(name string, v float64) {
		c <- prometheus.MustNewConstMetric(prometheus.NewDesc("zkconsent_test_"+name, "a figure", nil, nil), prometheus.GaugeValue, v)
	}
	one("started", float64(f.Started))
	one("made", float64(f.Made))
	one("waiting", float64(f.Waiting))
	for id, d := range f.Took {
		c <- prometheus.MustNewConstMetric(prometheus.NewDesc("zkconsent_test_took", "a figure", []string{"circuit"}, nil), prometheus.GaugeValue, d.Seconds(), string(id))
	}
}
