package ledger_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// backedUp is a running ledger of one validator and a backup of it.
func backedUp(t *testing.T) (n *ledger.Node, home ledger.Home, c *consortium, backup string) {
	t.Helper()
	home = ledger.Home(t.TempDir())
	v, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	g := newGenesis([]ed25519.PublicKey{v}, time.Now().Add(-time.Hour), func(g *directory.Genesis) { g.Directory.Parameters.Heartbeat = 1 })
	if err := home.WriteGenesis(g); err != nil {
		t.Fatal(err)
	}
	if n, err = ledger.Start(context.Background(), home, &ledger.Options{Listen: "tcp://" + freePort(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	c = &consortium{t: t, genesis: g, nodes: []*ledger.Node{n}}
	ctx := long(t)
	for i := range uint64(3) {
		c.submit(ctx, transaction.CommitConsents, transaction.SealedPayload(sealed(100*i, 20)))
		c.submit(ctx, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{field.Uint(1 + i)}))
	}
	backup = filepath.Join(t.TempDir(), "backup")
	if err := n.Backup(ctx, backup, nil); err != nil {
		t.Fatal(err)
	}
	return n, home, c, backup
}

// TestBackupRestores restores a running node's backup into a new home, which
// follows the ledger from there on.
func TestBackupRestores(t *testing.T) {
	n, old, c, backup := backedUp(t)
	ctx := long(t)
	c.submit(ctx, transaction.CommitConsents, transaction.SealedPayload(sealed(9000, 5))) // not in the backup
	home := ledger.Home(t.TempDir())
	restore := ledger.Restoring{From: backup, Home: home, Genesis: c.genesis}
	if err := ledger.Restore(ctx, restore); err != nil {
		t.Fatal(err)
	}
	if r, err := ledger.Check(ctx, home, nil); err != nil || r.Height == 0 {
		t.Errorf("a check of the restored home: %+v, %v", r, err)
	}
	if err := ledger.Restore(ctx, restore); !errors.Is(err, ledger.ErrHomeInUse) {
		t.Errorf("over a home with a state: %v", err)
	}
	if err := n.Backup(ctx, backup, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a backup: %v", err)
	}
	again, err := ledger.Start(ctx, home, &ledger.Options{Peers: []string{n.Address()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Stop() })
	want := height(n)
	await(t, "the restored node follows", func() bool { return height(again) >= want })
	if again.AppHash(1) != nil {
		t.Error("it has the first block: nothing was restored")
	}
	sameLedger(t, again, n, c.genesis)
	if err := again.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Check(ctx, home, nil); err != nil {
		t.Error(err)
	}

	// The only validator would sign other blocks in the place of its own.
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	lost := ledger.Home(t.TempDir())
	if err := os.CopyFS(string(lost), os.DirFS(string(old))); err != nil {
		t.Fatal(err)
	}
	if err := lost.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := ledger.Restore(ctx, ledger.Restoring{From: backup, Home: lost, Genesis: c.genesis}); !errors.Is(err, ledger.ErrOnlyValidator) {
		t.Errorf("the only validator: %v", err)
	}
}

// TestAttack_ForgedBackup changes single bits of every file of a backup, takes
// files away, and hands over another ledger's. Nothing of it is restored: the
// home stays without a state, and takes the true backup afterwards.
func TestAttack_ForgedBackup(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 7))
	_, _, c, backup := backedUp(t)
	ctx := long(t)
	home := ledger.Home(t.TempDir())
	refuse := func(what, from string, g *directory.Genesis) {
		t.Helper()
		if err := ledger.Restore(ctx, ledger.Restoring{From: from, Home: home, Genesis: g}); !errors.Is(err, ledger.ErrBackup) {
			t.Errorf("%s: %v", what, err)
		}
		if left, err := os.ReadDir(home.StateDir()); err == nil && len(left) > 0 {
			t.Errorf("%s: it left a state", what)
		}
	}
	flips := 12
	if testing.Short() {
		flips = 3
	}
	err := filepath.WalkDir(backup, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "genesis.zkconsent" { // which nobody believes
			return err
		}
		name, _ := filepath.Rel(backup, path)
		for range flips {
			bad := filepath.Join(t.TempDir(), "backup")
			if err := os.CopyFS(bad, os.DirFS(backup)); err != nil {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			at := rnd.IntN(len(b))
			b[at] ^= 1 << rnd.IntN(8)
			if err := os.WriteFile(filepath.Join(bad, name), b, 0o600); err != nil {
				return err
			}
			refuse(name+" with another bit", bad, c.genesis)
		}
		gone := filepath.Join(t.TempDir(), "backup")
		if err := os.CopyFS(gone, os.DirFS(backup)); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(gone, name)); err != nil {
			return err
		}
		refuse("without "+name, gone, c.genesis)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	other := *c.genesis
	other.ChainID = "other-ledger"
	elsewhere := home
	home = ledger.Home(t.TempDir())
	refuse("another ledger's", backup, &other)
	home = elsewhere
	if err := ledger.Restore(ctx, ledger.Restoring{From: backup, Home: home, Genesis: c.genesis}); err != nil {
		t.Errorf("the true backup afterwards: %v", err)
	}
}
