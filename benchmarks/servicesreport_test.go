package benchmarks_test

import (
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
	store         string
	d             time.Duration // of the load by everybody, as it was asked for
	before, after yardsticks
	single        map[kind]rate // each kind of caller alone
	together      *tally
	elapsed       time.Duration // of the load by everybody
	looks         []look
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
	fmt.Fprintf(b, "%s, %d processors, %s/%s, %s. One process `zkconsent serve --roles registry,prover,verifier`, TLS 1.3, %s; its callers in another process of the same machine, each of them one call after the other without a pause, for %s: %d patients, %d who hand in wrong proofs, %d who hands accepted answers in again, %d reader of the ledger. Alone: each of these groups by itself, for %s. The rates of principals are set above all of this. Milliseconds.\n\n",
		cpu(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version(), r.storeWords(), r.elapsed.Round(time.Second), claimants, cheats, replayers, readers, max(r.d/20, time.Second))
	r.calls(b)
	r.memory(b)
	r.verdicts(b)
	return b.String()
}

func (r *report) storeWords() string {
	if r.store == "SQLite" {
		return "verdicts in SQLite"
	}
	return "verdicts in PostgreSQL on the same machine, whose files lie in memory where there is room"
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

func (r *report) memory(b *strings.Builder) {
	if len(r.looks) < 8 {
		return
	}
	n := len(r.looks)
	late := r.looks[n/4:]
	fmt.Fprintf(b, "| the process, %d looks | after %s | after %s | after %s | median of 2nd quarter | of the last | last / 2nd | a minute, from 2nd quarter on | most |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
		n, r.looks[n/10].at.Round(time.Second), r.looks[n/2].at.Round(time.Second), r.looks[n-1].at.Round(time.Second))
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
		second, last := medianOf(r.looks[n/4:n/2], row.of), medianOf(r.looks[3*n/4:], row.of)
		ratio := "–"
		if second > 0 {
			ratio = fmt.Sprintf("%.2f", last/second)
		}
		most := row.of(slices.MaxFunc(r.looks, func(x, y look) int { return int(row.of(x) - row.of(y)) }))
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %.0f | %.0f | %.0f | %s | %+.2f | %.0f |\n", row.name,
			row.of(r.looks[n/10]), row.of(r.looks[n/2]), row.of(r.looks[n-1]), second, last, ratio, slope(late, row.of), most)
	}
	first, last := r.looks[0], r.looks[n-1]
	fmt.Fprintf(b, "\nThe process used %.2f of %d processors; its callers, on the same ones, took the rest.\n\n", (last.cpu-first.cpu)/(last.at-first.at).Seconds(), runtime.NumCPU())
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
