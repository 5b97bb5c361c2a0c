package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func TestNodeFromCommitToPath(t *testing.T) {
	home := newHome(t)
	began := time.Now()
	n := run(t, home)
	t.Logf("start: %v", time.Since(began))
	ctx := short(t)
	c := client(t, n.Genesis(), n, t.TempDir())
	began = time.Now()
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("first verified head: %v", time.Since(began))

	var total time.Duration
	const rounds = 20
	for i := range uint64(rounds) {
		h, _ := c.Head()
		began = time.Now()
		r, err := c.Submit(ctx, commit(n.Genesis(), h.Height, i, sealed(i*2, 2)))
		total += time.Since(began)
		if err != nil || r.Refused() != nil || r.Height == 0 || len(r.Items) != 2 || r.Items[0] != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if err := c.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		recs := c.Records(i * 2)
		if len(recs) != 2 {
			t.Fatalf("%d records after the sync that follows the commit", len(recs))
		}
		s := sealed(i*2, 2)
		for k, rec := range recs {
			leaf := consent.Leaf(consent.KindConsent, hospital.ID, s[k].Commitment, s[k].Lock)
			p, e, err := c.Path(rec.Index)
			if err != nil || !rec.Live || rec.Leaf != leaf || p.Root(leaf) != e.Root {
				t.Fatalf("record %d: %+v, %v", rec.Index, rec, err)
			}
		}
	}
	t.Logf("commit: %v on average", total/rounds)
	e, _ := c.Newest()
	if _, replaced, ok := c.Epoch(e.Number - 1); !ok || replaced != e.ClosedAt {
		t.Errorf("the epoch before the newest was replaced at %d, want %d", replaced, e.ClosedAt)
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	checkClean(t, home)
}

func checkClean(t testing.TB, home ledger.Home) registry.View {
	t.Helper()
	s, err := registry.Open(home.StateDir(), &registry.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Check(context.Background(), nil); err != nil {
		t.Error(err)
	}
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestIdleBlocksLeaveStateAndLogsAlone(t *testing.T) {
	home := newHome(t, func(g *directory.Genesis) { g.Directory.Parameters.Heartbeat = 1; g.Directory.Parameters.Epoch = 86400 })
	n := run(t, home)
	ctx := short(t)
	c := client(t, n.Genesis(), n, "")
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	first, _ := c.Head()
	time.Sleep(2500 * time.Millisecond)
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	later, _ := c.Head()
	if later.State != first.State {
		t.Error("an empty block changed the state")
	}
	// Heartbeats, and not blocks without end.
	if d := later.Height - first.Height; d < 1 || d > 4 {
		t.Errorf("%d blocks in 2.5 seconds with a heartbeat of one", d)
	}
}

func TestHeadIsFreshAtOnceAfterAPause(t *testing.T) {
	home := newHome(t, func(g *directory.Genesis) { g.Directory.Parameters.Heartbeat = 60 }) // the genesis is an hour old
	for round := range 2 {
		n := run(t, home)
		c := client(t, n.Genesis(), n, "")
		began := time.Now()
		for { // the block that dates from the genesis comes first
			if err := c.Sync(short(t)); err == nil {
				break
			} else if time.Since(began) > 5*time.Second {
				t.Fatalf("round %d: %v", round, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("round %d: fresh after %v", round, time.Since(began))
		n.Stop()
	}
}

func TestSubmitReportsRefusals(t *testing.T) {
	n := run(t, newHome(t))
	ctx := short(t)
	c := client(t, n.Genesis(), n, "")
	x := commit(n.Genesis(), 0, 1, sealed(0, 1))
	if r, err := c.Submit(ctx, x); err != nil || r.Code != transaction.Executed {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := c.Submit(ctx, x); err != nil || r.Code != transaction.Repeated {
		t.Errorf("the same bytes again: %+v, %v", r, err)
	}
	r, err := c.Submit(ctx, commit(n.Genesis(), 0, 2, sealed(0, 2)))
	if err != nil || r.Code != transaction.Executed || r.Items[0] != transaction.DuplicateLock || r.Items[1] != transaction.Accepted {
		t.Errorf("items: %+v, %v", r, err)
	}
	other := commit(n.Genesis(), 0, 3, sealed(9, 1))
	other.Genesis[0] ^= 1
	other.Sign(hospital.ID, key(1))
	r, err = c.Submit(ctx, other)
	var refused *transaction.RefusedError
	if err != nil || !errors.As(r.Refused(), &refused) || refused.Code != transaction.OtherLedger {
		t.Errorf("another ledger's: %+v, %v", r, err)
	}
}

func TestConcurrentSubmitters(t *testing.T) {
	home := newHome(t)
	n := run(t, home)
	ctx := short(t)
	g := n.Genesis()
	const senders, each = 8, 10
	errs := make(chan error, senders)
	for s := range uint64(senders) {
		go func() {
			for i := range uint64(each) {
				at := s*1000 + i
				b, err := n.Submit(ctx, commit(g, 0, at, sealed(at, 1)).Encode())
				if err != nil {
					errs <- err
					return
				}
				if r, err := transaction.DecodeResult(b); err != nil || r.Code != 0 || r.Items[0] != 0 {
					errs <- errors.New("refused")
					return
				}
			}
			errs <- nil
		}()
	}
	for range senders {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	c := client(t, g, n, "")
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if got := len(c.Records(0)); got != senders*each {
		t.Errorf("%d records, want %d", got, senders*each)
	}
}

func TestStopLeavesNothingBehind(t *testing.T) {
	home := newHome(t)
	for range 2 { // the first run starts what starts once in a process
		n := run(t, home)
		if _, err := n.Head(short(t)); err != nil {
			t.Fatal(err)
		}
		before := runtime.NumGoroutine()
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := n.Stop(); err != nil {
			t.Errorf("a second Stop: %v", err)
		}
		if _, err := n.Head(short(t)); !errors.Is(err, ledger.ErrStopped) {
			t.Errorf("Head of a stopped node: %v", err)
		}
		if after := runtime.NumGoroutine(); after >= before {
			t.Errorf("%d goroutines before Stop, %d after", before, after)
		}
	}
	base := runtime.NumGoroutine()
	for range 3 {
		n := run(t, home)
		n.Head(short(t))
		n.Stop()
	}
	for wait := 0; runtime.NumGoroutine() > base && wait < 100; wait++ {
		time.Sleep(20 * time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > base {
		buf := make([]byte, 1<<20)
		t.Errorf("three runs left %d goroutines\n%s", now-base, buf[:runtime.Stack(buf, true)])
	}
}

func TestRefusesToStartOnWrongHome(t *testing.T) {
	t.Run("no genesis", func(t *testing.T) {
		home := ledger.Home(t.TempDir())
		if _, err := home.Create(); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Start(short(t), home, nil); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	t.Run("a place where no key can be written", func(t *testing.T) {
		home := ledger.Home(t.TempDir())
		if err := os.MkdirAll(filepath.Join(string(home), "data", "priv_validator_state.json"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := home.Create(); err == nil {
			t.Error("a home without a validator's state was made")
		}
	})
	t.Run("a second genesis", func(t *testing.T) {
		home := newHome(t)
		g, _ := home.Genesis()
		if err := home.WriteGenesis(g); !errors.Is(err, ledger.ErrHomeExists) {
			t.Error(err)
		}
		if again, err := home.Genesis(); err != nil || !bytes.Equal(again.Encode(), g.Encode()) {
			t.Errorf("the first genesis is damaged: %v", err)
		}
		// What a crash cuts off has another name, and nothing of it stays.
		if left, _ := filepath.Glob(filepath.Join(string(home), "genesis*")); len(left) != 1 {
			t.Errorf("the home holds %v", left)
		}
	})
	t.Run("another genesis over a state", func(t *testing.T) {
		home := newHome(t)
		n := run(t, home)
		if _, err := n.Head(short(t)); err != nil {
			t.Fatal(err)
		}
		n.Stop()
		g, _ := home.Genesis()
		g.ChainID = "another"
		if err := os.WriteFile(home.GenesisFile(), g.Encode(), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Start(short(t), home, nil); !errors.Is(err, registry.ErrGenesis) {
			t.Error(err)
		}
	})
	t.Run("a damaged validator key", func(t *testing.T) {
		home := newHome(t)
		file := filepath.Join(string(home), "config", "priv_validator_key.json")
		b, _ := os.ReadFile(file)
		os.WriteFile(file, b[:len(b)/2], 0o600)
		_, err := ledger.Start(short(t), home, nil)
		if err == nil || bytes.Contains([]byte(err.Error()), []byte("priv_key")) {
			t.Errorf("want an error that repeats nothing of the key: %v", err)
		}
	})
	t.Run("two nodes on one home", func(t *testing.T) {
		home := newHome(t)
		run(t, home)
		if _, err := ledger.Start(short(t), home, nil); err == nil {
			t.Error("the second one started")
		}
	})
}
