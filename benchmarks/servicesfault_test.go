package benchmarks_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
)

// The bounds that hold for a process whose ledger or database is away.
const (
	awayFor      = time.Minute
	recovery     = 5 * time.Second // until everything works again
	memoryUp     = 128             // MiB at most, above what it took before
	goroutinesUp = 10              // more than before, when all is over
)

// siege is a site under load of which something is taken away. The node of the
// ledger is a process of its own; heads are too old to decide by after 20 s.
func siege(t *testing.T, dsn string) *services {
	t.Helper()
	if os.Getenv("ZKCONSENT_SERVICES") == "" {
		t.Skip("takes minutes; runs with ZKCONSENT_SERVICES")
	}
	program := program(t)
	s := newSite(t, claimants, 20)
	s.node = s.serve(program, setting{name: "node", roles: "registry", grpc: freePort(t)})
	s.serving = s.serve(program, setting{name: "services", roles: "prover, verifier", grpc: freePort(t), nodes: s.node.grpc, dsn: dsn})
	s.prover = s.serving
	l := newServices(s)
	y := newTally()
	for range 3 {
		for _, p := range l.people {
			if err := l.round(t.Context(), p, y); err != nil {
				t.Fatalf("%v, %v", err, y.errors)
			}
		}
	}
	return l
}

// away takes something away for a minute, while the insurer asks, false and
// accepted answers are handed in and nothing may be judged wrongly; then it
// gives it back. reasons are those for which calls may be refused meanwhile, and
// no other.
func (l *services) away(t *testing.T, what string, take, giveBack func(), reasons ...client.Reason) {
	t.Helper()
	ctx, serving := t.Context(), l.site.serving
	forger, err := newForger()
	if err != nil {
		t.Fatal(err)
	}
	cheat, warm := l.cheat(forger), newTally()
	if err := cheat(ctx, warm, 0); err != nil {
		t.Fatal(err, warm.errors)
	}
	before, err := serving.scrape()
	if err != nil {
		t.Fatal(err)
	}
	stop, looked := make(chan struct{}), make(chan error, 1)
	var looks []look
	go func() {
		var err error
		looks, err = serving.lookEvery(time.Second, stop)
		looked <- err
	}()

	take()
	y := newTally()
	asking := func(ctx context.Context, y *tally, _ int) error {
		return y.timed(requestMade, func() error { _, err := l.ask(ctx); return err })
	}
	drive(ctx, awayFor, y, cheat, l.replayer(0), asking)
	giveBack()
	begun := time.Now()
	late := newTally()
	for cheat(ctx, late, 0) != nil || asking(ctx, late, 0) != nil || l.replay(ctx, late, 0) != nil {
		if time.Since(begun) > time.Minute {
			t.Fatalf("%s: nothing works a minute later: %v %v", what, late.refused, late.errors)
		}
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(begun)
	if took > recovery {
		t.Errorf("%s: everything works again after %s, within %s is wanted", what, took, recovery)
	}
	end := newTally()
	for _, p := range l.people {
		if err := l.round(ctx, p, end); err != nil {
			t.Errorf("%s: a round afterwards: %v, %v", what, err, end.errors)
		}
	}
	lost := l.lost(ctx, end)
	close(stop)
	if err := <-looked; err != nil {
		t.Errorf("%s: the operator's listener: %v", what, err)
	}

	refused := 0
	for reason, n := range y.refused {
		allowed := false
		for _, r := range reasons {
			allowed = allowed || r == reason
		}
		if refused += n; !allowed {
			t.Errorf("%s: %d calls refused as %s", what, n, reason)
		}
	}
	if refused == 0 {
		t.Errorf("%s: nothing was refused: was it away?", what)
	}
	for _, x := range []*tally{y, late, end} {
		for _, e := range append(x.wrong, x.errors...)[:min(10, len(x.wrong)+len(x.errors))] {
			t.Errorf("%s: %s", what, e)
		}
	}
	was, most := before["process_resident_memory_bytes"]/(1<<20), 0.
	for _, k := range looks {
		most = max(most, k.memory)
	}
	if most > was+memoryUp {
		t.Errorf("%s: %.0f MiB before, %.0f MiB at most", what, was, most)
	}
	l.rests(t, what, before["go_goroutines"])
	faulttest.Row(t, "one process: "+what, 1, faulttest.Count{Outcome: "calls refused with a reason", N: refused},
		faulttest.Count{Outcome: "decided as they should be meanwhile", N: len(y.took[proofDenied]) + len(y.took[replayed])},
		faulttest.Count{Outcome: "judged wrongly", N: len(y.wrong) + len(late.wrong) + len(end.wrong)},
		faulttest.Count{Outcome: "answers acknowledged and kept", N: len(l.accepted) - lost}, faulttest.Count{Outcome: "lost", N: lost},
		faulttest.Count{Outcome: "ms until everything worked", N: int(took.Milliseconds())},
		faulttest.Count{Outcome: "MiB more at most", N: max(0, int(most-was))})
}

// lost counts the accepted answers that have another verdict now, or none.
func (l *services) lost(ctx context.Context, y *tally) (n int) {
	for i := range l.accepted {
		if l.replay(ctx, y, i) != nil {
			n++
		}
	}
	return n
}

// rests waits until the process has let go of what it did.
func (l *services) rests(t *testing.T, what string, goroutines float64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		m, err := l.site.serving.scrape()
		if err != nil {
			t.Fatal(err)
		}
		if m["go_goroutines"] <= goroutines+goroutinesUp {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%s: %v goroutines, %v before", what, m["go_goroutines"], goroutines)
			return
		}
	}
}

