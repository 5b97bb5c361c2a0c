package verifying_test

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/internal/verifying"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/verifier"
)

var _ verifier.Refresher = (*verifying.Ledger)(nil)

// seldom is a node that counts how often it is asked for its checkpoint.
type seldom struct {
	light.Source
	asked atomic.Int64
}

func (s *seldom) Checkpoint(ctx context.Context) ([]byte, error) {
	s.asked.Add(1)
	return s.Source.Checkpoint(ctx)
}

// slowly is a verifier on a desk's store whose ledger looks once an hour, unless
// it is asked to.
func (d *desk) slowly(node light.Source) (*verifying.Ledger, *verifier.Verifier) {
	w := d.w
	w.t.Helper()
	l, err := verifying.Follow(verifying.FollowConfig{Genesis: w.genesis, Nodes: []light.Source{node}, Every: time.Hour})
	w.must(err)
	w.t.Cleanup(l.Close)
	w.eventually("a head", func() bool { return l.Ready() == nil })
	v, err := verifier.New(verifier.Config{ID: w.insurer.id, Key: w.insurer.key, Genesis: w.hash, Roots: l, Keys: w.keys, Store: d.store})
	w.must(err)
	return l, v
}

// TestEpochThatHasJustClosed: a wallet proves in an epoch that the verifier has
// not seen. It looks again, and does not deny what is true.
func TestEpochThatHasJustClosed(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	_, v := d.slowly(&seldom{Source: w.node})
	p := w.newPatient() // closes an epoch
	verdict, err := v.Verify(w.ctx, p.answer(d.ask().SignedRequest))
	if err != nil || !verdict.Accepted {
		t.Errorf("%s, %v", verdict, err)
	}
}

// TestAttack_EpochsThatAreNone: whoever has a request's id hands in epochs that
// nobody has closed. The ledger is asked once for many of them, and when it
// cannot be asked nothing is decided.
func TestAttack_EpochsThatAreNone(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	node := &seldom{Source: w.dial()}
	l, v := d.slowly(node)
	untrue := shaped(1)
	id := unhex(t, d.ask().Id)
	copy(untrue[4:], id[:])
	binary.BigEndian.PutUint64(untrue[20:], 1<<40)
	const callers, each = 50, 4
	before, begun := node.asked.Load(), time.Now()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				if verdict, err := v.Verify(w.ctx, untrue); err != nil || verdict.Reason != verifier.UnknownEpoch {
					t.Errorf("%s, %v", verdict, err)
				}
			}
		})
	}
	all.Wait()
	// A pause of 50 ms lies between two looks.
	if asked, bound := node.asked.Load()-before, int64(time.Since(begun)/(50*time.Millisecond))+2; asked > bound {
		t.Errorf("%d presentations made it ask %d times, at most %d are right", callers*each, asked, bound)
	}
	w.halt()
	if verdict, err := v.Verify(w.ctx, untrue); err == nil || verdict.Reason != verifier.Undecided {
		t.Errorf("without a node: %s, %v", verdict, err)
	}
	if l.Refresh(w.ctx) == nil {
		t.Error("it looked without a node")
	}
	l.Close()
	if l.Refresh(w.ctx) == nil {
		t.Error("it looked after its end")
	}
}
