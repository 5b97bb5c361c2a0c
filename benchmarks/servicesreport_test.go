package benchmarks_test

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// A rate is what one kind of call came to.
type rate struct {
	calls   series // sorted
	elapsed time.Duration
}

func (r rate) perSecond() string {
	if len(r.calls) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3g", float64(len(r.calls))/r.elapsed.Seconds())
}

func (r rate) at(p int) string {
	if len(r.calls) == 0 {
		return "–"
	}
	return ms(r.calls.at(p))
}

// A report is what a run found.
type report struct {
	t             *testing.T
	roles, words  string        // of the process that is called most; what is special
	d             time.Duration // of the load by everybody, as it was asked for
	before, after yardsticks
	single        map[kind]rate // each kind of caller alone
	together      *tally
	elapsed       time.Duration // of the load by everybody
	watched       []*watch
	tallies       []*tally // of everything
	kept          int      // accepted answers that were handed in once more at the end
	refused       string
	errors, wrong int
}

func (r *report) alone(y *tally, elapsed time.Duration) {
	if r.single == nil {
		r.single = map[kind]rate{}
	}
	for k, took := range y.took {
		r.single[k] = rate{took, elapsed}
	}
}

// String is the tables.
func (r *report) String() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s, %d processors, %s/%s, %s. `zkconsent serve --roles %s`, TLS 1.3, %s; the callers in another process of the same machine, each of them one call after the other without a pause, for %s: %d patients, %d who hand in wrong proofs, %d who hands accepted answers in again, %d reader of the ledger. Alone: each of these groups by itself, for %s. The rates of principals are set above all of this. Milliseconds.\n\n",
		cpu(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version(), strings.ReplaceAll(r.roles, " ", ""), r.words, r.elapsed.Round(time.Second), claimants, cheats, replayers, readers, max(r.d/20, time.Second))
	r.calls(b)
	for _, w := range r.watched {
		w.table(b)
	}
	r.verdicts(b)
	return b.String()
}

func (r *report) calls(b *strings.Builder) {
	unit := map[kind]struct {
		name string
		of   func(yardsticks) series
	}{
		requestMade: {"fsync", func(y yardsticks) series { return y.fsync }},
	}
	prove := func(y yardsticks) series { return y.prove }
	pairing := func(y yardsticks) series { return y.pairing }
	for _, k := range kinds() {
		x := unit[k]
		switch k {
		case wholeRound, proofMade:
			x.name, x.of = "prove", prove
		case requestMade:
		default:
			x.name, x.of = "pairing", pairing
		}
		unit[k] = x
	}
	fmt.Fprintln(b, "| call | alone: calls/s | p50 | p99 | together: calls/s | p50 | p99 | max | p50 alone / yardstick | p50 together / yardstick | yardstick |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")
	for _, k := range kinds() {
		one, all, u := r.single[k], rate{r.together.took[k], r.elapsed}, unit[k]
		base := slices.Concat(u.of(r.before), u.of(r.after))
		slices.Sort(base)
		ratio := func(x rate) string {
			if len(x.calls) == 0 {
				return "–"
			}
			return fmt.Sprintf("%.3g", x.calls.at(50).Seconds()/base.median().Seconds())
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", k, one.perSecond(), one.at(50), one.at(99), all.perSecond(), all.at(50), all.at(99), all.at(100), ratio(one), ratio(all), u.name)
	}
	fmt.Fprintf(b, "\nYardsticks in the callers' process, before and after, median (minimum–maximum) of %d: prover.Prove of the same circuit %s and %s, verification of its proof %s and %s, fsync of 4 KiB %s and %s.\n\n",
		yardstickRuns, r.before.prove, r.after.prove, r.before.pairing, r.after.pairing, r.before.fsync, r.after.fsync)
}

// A watch looks at a process while the load lasts.
type watch struct {
	p     *serving
	looks []look
	stop  func() error
}

// watch begins to look at a process.
func (r *report) watch(p *serving) {
	w := &watch{p: p}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		w.looks, err = p.lookEvery(min(5*time.Second, r.d/20), stop)
		done <- err
	}()
	w.stop = func() error { close(stop); return <-done }
	r.watched = append(r.watched, w)
}

// table is what was seen, unless the load was too short.
func (w *watch) table(b *strings.Builder) {
	n := len(w.looks)
	if n < 8 {
		return
	}
	late := w.looks[n/4:]
	fmt.Fprintf(b, "| the process %s, %d looks | after %s | after %s | after %s | median of 2nd quarter | of the last | last / 2nd | a minute, from 2nd quarter on | most |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
		strings.ReplaceAll(w.p.c.roles, " ", ""), n, w.looks[n/10].at.Round(time.Second), w.looks[n/2].at.Round(time.Second), w.looks[n-1].at.Round(time.Second))
	for _, row := range []struct {
		name string
		of   func(look) float64
	}{
		{"resident memory, MiB", memoryOf},
		{"heap in use, MiB", func(s look) float64 { return s.heap }},
		{"goroutines", func(s look) float64 { return s.goroutines }},
		{"open files", func(s look) float64 { return s.files }},
		{"calls that wait for the prover", func(s look) float64 { return s.waiting }},
	} {
		second, last := medianOf(w.looks[n/4:n/2], row.of), medianOf(w.looks[3*n/4:], row.of)
		ratio := "–"
		if second > 0 {
			ratio = fmt.Sprintf("%.2f", last/second)
		}
		most := row.of(slices.MaxFunc(w.looks, func(x, y look) int { return cmp.Compare(row.of(x), row.of(y)) }))
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %.0f | %.0f | %.0f | %s | %+.2f | %.0f |\n", row.name,
			row.of(w.looks[n/10]), row.of(w.looks[n/2]), row.of(w.looks[n-1]), second, last, ratio, slope(late, row.of), most)
	}
	first, last := w.looks[0], w.looks[n-1]
	fmt.Fprintf(b, "\nIt used %.2f of %d processors, on which its callers run too.\n\n", (last.cpu-first.cpu)/(last.at-first.at).Seconds(), runtime.NumCPU())
}

func (r *report) verdicts(b *strings.Builder) {
	total := map[string]int{}
	for _, y := range r.tallies {
		for reason, n := range y.verdicts {
			name := string(reason)
			if name == "" {
				name = "accepted"
			}
			total[name] += n
		}
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(total)) {
		words = append(words, fmt.Sprintf("%d %s", total[name], name))
	}
	refused := strings.TrimSuffix(r.refused, ", ")
	if refused == "" {
		refused = "none"
	}
	fmt.Fprintf(b, "Verdicts: %s, each of them the right one but %d; the process counted the same. Refused calls: %s. Failed calls: %d. At the end %d accepted answers were handed in once more, and had their first verdict.\n", strings.Join(words, ", "), r.wrong, refused, r.errors, r.kept)
}
