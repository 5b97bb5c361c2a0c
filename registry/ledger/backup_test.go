package ledger_test

import (
	"errors"
	"os"
	"testing"

	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestFault_OldBackup starts a node on an old copy of its home, with what its
// validator signed last as old as the rest, and has it sign other blocks at
// heights that it has signed before. A client that saw the newer head adopts
// none of it, in whatever order it asks: not while the node is behind, nor
// when its other history has grown longer, nor after a start of its own.
func TestFault_OldBackup(t *testing.T) {
	home := newHome(t)
	ctx := short(t)
	cache := t.TempDir()
	submit := func(n *ledger.Node, from, size uint64) {
		t.Helper()
		b, err := n.Submit(ctx, commit(n.Genesis(), 0, from, sealed(from, size)).Encode())
		if err != nil {
			t.Fatal(err)
		}
		if r, err := transaction.DecodeResult(b); err != nil || r.Refused() != nil {
			t.Fatal(r, err)
		}
	}

	n := run(t, home)
	submit(n, 0, 2)
	n.Stop()
	backup := ledger.Home(t.TempDir())
	if err := os.CopyFS(string(backup), os.DirFS(string(home))); err != nil {
		t.Fatal(err)
	}
	n = run(t, home)
	for i := range uint64(8) {
		submit(n, 100+10*i, 5)
	}
	watcher := client(t, n.Genesis(), n, cache)
	if err := watcher.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	seen, _ := watcher.Head()
	n.Stop()

	restored := run(t, backup)
	said := map[light.Lie]int{}
	ask := func() {
		t.Helper()
		err := client(t, restored.Genesis(), restored, cache).Sync(ctx) // one that was away meanwhile
		var lie *light.LieError
		if !errors.As(err, &lie) {
			t.Fatalf("a client that had seen block %d follows a node that has another history: %v", seen.Height, err)
		}
		said[lie.Lie]++
		h, err := client(t, restored.Genesis(), restored, cache).Head()
		if err != nil || h.Height != seen.Height || h.State != seen.State {
			t.Fatalf("what the client had seen is forgotten: %+v, %v", h, err)
		}
	}
	ask()
	if said[light.Backwards] != 1 {
		t.Errorf("the restored node is behind, and the client calls it %v", said)
	}
	height := func() uint64 {
		t.Helper()
		h, err := restored.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return h.Height
	}
	next := uint64(1000)
	for height() <= seen.Height { // the validator signs these heights for the second time
		submit(restored, next, 1)
		next++
		ask()
	}
	if said[light.Fork] == 0 {
		t.Errorf("the other history has fewer records at a greater height, and the client calls it %v", said)
	}
	submit(restored, 2000, seen.State.Records.Count)
	ask()
	asked := 0
	for _, k := range said {
		asked += k
	}
	faulttest.Row(t, "restored old backup", asked, faulttest.Count{Outcome: "called backwards", N: said[light.Backwards]}, faulttest.Count{Outcome: "called a fork", N: said[light.Fork]},
		faulttest.Count{Outcome: "other lies", N: asked - said[light.Backwards] - said[light.Fork]}, faulttest.Count{Outcome: "followed", N: 0})
}