// TestFault_LedgerOfAProcessGone kills the only node of a verifier and a prover
// for a minute.
func TestFault_LedgerOfAProcessGone(t *testing.T) {
	l := siege(t, "")
	program := program(t)
	l.away(t, "its ledger's node is killed for a minute", l.site.node.kill, func() { l.site.node.start(program) }, client.NoLedger)
	l.site.serving.stop()
	l.site.node.stop()
}

// TestFault_DatabaseOfAProcessGone stops a verifier's PostgreSQL for a minute.
func TestFault_DatabaseOfAProcessGone(t *testing.T) {
	if os.Getenv("ZKCONSENT_SERVICES") == "" {
		t.Skip("takes minutes; runs with ZKCONSENT_SERVICES")
	}
	database := postgrestest.Start(t)
	l := siege(t, database.Database(t))
	l.away(t, "its PostgreSQL is killed for a minute", func() { database.Kill(t) }, func() { database.Begin(t) }, client.NoStore)
	l.site.serving.stop()
	l.site.node.stop()
}

// TestFault_ProcessKilled kills a prover and verifier again and again while it
// has much to do. What it acknowledged is there when it is back.
func TestFault_ProcessKilled(t *testing.T) {
	const kills = 10
	l := siege(t, "")
	ctx, program := t.Context(), program(t)
	y, lost, longest := newTally(), 0, time.Duration(0)
	for range kills {
		forger, err := newForger()
		if err != nil {
			t.Fatal(err)
		}
		busy, stop := context.WithCancel(ctx)
		var all sync.WaitGroup
		all.Go(func() {
			drive(busy, time.Hour, y, l.claimant(l.people[0]), l.claimant(l.people[1]), l.cheat(forger), l.replayer(0))
		})
		have := len(l.kept())
		for end := time.Now().Add(time.Minute); len(l.kept()) < have+4 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		}
		l.site.serving.kill()
		stop()
		all.Wait()
		l.site.serving.start(program)
		begun := time.Now()
		after := newTally()
		for l.replay(ctx, after, 0) != nil && time.Since(begun) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		longest = max(longest, time.Since(begun))
		lost += l.lost(ctx, after)
		y.wrong = append(y.wrong, after.wrong...)
	}
	if longest > recovery {
		t.Errorf("calls were answered %s after it was ready again, within %s is wanted", longest, recovery)
	}
	for _, w := range y.wrong {
		t.Error(w)
	}
	if lost > 0 {
		t.Errorf("%d answers that were acknowledged are lost", lost)
	}
	faulttest.Row(t, "one process: a prover and verifier is killed under load", kills, faulttest.Count{Outcome: "answers acknowledged and kept", N: len(l.accepted) - lost},
		faulttest.Count{Outcome: "lost", N: lost}, faulttest.Count{Outcome: "judged wrongly", N: len(y.wrong)},
		faulttest.Count{Outcome: "ms until callers were answered, from when it was ready, at most", N: int(longest.Milliseconds())})
	l.site.serving.stop()
	l.site.node.stop()
}
