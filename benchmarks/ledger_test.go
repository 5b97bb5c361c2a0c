package benchmarks_test

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestLedgerFigures prints what a durable commit costs on a ledger of one
// validator in this process, beside an fsync of the same disk in the same run.
func TestLedgerFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds; run: make figures")
	}
	home := ledger.Home(t.TempDir())
	validator, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	pub := key.Public().(ed25519.PublicKey)
	self := directory.Authority{ID: directory.AuthorityID(pub), Key: pub, URI: "urn:registrar", Name: "Registrar", Roles: directory.Registrar, Active: true}
	g := &directory.Genesis{
		ChainID: "figures", Time: uint64(time.Now().Unix()),
		Directory: directory.Directory{
			Validators:  []directory.Validator{{Key: validator, Power: 1, Name: "Registrar"}},
			Parameters:  directory.Parameters{Epoch: 600, EveryBlock: true, MaxHeadAge: 600, Heartbeat: 60, Quota: 1 << 20, PowBits: 8, RevokeDelay: 60, TrustPeriod: 1 << 20},
			Authorities: []directory.Authority{self},
		},
	}
	if err := home.WriteGenesis(g); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	n, err := ledger.Start(t.Context(), home, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	if _, err := n.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	started := time.Since(began)

	next := uint64(0)
	commit := func(items int) func() error {
		return func() error {
			var batch []consent.Sealed
			for range items {
				next++
				batch = append(batch, consent.Sealed{Commitment: field.Uint(2 * next), Lock: field.Uint(2*next + 1)})
			}
			h, err := n.Head(t.Context())
			if err != nil {
				return err
			}
			tx := &transaction.Transaction{Genesis: directory.GenesisHash(g), Expiry: h.Height + 100, Nonce: next, Kind: transaction.CommitConsents, Payload: transaction.SealedPayload(batch)}
			tx.Sign(self.ID, key)
			raw, err := n.Submit(t.Context(), tx.Encode())
			if err != nil {
				return err
			}
			r, err := transaction.DecodeResult(raw)
			if err != nil {
				return err
			}
			for _, c := range r.Items {
				if c != transaction.Accepted {
					return fmt.Errorf("an item was refused: %s", c)
				}
			}
			return r.Refused()
		}
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "yardstick"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unit := &task{name: "fsync", do: func() error {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return err
		}
		return f.Sync()
	}}
	sizes := []int{1, 100, 4096}
	tasks := []*task{unit}
	for _, s := range sizes {
		tasks = append(tasks, &task{name: fmt.Sprint("commit of ", s), do: commit(s)})
	}
	interleave(t, tasks)

	var b strings.Builder
	fmt.Fprintf(&b, "%s; medians of %d interleaved runs (minimum–maximum), milliseconds. Start to a head that can be verified: %s.\n", cpu(), runs, ms(started))
	fmt.Fprintf(&b, "Yardstick, an fsync of 4 KiB in the same run: %s.\n\n| consents in a batch | committed and on disk, epoch closed | / yardstick | consents per second |\n|---:|---:|---:|---:|\n", unit.took)
	for i, s := range sizes {
		m := tasks[i+1].took.median()
		fmt.Fprintf(&b, "| %d | %s | %.1f | %.0f |\n", s, tasks[i+1].took, m.Seconds()/unit.took.median().Seconds(), float64(s)/m.Seconds())
	}
	t.Log("\n" + b.String())
}
