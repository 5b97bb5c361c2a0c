package verifying_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/verifying"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc/codes"
)

// liar is a node that changes the checkpoints it shows while it is told to.
type liar struct {
	light.Source
	lies atomic.Bool
}

func (l *liar) Name() string { return "the liar" }

func (l *liar) Checkpoint(ctx context.Context) ([]byte, error) {
	b, err := l.Source.Checkpoint(ctx)
	if err == nil && l.lies.Load() {
		b[len(b)/2] ^= 1
	}
	return b, err
}

func (w *world) follow(log *logged, nodes ...light.Source) *verifying.Ledger {
	w.t.Helper()
	l, err := verifying.Follow(verifying.FollowConfig{Genesis: w.genesis, Nodes: nodes, Every: 20 * time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil))})
	w.must(err)
	w.t.Cleanup(l.Close)
	return l
}

// TestAttack_OnlyNodeLies: the only node lies. Nothing is decided from then on,
// even when it tells the truth again, and the operator reads why.
func TestAttack_OnlyNodeLies(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	log, node := &logged{}, &liar{Source: w.node}
	l := w.follow(log, node)
	w.eventually("a head", func() bool { return l.Ready() == nil })
	v, err := verifier.New(verifier.Config{ID: w.insurer.id, Genesis: w.hash, Roots: l, Keys: w.keys, Store: d.store})
	w.must(err)
	w.must(v.Able(w.ctx))
	node.lies.Store(true)
	w.eventually("the lie", func() bool { return l.Ready() != nil })
	var lied *light.LieError
	if err := l.Ready(); !errors.As(err, &lied) {
		t.Errorf("%v names no lie", err)
	}
	if err := v.Able(w.ctx); !errors.Is(err, verifier.ErrNoLedger) {
		t.Errorf("able: %v", err)
	}
	node.lies.Store(false)
	time.Sleep(100 * time.Millisecond)
	if l.Ready() == nil {
		t.Error("a node that lied is believed again")
	}
	w.eventually("its log", func() bool { return strings.Contains(log.String(), "no verdicts any more") })
	if !strings.Contains(log.String(), "the liar") || strings.Count(log.String(), "no verdicts any more") != 1 {
		t.Errorf("%s", log)
	}
}

// TestAttack_OneOfTwoNodesLies: the others are asked instead, and verdicts go
// on; the log names the liar.
func TestAttack_OneOfTwoNodesLies(t *testing.T) {
	w := newWorld(t)
	log, node := &logged{}, &liar{Source: w.node}
	l := w.follow(log, node, w.dial())
	w.eventually("a head", func() bool { return l.Ready() == nil })
	node.lies.Store(true)
	w.eventually("its log", func() bool { return strings.Contains(log.String(), "lied and is not asked any more") })
	h, _, err := l.Head(w.ctx)
	w.must(err)
	w.eventually("a newer head", func() bool {
		n, _, err := l.Head(w.ctx)
		return err == nil && n.Height > h.Height
	})
	w.must(l.Ready())
}

// TestAttack_ForkStopsVerdicts: the validators' key signs in two places. Two
// ledgers of one genesis are shown, and there is none to believe.
func TestAttack_ForkStopsVerdicts(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	w.halt()
	twin := ledger.Home(t.TempDir() + "/twin")
	w.must(os.CopyFS(string(twin), os.DirFS(string(w.home))))
	w.start()
	other, err := ledger.Start(w.ctx, twin, nil)
	w.must(err)
	defer other.Stop()
	log := &logged{}
	l := w.follow(log, w.dial(), other)
	w.eventually("the fork", func() bool { return errors.Is(l.Ready(), light.Fork) })
	if _, _, err := l.Head(w.ctx); !errors.Is(err, light.Fork) {
		t.Errorf("%v", err)
	}
	w.eventually("its log", func() bool { return strings.Contains(log.String(), "no verdicts any more") })
	other2 := &desk{w: w, store: d.store, folder: d.folder, log: &logged{}}
	other2.run(w.insurer, d.store) // one that follows one of them alone sees no fork
	other2.verdict(shaped(1))
}

// TestHeadsAndLogsAreOfOneMoment: callers see a head, its directory and its
// logs, whatever is looked at meanwhile; and heads only go forward.
func TestHeadsAndLogsAreOfOneMoment(t *testing.T) {
	w := newWorld(t)
	l := w.follow(&logged{}, w.dial())
	w.eventually("a head", func() bool { return l.Ready() == nil })
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			var last uint64
			for {
				select {
				case <-done:
					return
				default:
				}
				h, dir, err := l.Head(w.ctx)
				if err != nil {
					t.Error(err)
					return
				}
				s := &h.State
				_, epochs := l.Epochs(w.ctx, 0, s.Epochs.Count)
				all, withdrawals := l.Withdrawals(w.ctx, 0, s.Withdrawals.Count)
				if h.Height < last || dir.Digest() != s.Directory || epochs != nil || withdrawals != nil || uint64(len(all)) != s.Withdrawals.Count {
					t.Errorf("height %d after %d: %v, %v", h.Height, last, epochs, withdrawals)
					return
				}
				last = h.Height
				time.Sleep(time.Millisecond) // the node is on the same cores
			}
		})
	}
	for n := range uint64(5) {
		w.publish(n, n+1)
	}
	w.eventually("all of them", func() bool {
		h, _, err := l.Head(w.ctx)
		return err == nil && h.State.Withdrawals.Count == 5
	})
	close(done)
	group.Wait()
}

func TestNoHeadNoVerdict(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	w.halt()
	l := w.follow(&logged{}, w.dial())
	if err := l.Ready(); !errors.Is(err, light.ErrNoHead) && !strings.Contains(err.Error(), "no head is verified yet") {
		t.Errorf("%v", err)
	}
	v, err := verifier.New(verifier.Config{ID: w.insurer.id, Key: w.insurer.key, Genesis: w.hash, Roots: l, Keys: w.keys, Store: d.store})
	w.must(err)
	s, err := verifying.New(verifying.Config{Verifier: v, Policies: d.policies})
	w.must(err)
	defer s.Close()
	_, err = s.CreateRequest(w.ctx, &zkconsentv1.CreateRequestRequest{Policy: "claims"})
	refused(t, err, codes.Unavailable, refusal.NoLedger)
	if s.Ready() == nil {
		t.Error("ready without a head")
	}
}
