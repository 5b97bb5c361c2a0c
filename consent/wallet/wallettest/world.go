// Package wallettest is a small world for the tests of wallets and issuers: a
// real ledger state without consensus, some authorities, and a clock that the
// test moves.
package wallettest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"sort"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// Start is the world's first second, in unix time.
const Start = 1_790_000_000

// A Party is an authority with its key.
type Party struct {
	ID  fr.Element
	Key ed25519.PrivateKey
	URI string
}

func party(seed byte, name string) Party {
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return Party{directory.AuthorityID(k.Public().(ed25519.PublicKey)), k, "https://" + name + ".example"}
}

// A World is a ledger and who lives on it.
type World struct {
	Hospital, Clinic  Party   // registrars and issuers
	Insurer, Research Party   // verifiers
	Verifiers         []Party // five: those two and three more
	Schema            *consent.Schema
	Issuers, One      consent.TrustList // both issuers; the hospital alone
	Registrars        consent.TrustList
	Genesis           [32]byte
	Fail              error // of every call, while it is set

	tb     testing.TB
	state  *registry.State
	height uint64
	now    uint64
	frozen *wallet.Snapshot
	txs    [][]byte

	tree   *merkle.Tree // of one epoch, the last that a path was asked for
	treeOf directory.Epoch
}

// New makes a world whose directory names the circuits of m; nil for none.
func New(tb testing.TB, m *manifest.Manifest) *World {
	tb.Helper()
	w := &World{
		Hospital: party(1, "hospital"), Clinic: party(2, "clinic"), Insurer: party(3, "insurer"), Research: party(4, "research"),
		Schema: schema(), tb: tb, now: Start,
	}
	w.Verifiers = []Party{w.Insurer, w.Research, party(5, "pharmacy"), party(6, "employer"), party(7, "laboratory")}
	list := func(name string, ids ...fr.Element) consent.TrustList {
		sort.Slice(ids, func(i, j int) bool { return ids[i].Cmp(&ids[j]) < 0 })
		return consent.TrustList{Name: name, Sequence: 1, Authorities: ids}
	}
	w.Issuers, w.One = list("issuers", w.Hospital.ID, w.Clinic.ID), list("hospital", w.Hospital.ID)
	w.Registrars = list("registrars", w.Hospital.ID, w.Clinic.ID)
	g := w.genesis(m)
	w.Genesis = directory.GenesisHash(g)
	var err error
	if w.state, err = registry.Open("state", &registry.Options{FS: vfs.NewMem()}); err != nil {
		tb.Fatal(err)
	}
	if _, err := w.state.InitGenesis(g.Encode()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { w.state.Close() })
	w.Block()
	return w
}

func (w *World) genesis(m *manifest.Manifest) *directory.Genesis {
	record := func(p Party, name string, r directory.Roles) directory.Authority {
		return directory.Authority{ID: p.ID, Key: p.Key.Public().(ed25519.PublicKey), URI: p.URI, Name: name, Roles: r, Active: true}
	}
	both := directory.Registrar | directory.Issuer
	d := directory.Directory{
		Parameters: directory.Parameters{Epoch: 600, EveryBlock: true, MaxHeadAge: 60, Heartbeat: 6, Quota: 10_000, PowBits: 4, RevokeDelay: 3600, TrustPeriod: 1 << 20, DevelopmentKeys: true},
		Authorities: []directory.Authority{
			record(w.Hospital, "Hospital", both), record(w.Clinic, "Clinic", both),
			record(w.Insurer, "Insurer", directory.Verifier), record(w.Research, "Research", directory.Verifier),
			record(w.Verifiers[2], "Pharmacy", directory.Verifier), record(w.Verifiers[3], "Employer", directory.Verifier),
			record(w.Verifiers[4], "Laboratory", directory.Verifier),
		},
		Schemas: []directory.Named{{Name: w.Schema.Name, Sequence: w.Schema.Version, Digest: w.Schema.Digest()}},
	}
	for _, t := range []*consent.TrustList{&w.One, &w.Issuers, &w.Registrars} {
		d.TrustLists = append(d.TrustLists, directory.Named{Name: t.Name, Sequence: t.Sequence, Digest: t.Digest()})
	}
	if m != nil {
		for i := range m.Entries {
			e := &m.Entries[i]
			d.Manifests = append(d.Manifests, directory.Manifest{Circuit: e.Circuit, Digest: e.Digest()})
		}
	}
	a := d.Authorities
	sort.Slice(a, func(i, j int) bool { return a[i].ID.Cmp(&a[j].ID) < 0 })
	validator := party(9, "validator")
	d.Validators = []directory.Validator{{Key: validator.Key.Public().(ed25519.PublicKey), Power: 1, Name: "validator"}}
	return &directory.Genesis{
		ChainID: "wallet-test", Time: Start, Directory: d,
	}
}

func schema() *consent.Schema {
	code := func(n int) consent.Slot {
		return consent.Slot{Name: fmt.Sprintf("dx%d", n), Label: fmt.Sprintf("diagnosis %d", n+1), Type: consent.Code, System: "http://hl7.org/fhir/sid/icd-10", Group: 1, Categories: category("conditions")}
	}
	date := func(n int) consent.Slot {
		return consent.Slot{Name: fmt.Sprintf("date%d", n), Label: fmt.Sprintf("date of diagnosis %d", n+1), Type: consent.Date, Group: 1, Categories: category("conditions")}
	}
	return &consent.Schema{Name: "summary", Version: 1, Slots: []consent.Slot{
		{Name: "birthDate", Label: "birth date", Type: consent.Date, Categories: category("demographics")},
		code(0), code(1), date(0), date(1),
	}}
}

