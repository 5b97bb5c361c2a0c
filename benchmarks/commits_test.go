package benchmarks_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/registry/ledger"
)

// TestLedgerCommits prints how many commits a second become durable and how
// long each takes, on a ledger of one validator in this process and on one of
// four in processes of their own, beside an fsync of the same disk.
func TestLedgerCommits(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for minutes; run: make figures-ledger")
	}
	program(t)
	ctx := within(t, 5*time.Minute)
	alone := ledger.Home(t.TempDir())
	one := found(t, alone)
	one.give(alone)
	began := time.Now()
	n, err := ledger.Start(ctx, alone, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	if err := one.settle(ctx, n); err != nil {
		t.Fatal(err)
	}
	started := time.Since(began)

	homes := make([]ledger.Home, 4)
	for i := range homes {
		homes[i] = ledger.Home(t.TempDir())
	}
	four := found(t, homes...)
	four.give(homes...)
	doors := launchAll(t, homes)
	if err := four.settle(ctx, doors...); err != nil {
		t.Fatal(err)
	}

	var loads []*load
	for _, at := range []struct{ clients, batch, each int }{{1, 1, 8}, {8, 1, 3}, {1, 100, 4}, {8, 100, 1}, {1, 4096, 2}} {
		loads = append(loads,
			&load{ledger: "one, embedded", r: one, doors: []door{n}, clients: at.clients, batch: at.batch, each: at.each},
			&load{ledger: "four processes", r: four, doors: doors, clients: at.clients, batch: at.batch, each: at.each})
	}
	y := newFsyncer(t)
	for run := range runs + 1 {
		if err := y.round(4); err != nil {
			t.Fatal(err)
		}
		for _, l := range loads {
			if err := l.round(ctx, run > 0); err != nil { // the first one warms up
				t.Fatalf("%s, %d clients, batch %d: %v", l.ledger, l.clients, l.batch, err)
			}
		}
	}
	slices.Sort(y.took)
	slices.SortStableFunc(loads, func(a, b *load) int { return strings.Compare(b.ledger, a.ledger) })

	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d processors; rates are medians of %d interleaved rounds (minimum–maximum), latencies of n commits of the same rounds. All nodes share this machine and its disk. Start of one validator to a head that can be verified: %s ms.\n", cpu(), runtime.GOMAXPROCS(0), runs, ms(started))
	fmt.Fprintf(&b, "Yardstick, an fsync of 4 KiB in the same run, n = %d: %s ms.\n\n", len(y.took), y.took)
	b.WriteString("| validators | clients | consents in a commit | durable commits per second | durable consents per second | n | latency p50, ms | p99, ms | p50 / yardstick |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, l := range loads {
		slices.Sort(l.rates)
		slices.Sort(l.took)
		rate := l.rates[len(l.rates)/2]
		fmt.Fprintf(&b, "| %s | %d | %d | %.1f (%.1f–%.1f) | %.0f | %d | %s | %s | %.1f |\n", l.ledger, l.clients, l.batch, rate, l.rates[0], l.rates[len(l.rates)-1],
			rate*float64(l.batch), len(l.took), ms(l.took.at(50)), ms(l.took.at(99)), l.took.at(50).Seconds()/y.took.median().Seconds())
	}
	t.Log("\n" + b.String())
}
