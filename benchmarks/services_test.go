package benchmarks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
)

// The clients of the load.
const (
	claimants = 2
	cheats    = 2
	replayers = 1
	readers   = 1
)

// TestServicesLoad prints what one process that serves everything bears, and
// whether it needs more memory as time goes by: ZKCONSENT_LOAD is for how long.
// It fails where a call fails, a verdict is another than it should be, or memory
// grows. Once more it does so with the prover in a process of its own: proofs
// take all processors that a process has, and whoever calls it beside them waits.
func TestServicesLoad(t *testing.T) {
	d := loadTime(t)
	program := program(t)
	all := "registry, prover, verifier"
	for _, c := range []struct{ name, roles, words string }{
		{"SQLite", all, "verdicts in SQLite"},
		{"PostgreSQL", all, "verdicts in PostgreSQL on the same machine, whose files lie in memory where there is room"},
		{"Apart", "registry, verifier", "verdicts in SQLite; the prover in a process of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := setting{name: "services", roles: c.roles}
			if c.name == "PostgreSQL" {
				x.dsn = postgrestest.Database(t)
			}
			s := newSite(t, claimants, 600)
			s.serving = s.serve(program, x)
			s.node, s.prover = s.serving, s.serving
			if c.roles != all {
				s.prover = s.serve(program, setting{name: "prover", roles: "prover"})
			}
			l := newServices(s)
			r := &report{t: t, roles: c.roles, words: c.words, d: d}
			r.before = s.measure()
			l.run(r)
			r.after = s.measure()
			s.serving.stop()
			if s.prover != s.serving {
				s.prover.stop()
			}
			t.Log("\n" + r.String())
		})
	}
}