func category(name string) codes.Categories {
	e, err := codes.CategoryTable().ByName(name)
	if err != nil {
		panic(err)
	}
	return codes.Categories(e.Mask())
}

// Category is the mask of a category by its name.
func (w *World) Category(name string) codes.Categories { return category(name) }

// Purpose is the mask of a purpose by its name.
func (w *World) Purpose(name string) codes.Purposes {
	e, err := codes.PurposeTable().ByName(name)
	if err != nil {
		w.tb.Fatal(err)
	}
	return codes.Purposes(e.Mask())
}

// Now is the world's clock.
func (w *World) Now() time.Time { return time.Unix(int64(w.now), 0) }

// Time is the world's clock as the protocol writes it.
func (w *World) Time() consent.Time { return consent.Time(w.now) }

// Wait moves the clock and closes an empty block.
func (w *World) Wait(d time.Duration) {
	w.now += uint64(d / time.Second)
	w.Block()
}

// Sleep moves the clock while the ledger stands still.
func (w *World) Sleep(d time.Duration) { w.now += uint64(d / time.Second) }

// Freeze makes the ledger show today's head for ever; Thaw ends that.
func (w *World) Freeze() { w.frozen, _ = w.Snapshot(context.Background()) }

// Thaw undoes Freeze.
func (w *World) Thaw() { w.frozen = nil }

// Block executes transactions.
func (w *World) Block(txs ...*transaction.Transaction) []transaction.Result {
	w.tb.Helper()
	w.now++
	w.height++
	var raw [][]byte
	for _, t := range txs {
		raw = append(raw, t.Encode())
	}
	w.txs = append(w.txs, raw...)
	a, err := w.state.Apply(registry.Block{Height: w.height, Time: w.now, Txs: raw})
	if err != nil {
		w.tb.Fatal(err)
	}
	if err := w.state.Commit(); err != nil {
		w.tb.Fatal(err)
	}
	return a.Results
}

// Transactions are all that blocks carried, refused ones included: what every
// node of a ledger sees and keeps.
func (w *World) Transactions() [][]byte { return w.txs }

// Submit is a ledger's.
func (w *World) Submit(_ context.Context, t *transaction.Transaction) (*transaction.Result, error) {
	if w.Fail != nil {
		return nil, w.Fail
	}
	return &w.Block(t)[0], nil
}

// Register puts sealed items on the ledger in a party's name.
func (w *World) Register(by Party, items ...consent.Sealed) []transaction.ItemCode {
	w.tb.Helper()
	t := &transaction.Transaction{Genesis: w.Genesis, Expiry: w.height + 100, Nonce: w.now, Kind: transaction.CommitConsents, Payload: transaction.SealedPayload(items)}
	t.Sign(by.ID, by.Key)
	r := w.Block(t)[0]
	if err := r.Refused(); err != nil {
		w.tb.Fatal(err)
	}
	return r.Items
}

// Head is a ledger's.
func (w *World) Head(ctx context.Context) (directory.Head, *directory.Directory, error) {
	s, err := w.Snapshot(ctx)
	if err != nil {
		return directory.Head{}, nil, err
	}
	return s.Head, s.Directory, nil
}

// Snapshot is a ledger's.
func (w *World) Snapshot(ctx context.Context) (*wallet.Snapshot, error) {
	if w.Fail != nil {
		return nil, w.Fail
	}
	if w.frozen != nil {
		return w.frozen, nil
	}
	v, err := w.state.View()
	if err != nil {
		return nil, err
	}
	d, err := directory.DecodeDirectory(v.Directory)
	if err != nil {
		return nil, err
	}
	raw, err := w.state.Log(ctx, journal.Epochs, v.State.Epoch, 1)
	if err != nil {
		return nil, err
	}
	e, err := directory.DecodeEpoch(raw[0])
	return &wallet.Snapshot{Head: directory.Head{State: v.State, Height: v.Height, Time: v.Time}, Directory: d, Epoch: e}, err
}

// Records is a ledger's.
func (w *World) Records(ctx context.Context, from, to uint64) ([]journal.Record, error) {
	return read(ctx, w, journal.Records, from, to, journal.DecodeRecord)
}

// Withdrawals is a ledger's.
func (w *World) Withdrawals(ctx context.Context, from, to uint64) ([]journal.Withdrawal, error) {
	return read(ctx, w, journal.Withdrawals, from, to, journal.DecodeWithdrawal)
}

// Epochs are the entries from to to−1 of the epoch log.
func (w *World) Epochs(ctx context.Context, from, to uint64) ([]directory.Epoch, error) {
	return read(ctx, w, journal.Epochs, from, to, directory.DecodeEpoch)
}

func read[T any](ctx context.Context, w *World, k journal.Kind, from, to uint64, decode func([]byte) (T, error)) (out []T, err error) {
	if w.Fail != nil {
		return nil, w.Fail
	}
	raw, err := w.state.Log(ctx, k, from, int(to-from))
	if err != nil {
		return nil, err
	}
	for _, b := range raw {
		e, err := decode(b)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Path is a ledger's.
func (w *World) Path(ctx context.Context, epoch directory.Epoch, index uint64) (merkle.Path, error) {
	if w.tree != nil && w.treeOf == epoch {
		return w.tree.Path(index)
	}
	entries, err := w.Records(ctx, 0, epoch.Records)
	if err != nil {
		return merkle.Path{}, err
	}
	var replay journal.Replay
	for _, e := range entries {
		if err := replay.Apply(e); err != nil {
			return merkle.Path{}, err
		}
	}
	tree, err := merkle.NewTree(journal.Depth)
	if err != nil {
		return merkle.Path{}, err
	}
	if _, err := tree.Update(replay.Take()); err != nil {
		return merkle.Path{}, err
	}
	w.tree, w.treeOf = tree, epoch
	return tree.Path(index)
}
