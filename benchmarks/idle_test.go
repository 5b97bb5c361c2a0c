package benchmarks_test

import (
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

// TestIdleFigures prints how the disk of an idle ledger grows: a node of one
// validator with the parameters that `zkconsent node init` gives runs for
// ZKCONSENT_IDLE (such as 1h), and a month is computed from that.
func TestIdleFigures(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("ZKCONSENT_IDLE"))
	if err != nil {
		t.Skip("waits for as long as ZKCONSENT_IDLE says; run: make figures-idle")
	}
	home := ledger.Home(t.TempDir())
	validator, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	g := &directory.Genesis{
		ChainID: "idle", Time: uint64(time.Now().Unix()),
		Directory: directory.Directory{
			Parameters:  directory.Parameters{Epoch: 600, MaxHeadAge: 600, Heartbeat: 60, Quota: 1 << 16, PowBits: 20, RevokeDelay: 3600, TrustPeriod: 1 << 23},
			Validators:  []directory.Validator{{Key: validator, Power: 1, Name: "Registrar"}},
			Authorities: []directory.Authority{{ID: directory.AuthorityID(key), Key: key, URI: "urn:registrar", Name: "Registrar", Roles: directory.Registrar, Active: true}},
		},
	}
	if err := home.WriteGenesis(g); err != nil {
		t.Fatal(err)
	}
	n, err := ledger.Start(t.Context(), home, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	first, err := n.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, began := sizes(t, string(home)), time.Now()
	time.Sleep(length)
	last, err := n.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took, after := time.Since(began), sizes(t, string(home))
	month := float64(30*24*time.Hour) / float64(took)
	var b strings.Builder
	fmt.Fprintf(&b, "%s; one node, epoch 600 s, heartbeat 60 s, idle for %s, 1 run: %d blocks, %d epochs.\n\n| folder | grew by, bytes | in a month of 30 days, MB |\n|---|---:|---:|\n",
		cpu(), took.Round(time.Second), last.Height-first.Height, last.State.Epoch-first.State.Epoch)
	total := int64(0)
	for _, part := range []string{"state", "data/blockstore.db", "data/state.db", "data/evidence.db", "data/cs.wal"} {
		grew := after[part] - before[part]
		total += grew
		fmt.Fprintf(&b, "| %s | %d | %.1f |\n", part, grew, float64(grew)*month/1e6)
	}
	fmt.Fprintf(&b, "| all | %d | %.1f |\n", total, float64(total)*month/1e6)
	t.Log("\n" + b.String())
}

// sizes adds up the lengths of the files under each folder of a home.
func sizes(t testing.TB, home string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	if err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if os.IsNotExist(err) {
			return nil // the stores drop files as they go
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(home, path)
		if err != nil {
			return err
		}
		for dir := filepath.Dir(rel); dir != "."; dir = filepath.Dir(dir) {
			out[filepath.ToSlash(dir)] += info.Size()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
