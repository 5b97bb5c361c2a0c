package benchmarks_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A door is where clients reach a ledger: a node in this process or another's
// address.
type door interface {
	Submit(ctx context.Context, tx []byte) ([]byte, error)
	Checkpoint(ctx context.Context) ([]byte, error)
}

// A registrar commits consents to a ledger of its own, each of them new.
type registrar struct {
	t       testing.TB
	genesis *directory.Genesis
	id      fr.Element
	key     ed25519.PrivateKey
	height  uint64 // of a head of late
	records uint64 // made so far
	nonce   uint64
	bytes   uint64 // of transactions made so far
}

// found makes a ledger of validators with the parameters that `zkconsent node
// init` gives, except that each block with transactions closes an epoch.
func found(t testing.TB, homes ...ledger.Home) *registrar {
	t.Helper()
	r := &registrar{t: t, key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	pub := r.key.Public().(ed25519.PublicKey)
	self := directory.Authority{ID: directory.AuthorityID(pub), Key: pub, URI: "urn:registrar", Name: "Registrar", Roles: directory.Registrar, Active: true}
	r.id = self.ID
	r.genesis = &directory.Genesis{
		ChainID: "figures", Time: uint64(time.Now().Unix()),
		Directory: directory.Directory{
			Parameters:  directory.Parameters{Epoch: 600, EveryBlock: true, MaxHeadAge: 600, Heartbeat: 60, Quota: 1 << 16, PowBits: 20, RevokeDelay: 3600, TrustPeriod: 180 * 24 * 3600},
			Authorities: []directory.Authority{self},
		},
	}
	d := &r.genesis.Directory
	for i, h := range homes {
		key, err := h.Create()
		if err != nil {
			t.Fatal(err)
		}
		d.Validators = append(d.Validators, directory.Validator{Key: key, Power: 1, Name: fmt.Sprint("Member ", i+1)})
	}
	slices.SortFunc(d.Validators, func(a, b directory.Validator) int { return bytes.Compare(a.Key, b.Key) })
	return r
}

// give writes the genesis into homes.
func (r *registrar) give(homes ...ledger.Home) {
	r.t.Helper()
	for _, h := range homes {
		if err := h.WriteGenesis(r.genesis); err != nil {
			r.t.Fatal(err)
		}
	}
}

// batch signs a commit of n consents.
func (r *registrar) batch(n int) []byte {
	sealed := make([]consent.Sealed, n)
	for i := range sealed {
		r.records++
		sealed[i] = consent.Sealed{Commitment: field.Uint(2 * r.records), Lock: field.Uint(2*r.records + 1)}
	}
	r.nonce++
	x := &transaction.Transaction{Genesis: directory.GenesisHash(r.genesis), Expiry: r.height + 900, Nonce: r.nonce, Kind: transaction.CommitConsents, Payload: transaction.SealedPayload(sealed)}
	x.Sign(r.id, r.key)
	raw := x.Encode()
	r.bytes += uint64(len(raw))
	return raw
}

// settle waits until each of the doors shows a head with all records that were
// made, so that nothing of what was measured before goes on.
func (r *registrar) settle(ctx context.Context, doors ...door) error {
	for _, d := range doors {
		for {
			b, err := d.Checkpoint(ctx)
			if err != nil {
				return err
			}
			h, err := directory.DecodeHead(b)
			if err != nil {
				return err
			}
			r.height = max(r.height, h.Height)
			if h.State.Records.Count == r.records {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// durable submits a transaction. It returns nil only when the node that was
// asked has the block with it on disk, and every item was accepted.
func durable(ctx context.Context, d door, tx []byte) error {
	raw, err := d.Submit(ctx, tx)
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

// fill commits batches one after the other until there are so many records.
func (r *registrar) fill(ctx context.Context, d door, records uint64, batch int) error {
	for n := 0; r.records < records; n++ {
		if n%100 == 0 { // transactions end with a height
			if err := r.settle(ctx, d); err != nil {
				return err
			}
		}
		if err := durable(ctx, d, r.batch(min(batch, int(records-r.records)))); err != nil {
			return err
		}
	}
	return r.settle(ctx, d)
}

// A load is clients who each commit so many batches of a size, one after the
// other; what it took is kept for each commit, and for each round the rate.
type load struct {
	ledger               string
	r                    *registrar
	doors                []door // the clients' in turn
	clients, batch, each int
	took                 series
	rates                []float64 // commits per second
}

// round measures. Transactions are made before, and what a ledger does after
// its answers is waited for.
func (l *load) round(ctx context.Context, keep bool) error {
	txs := make([][][]byte, l.clients)
	for c := range txs {
		for range l.each {
			txs[c] = append(txs[c], l.r.batch(l.batch))
		}
	}
	took := make([]series, l.clients)
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	began := time.Now()
	for c := range txs {
		all.Go(func() {
			for _, tx := range txs[c] {
				start := time.Now()
				if err := durable(ctx, l.doors[c%len(l.doors)], tx); err != nil {
					failed.Store(&err)
					return
				}
				took[c] = append(took[c], time.Since(start))
			}
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	if err := failed.Load(); err != nil {
		return *err
	}
	if keep {
		l.took = append(l.took, slices.Concat(took...)...)
		l.rates = append(l.rates, float64(l.clients*l.each)/elapsed.Seconds())
	}
	return l.r.settle(ctx, l.doors...)
}

// An fsyncer appends 4 KiB to a file and waits until the disk has them: what a
// durable write costs here without any ledger.
type fsyncer struct {
	f    *os.File
	took series
}

func newFsyncer(t testing.TB) *fsyncer {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "yardstick"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &fsyncer{f: f}
}

func (y *fsyncer) round(n int) error {
	for range n {
		start := time.Now()
		if _, err := y.f.Write(make([]byte, 4096)); err != nil {
			return err
		}
		if err := y.f.Sync(); err != nil {
			return err
		}
		y.took = append(y.took, time.Since(start))
	}
	return nil
}

// at is the p-th percentile, by nearest rank; the series is sorted.
func (s series) at(p int) time.Duration { return s[(len(s)*p+99)/100-1] }

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
