package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
	"github.com/zkconsent/zkconsent/verifier/store/storetest"
)

// long tells whether the tests run at their full length (make test-services).
func long() bool { return os.Getenv("ZKCONSENT_SERVICES") != "" }

func lasting(short, full time.Duration) time.Duration {
	if long() {
		return full
	}
	return short
}

// The database is away, under load, in each of the ways in which one goes.
func TestFault_DatabaseGone(t *testing.T) {
	away := lasting(3*time.Second, time.Minute)
	if testing.Short() {
		away = 500 * time.Millisecond
	}
	server := postgrestest.Start(t)
	for _, c := range []struct {
		name      string
		go_, come func(*proxy)
	}{
		{"killed", func(*proxy) { server.Kill(t) }, func(*proxy) { server.Begin(t) }},
		{"stopped by its operator", func(*proxy) { server.Stop(t) }, func(*proxy) { server.Begin(t) }},
		{"behind a network that drops everything", (*proxy).hold, func(p *proxy) { p.cut(); p.let() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.name == "stopped by its operator" {
				t.Skip("the run of all tests stops it")
			}
			p := newProxy(t, server)
			name := strings.TrimPrefix(server.Database(t), server.DSN(""))
			o := &Options{Conns: 4, Timeout: 2 * time.Second}
			l := startLoad(t, open(t, p.dsn(name), o), open(t, p.dsn(name), o), open(t, p.dsn(name), o))
			l.reach(20)
			took := watchGrowth(p, func() {
				c.go_(p)
				time.Sleep(away)
			})
			c.come(p)
			back := time.Now()
			l.reach(1)
			recovery := time.Since(back)
			l.reach(20)
			kept := l.end()
			if l.away.Load() == 0 {
				t.Error("no call noticed")
			}
			if long() && recovery > 5*time.Second {
				t.Errorf("all replicas worked again after %s, want 5 s", recovery)
			}
			if limit := uint64(64 << 20); took.heap > limit || took.goroutines > 300 {
				t.Errorf("while it was away: %d bytes more, %d goroutines", took.heap, took.goroutines)
			}
			faulttest.Row(t, fmt.Sprintf("the fleet's database is %s for %s", c.name, away), 1,
				faulttest.Count{Outcome: "calls refused as away", N: int(l.away.Load())}, faulttest.Count{Outcome: "answers acknowledged and kept", N: kept},
				faulttest.Count{Outcome: "lost", N: 0}, faulttest.Count{Outcome: "ms until all replicas worked", N: int(recovery.Milliseconds())},
				faulttest.Count{Outcome: "KiB more at most", N: int(took.heap >> 10)}, faulttest.Count{Outcome: "goroutines at most", N: took.goroutines})
		})
	}
}

// Kill after kill, nothing that was acknowledged is lost.
func TestFault_DatabaseKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("TestFault_DatabaseGone kills one in the short run")
	}
	kills := 2
	if long() {
		kills = 20
	}
	server := postgrestest.Start(t)
	dsn := server.Database(t)
	l := startLoad(t, open(t, dsn, nil), open(t, dsn, nil), open(t, dsn, nil))
	for range kills {
		l.reach(20)
		server.Kill(t)
		server.Begin(t)
	}
	l.reach(20)
	kept := l.end()
	faulttest.Row(t, "the fleet's database is killed under load", kills,
		faulttest.Count{Outcome: "answers acknowledged and kept", N: kept}, faulttest.Count{Outcome: "lost", N: 0})
}

