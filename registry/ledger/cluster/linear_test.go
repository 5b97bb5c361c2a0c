package cluster_test

import (
	"context"
	"crypto/ed25519"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestFault_ClientsSeeOneOrder lets concurrent clients commit, revoke,
// withdraw and spend what others do, too, through all members, while one after
// the other is killed. All that they were told must fit one order in which
// each call takes effect between its begin and its end.
func TestFault_ClientsSeeOneOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
	kills := faulttest.Rounds(1, 3, 6)
	c := newCluster(t, 4, withSharer)
	c.advance(2, keepsOn, c.all()...)
	h := newHistory(c.genesis, c.members[0], c.members[1], c.members[2], c.members[3])
	h.height = c.witness.height()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range kills {
			time.Sleep(2 * time.Second)
			m := c.members[i%len(c.members)]
			m.end(syscall.SIGKILL)
			time.Sleep(2 * time.Second)
			m.start()
		}
	}()
	h.run(12, time.Duration(kills)*7*time.Second)
	<-done
	wrong := h.check(t)
	c.witness.rest()
	c.each(func(m *member) { m.end(syscall.SIGTERM) })
	_, forks := c.compareBlocks()
	h.row(t, "clients of four members, killed in turn", kills, wrong, forks)
}

// TestFault_ClientsOfOneNodeSeeOneOrder is the same with the embedded node,
// which nobody kills. A history that is told otherwise by one word fails.
func TestFault_ClientsOfOneNodeSeeOneOrder(t *testing.T) {
	home := ledger.Home(t.TempDir())
	k, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	g := newGenesis([]ed25519.PublicKey{k}, withSharer)
	if err := home.WriteGenesis(g); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- serve(ctx, home, nil, func(a string) { address <- a }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	r, err := reach(<-address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	h := newHistory(g, r)
	for try := 0; try < 5 && !h.met(); try++ { // once, unless the machine is very busy
		h.run(8, time.Duration(faulttest.Rounds(2, 4, 10))*time.Second)
	}
	h.row(t, "clients of the embedded node", 0, h.check(t), 0)
	for i, o := range h.ops {
		if o.Output == (outcome{transaction.AlreadySpent, true}) {
			h.ops[i].Output = outcome{transaction.Accepted, true}
			break
		}
	}
	if porcupine.CheckOperations(model(), h.ops) {
		t.Error("two clients were first to spend one nullifier, and the check finds nothing")
	}
}

func (h *history) row(t *testing.T, fault string, injected, wrong, forks int) {
	t.Helper()
	faulttest.Row(t, fault, injected, faulttest.Count{Outcome: "operations", N: len(h.ops)}, faulttest.Count{Outcome: "without an answer", N: h.unknown},
		faulttest.Count{Outcome: "keys without an order", N: wrong}, faulttest.Count{Outcome: "forks", N: forks})
}

// TestOrderIsChecked gives histories to the checker that no ledger may make.
func TestOrderIsChecked(t *testing.T) {
	op := func(begun, ended int64, kind transaction.Kind, code transaction.ItemCode) porcupine.Operation {
		return porcupine.Operation{Input: operation{"a key", kind}, Call: begun, Return: ended, Output: outcome{code, true}}
	}
	silent := func(begun, ended int64, kind transaction.Kind) porcupine.Operation {
		o := op(begun, ended, kind, 0)
		o.Output = outcome{}
		return o
	}
	const (
		commit, revoke, spend = transaction.CommitConsents, transaction.Revoke, transaction.Spend
		accepted, duplicate   = transaction.Accepted, transaction.DuplicateLock
	)
	for name, c := range map[string]struct {
		history []porcupine.Operation
		ordered bool
	}{
		"first, then duplicate":               {[]porcupine.Operation{op(1, 2, commit, accepted), op(3, 4, commit, duplicate)}, true},
		"duplicate first":                     {[]porcupine.Operation{op(1, 2, commit, duplicate), op(3, 4, commit, accepted)}, false},
		"duplicate begins first":              {[]porcupine.Operation{op(1, 4, commit, duplicate), op(2, 3, commit, accepted)}, true},
		"committed twice":                     {[]porcupine.Operation{op(1, 4, commit, accepted), op(2, 3, commit, accepted)}, false},
		"spent twice":                         {[]porcupine.Operation{op(1, 4, spend, accepted), op(2, 3, spend, accepted)}, false},
		"spent by nobody":                     {[]porcupine.Operation{op(1, 2, spend, transaction.AlreadySpent)}, false},
		"spent by one who got no answer":      {[]porcupine.Operation{silent(1, never, spend), op(2, 3, spend, transaction.AlreadySpent)}, true},
		"spent by one who has not begun":      {[]porcupine.Operation{silent(4, never, spend), op(2, 3, spend, transaction.AlreadySpent)}, false},
		"no answer and never done":            {[]porcupine.Operation{silent(1, never, spend), op(2, 3, spend, accepted)}, true},
		"done, as a second node said":         {[]porcupine.Operation{silent(1, 2, spend), op(3, 4, spend, accepted)}, false},
		"revoked before it was there":         {[]porcupine.Operation{op(1, 2, revoke, accepted), op(3, 4, commit, accepted)}, false},
		"revoked once":                        {[]porcupine.Operation{op(1, 2, commit, accepted), op(3, 6, revoke, accepted), op(4, 5, revoke, transaction.AlreadyRevoked)}, true},
		"revoked, says one, long before":      {[]porcupine.Operation{op(1, 2, commit, accepted), op(3, 4, revoke, transaction.AlreadyRevoked), op(5, 6, revoke, accepted)}, false},
		"revoked twice":                       {[]porcupine.Operation{op(1, 2, commit, accepted), op(3, 4, revoke, accepted), op(5, 6, revoke, accepted)}, false},
		"a lock that comes back when revoked": {[]porcupine.Operation{op(1, 2, commit, accepted), op(3, 4, revoke, accepted), op(5, 6, commit, accepted)}, false},
	} {
		if got := porcupine.CheckOperations(model(), c.history); got != c.ordered {
			t.Errorf("%s: an order: %v, want %v", name, got, c.ordered)
		}
	}
}