// loadTime is for how long the load is held.
func loadTime(t testing.TB) time.Duration {
	t.Helper()
	text := os.Getenv("ZKCONSENT_LOAD")
	if text == "" {
		t.Skip("holds a load for as long as ZKCONSENT_LOAD says; run: make figures-services")
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 24*time.Hour {
		t.Fatalf("ZKCONSENT_LOAD=%q: a time from 1s to 24h", text)
	}
	return d
}

// yardsticks are what the parts cost in the test's own process, without any
// service.
type yardsticks struct{ prove, pairing, fsync series }

const yardstickRuns = 15

// measure takes the yardsticks.
func (s *site) measure() (y yardsticks) {
	s.t.Helper()
	c := circuittest.New(s.t, s.circuit, 1)
	in, err := c.Statement.PublicInputs()
	s.must(err)
	e, err := s.keys.Manifest.Find(string(s.circuit))
	s.must(err)
	key, err := proof.LoadVerifyingKey(filepath.Join(s.folder, e.Folder(), manifest.VerifyingKeyFile), s.circuit.Scheme(), e.VerifyingKey, int(e.Public))
	s.must(err)
	var made consent.Proof
	disk := newFsyncer(s.t)
	for run := range yardstickRuns + 1 {
		begun := time.Now()
		made, err = s.keys.Prove(s.t.Context(), &c.Statement, &c.Witness)
		s.must(err)
		proved := time.Now()
		for range 10 {
			s.must(key.Verify(in, made))
		}
		verified := time.Now()
		s.must(disk.round(1))
		if run > 0 { // the first one warms up
			y.prove = append(y.prove, proved.Sub(begun))
			y.pairing = append(y.pairing, verified.Sub(proved)/10)
		}
	}
	y.fsync = disk.took[1:]
	for _, x := range []series{y.prove, y.pairing, y.fsync} {
		slices.Sort(x)
	}
	return y
}

// run holds the load: first each kind of caller alone, for a twentieth of the
// time, then all of them together.
func (l *services) run(r *report) {
	t, ctx := r.t, r.t.Context()
	first := newTally()
	for range 3 { // the process and the wallets warm up, and there is a proof to misuse
		for _, p := range l.people {
			if err := l.round(ctx, p, first); err != nil {
				t.Fatalf("%v\n%v", first.errors, err)
			}
		}
	}
	r.tallies = append(r.tallies, first)
	var everybody []caller
	for _, group := range []struct {
		n    int
		make func(i int) caller
	}{
		{claimants, func(i int) caller { return l.claimant(l.people[i]) }},
		{cheats, func(int) caller {
			f, err := newForger()
			if err != nil {
				t.Fatal(err)
			}
			return l.cheat(f)
		}},
		{replayers, func(i int) caller { return l.replayer(100 * i) }},
		{readers, func(int) caller { return l.reading }},
	} {
		var callers []caller
		for i := range group.n {
			callers = append(callers, group.make(i))
		}
		everybody = append(everybody, callers...)
		y := newTally()
		elapsed := drive(ctx, max(r.d/20, time.Second), y, callers...)
		r.tallies = append(r.tallies, y)
		r.alone(y, elapsed)
	}

	r.watch(l.site.serving)
	if l.site.prover != l.site.serving {
		r.watch(l.site.prover)
	}
	y := newTally()
	r.elapsed = drive(ctx, r.d, y, everybody...)
	for _, w := range r.watched {
		if err := w.stop(); err != nil {
			t.Errorf("the operator's listener: %v", err)
		}
	}
	r.together = y
	r.tallies = append(r.tallies, y)
	last := newTally()
	for n := range l.accepted { // what was accepted stands
		_ = l.replay(ctx, last, n)
	}
	r.kept = len(l.accepted)
	r.tallies = append(r.tallies, last)
	l.check(r)
}

// check fails the test where anything went wrong.
func (l *services) check(r *report) {
	t := r.t
	told := map[string]int{}
	for _, y := range r.tallies {
		for reason, n := range y.verdicts {
			name := string(reason)
			if name == "" {
				name = "accepted"
			}
			told[name] += n
		}
		for reason, n := range y.refused {
			r.refused += fmt.Sprintf("%d %s, ", n, reason)
		}
		r.errors += len(y.errors)
		r.wrong += len(y.wrong)
		for _, e := range slices.Concat(y.errors, y.wrong)[:min(10, len(y.errors)+len(y.wrong))] {
			t.Error(e)
		}
	}
	m, err := l.site.serving.scrape()
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range m {
		reason, ok := strings.CutPrefix(name, `zkconsent_verdicts_total{reason="`)
		if reason, _ = strings.CutSuffix(reason, `"}`); ok && int(v) != told[reason] {
			t.Errorf("the process counts %v verdicts %s, its callers got %d", v, reason, told[reason])
		}
	}
	for _, w := range r.watched {
		if grows, words := memoryGrowth(w.looks); grows {
			t.Errorf("%s: memory grows: %s", w.p.c.roles, words)
		}
	}
}

// flat is how much more memory the last quarter of a load may take than the
// second, as medians.
const flat = 1.25

// memoryGrowth compares the memory of the last quarter with that of the second: the
// first one is for warming up.
func memoryGrowth(all []look) (grows bool, words string) {
	if len(all) < 8 {
		return false, "too few looks"
	}
	second, last := medianOf(all[len(all)/4:len(all)/2], memoryOf), medianOf(all[3*len(all)/4:], memoryOf)
	return last > flat*second, fmt.Sprintf("%.0f MiB in the second quarter, %.0f MiB in the last one, %.2f×", second, last, last/second)
}

func memoryOf(s look) float64 { return s.memory }

func medianOf(all []look, of func(look) float64) float64 {
	values := make([]float64, len(all))
	for i, s := range all {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// slope is by how much a value grows in a minute, by least squares.
func slope(all []look, of func(look) float64) float64 {
	var n, x, y, xx, xy float64
	for _, s := range all {
		m := s.at.Minutes()
		n, x, y, xx, xy = n+1, x+m, y+of(s), xx+m*m, xy+m*of(s)
	}
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}

func TestGrowthIsSeen(t *testing.T) {
	samples := func(memory func(i int) float64) (out []look) {
		for i := range 120 {
			out = append(out, look{at: time.Duration(i) * 5 * time.Second, memory: memory(i)})
		}
		return out
	}
	for name, c := range map[string]struct {
		memory func(int) float64
		grows  bool
		slope  float64 // MiB a minute
	}{
		"flat":                {func(int) float64 { return 100 }, false, 0},
		"warms up":            {func(i int) float64 { return min(100, 20+10*float64(i)) }, false, 0},
		"a spike":             {func(i int) float64 { return 100 + 900*float64(i/110*(1-i/112)) }, false, 0},
		"a MiB at each look":  {func(i int) float64 { return 100 + float64(i) }, true, 12},
		"half as much, early": {func(i int) float64 { return 100 + 50*float64(min(i/70, 1)) }, true, 0},
	} {
		all := samples(c.memory)
		if grows, words := memoryGrowth(all); grows != c.grows {
			t.Errorf("%s: %v, %s", name, grows, words)
		}
		if got := slope(all, memoryOf); c.slope > 0 && (got < c.slope-0.01 || got > c.slope+0.01) {
			t.Errorf("%s: %v MiB a minute, want %v", name, got, c.slope)
		}
	}
}