// The network fails while an answer is being kept: the caller cannot know, and
// asks again.
func TestFault_CommitOfUnknownOutcome(t *testing.T) {
	rounds := uint64(4)
	if long() {
		rounds = 100
	}
	ctx, server := context.Background(), postgrestest.Shared(t)
	p := newProxy(t, server)
	name := strings.TrimPrefix(server.Database(t), server.DSN(""))
	cut, other := open(t, p.dsn(name), nil), open(t, server.DSN(name), nil)
	var kept, undone int
	for n := range rounds {
		fault := cutBefore
		if n%2 == 1 {
			fault = cutAfter
		}
		storetest.Add(t, cut, 2*n, 2*n+1)
		p.atCommit(fault)
		if err := cut.Accept(ctx, storetest.Answer(2*n, consent.Once, n)); !errors.Is(err, verifier.ErrStoreAway) {
			t.Fatalf("round %d: %v", n, err)
		}
		// The same again, by another replica: it is decided once.
		switch err := other.Accept(ctx, storetest.Answer(2*n, consent.Once, n)); {
		case err == nil && fault == cutBefore:
			undone++
		case errors.Is(err, verifier.ErrAnswered) && fault == cutAfter:
			kept++
		default:
			t.Errorf("round %d again: %v", n, err)
		}
		if err := other.Accept(ctx, storetest.Answer(2*n+1, consent.Once, n)); !errors.Is(err, verifier.ErrSpent) {
			t.Errorf("the nullifier for another request: %v", err)
		}
		if _, err := cut.Answer(ctx, storetest.ID(2*n)); err != nil {
			t.Errorf("round %d: %v", n, err)
		}
	}
	storetest.Sound(t, other)
	faulttest.Row(t, "the connection to the fleet's database is cut at a commit", int(rounds),
		faulttest.Count{Outcome: "kept, and found by the next call", N: kept}, faulttest.Count{Outcome: "undone, and kept by the next call", N: undone},
		faulttest.Count{Outcome: "accepted twice", N: 0})
}

func TestFault_TooManyConnections(t *testing.T) {
	ctx, server := context.Background(), postgrestest.Start(t, "max_connections=12", "superuser_reserved_connections=0", "max_wal_senders=0")
	dsn := server.Database(t)
	s := open(t, dsn, &Options{Conns: 2})
	storetest.Add(t, s, 1)
	var others []*pgx.Conn
	for {
		c, err := pgx.Connect(ctx, dsn)
		if err != nil {
			break
		}
		others = append(others, c)
	}
	if _, err := Open(ctx, DSN(dsn), nil); !errors.Is(err, verifier.ErrStoreAway) {
		t.Errorf("a replica more than the server has connections for: %v", err)
	}
	// The replica that runs has its connection, and gets no second one.
	var ok, away atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			switch _, err := s.Request(ctx, storetest.ID(1)); {
			case err == nil:
				ok.Add(1)
			case errors.Is(err, verifier.ErrStoreAway):
				away.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if ok.Load() == 0 {
		t.Error("a replica with a connection answers nothing")
	}
	for _, c := range others {
		c.Close(ctx)
	}
	waitFor(t, func() error {
		again, err := Open(ctx, DSN(dsn), nil)
		if err == nil {
			again.Close()
		}
		return err
	})
	waitFor(t, func() error { return second(s.Request(ctx, storetest.ID(1))) })
	faulttest.Row(t, "the fleet's database has no connection left", 20,
		faulttest.Count{Outcome: "answered", N: int(ok.Load())}, faulttest.Count{Outcome: "refused as away", N: int(away.Load())})
}

func TestFault_SlowDatabase(t *testing.T) {
	ctx, dsn := context.Background(), postgrestest.Database(t)
	s := open(t, dsn, &Options{Conns: 2, Callers: 10, Timeout: time.Second})
	storetest.Add(t, s, 1)
	slow, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close(ctx)
	if _, err := slow.Exec(ctx, "BEGIN; LOCK TABLE "+answers+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	var away, waited atomic.Int32
	var all sync.WaitGroup
	const n = 100
	for range n {
		all.Go(func() {
			if err := s.Accept(ctx, storetest.Answer(1, consent.Once, 5)); !errors.Is(err, verifier.ErrStoreAway) {
				t.Errorf("a table that is locked: %v", err)
			} else if away.Add(1); !strings.Contains(err.Error(), "waiting") {
				waited.Add(1)
			}
		})
	}
	all.Wait()
	// A caller's own deadline is told from the store's.
	hurried, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := s.Accept(hurried, storetest.Answer(1, consent.Once, 5)); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, verifier.ErrStoreAway) {
		t.Errorf("the caller's own deadline: %v", err)
	}
	if _, err := slow.Exec(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if spent, err := s.Spent(ctx, field.Uint(storetest.Scope), field.Uint(5)); err != nil || spent {
		t.Errorf("spent %v, %v", spent, err)
	}
	waitFor(t, func() error { return s.Accept(ctx, storetest.Answer(1, consent.Once, 5)) })
	faulttest.Row(t, "the fleet's database is slow", n, faulttest.Count{Outcome: "refused as away", N: int(away.Load())},
		faulttest.Count{Outcome: "of them after waiting", N: int(waited.Load())})
}

func second[T any](_ T, err error) error { return err }

// waitFor waits until f succeeds.
func waitFor(t *testing.T, f func() error) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
