package benchmarks_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

// TestLedgerDisk prints what a leaf takes on the disk of a node: the ledger's
// state, the blocks, and what consensus keeps besides.
func TestLedgerDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for a minute; run: make figures-ledger")
	}
	const leaves = 100_000
	var b strings.Builder
	fmt.Fprintf(&b, "%s; one validator, %d consents committed by one client, 1 run each; bytes for each leaf in the home after a stop, consensus's stores compacted, the registry's as it was. Yardstick: the bytes of the signed transactions. The log of consensus (cs.wal) is bounded by 1 GB, and not by the leaves. Pruned: the newest blocks only, since the older one of two snapshots, one every 20 blocks; with the parameters of a new ledger the newest 20,160 blocks stay.\n\n", cpu(), leaves)
	b.WriteString("| consents in a commit | blocks | transactions | whole home | / yardstick | state | blocks' store | consensus's state | its log | snapshots | whole without its log |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, x := range []struct {
		batch  int
		pruned bool
	}{{4096, false}, {100, false}, {100, true}} {
		name := fmt.Sprint(x.batch)
		o := &ledger.Options{}
		parent := t.TempDir()
		home := ledger.Home(filepath.Join(parent, "home"))
		r := found(t, home)
		if x.pruned {
			name += ", pruned"
			o.RetainBlocks, o.SnapshotInterval = 1, 20
			r.genesis.Directory.Parameters.TrustPeriod = 10 * r.genesis.Directory.Parameters.Heartbeat
			r.genesis.Directory.Parameters.MaxHeadAge = r.genesis.Directory.Parameters.Heartbeat
		}
		r.give(home)
		ctx := within(t, 3*time.Minute)
		n, err := ledger.Start(ctx, home, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Stop() })
		if err := r.fill(ctx, n, leaves, x.batch); err != nil {
			t.Fatal(err)
		}
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"blockstore", "state"} {
			compact(t, name, filepath.Join(string(home), "data"))
		}
		on := sizes(t, parent)
		each := func(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/leaves) }
		log := on["home/data/cs.wal"]
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %.1f | %s | %s | %s | %s | %s | %s |\n", name, r.height, each(int64(r.bytes)), each(on["home"]), float64(on["home"])/float64(r.bytes),
			each(on["home/state"]), each(on["home/data/blockstore.db"]), each(on["home/data/state.db"]), each(log), each(on["home/snapshots"]), each(on["home"]-log))
	}
	t.Log("\n" + b.String())
}

// compact drops from a store's files what was deleted, which a store does by
// and by as it grows.
func compact(t *testing.T, name, dir string) {
	t.Helper()
	db, err := dbm.NewDB(name, dbm.GoLevelDBBackend, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Compact(nil, nil); err != nil {
		t.Fatal(err)
	}
}
