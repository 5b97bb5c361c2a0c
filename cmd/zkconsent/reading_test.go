package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// observer is a node as whoever runs it sees it: every call with its arguments.
type observer struct {
	*ledger.Node
	mu    sync.Mutex
	calls []string
}

func (o *observer) saw(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, fmt.Sprintf(format, args...))
}

func (o *observer) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.calls
	o.calls = nil
	return out
}

func (o *observer) Checkpoint(ctx context.Context) ([]byte, error) {
	o.saw("checkpoint")
	return o.Node.Checkpoint(ctx)
}

func (o *observer) Directory(ctx context.Context) ([]byte, error) {
	o.saw("directory")
	return o.Node.Directory(ctx)
}

func (o *observer) Trail(ctx context.Context, above uint64) ([][]byte, error) {
	o.saw("trail")
	return o.Node.Trail(ctx, above)
}

func (o *observer) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	o.saw("log %v %d %d", k, from, max)
	return o.Node.Log(ctx, k, from, max)
}

func (o *observer) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	o.saw("layer %d %d", from, max)
	return o.Node.Layer(ctx, from, max)
}

func (o *observer) Changes(ctx context.Context, epoch uint64) ([]byte, error) {
	o.saw("changes %d", epoch)
	return o.Node.Changes(ctx, epoch)
}

func (o *observer) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	o.saw("bucket %d %x", number, root)
	return o.Node.Bucket(ctx, number, root)
}

func (o *observer) Anchor(ctx context.Context, epoch uint64) ([]byte, error) {
	o.saw("anchor %d", epoch)
	return o.Node.Anchor(ctx, epoch)
}

// noProof proves nothing and verifies everything: what is proved is not what a
// node sees.
type noProof struct{}

func (noProof) Prove(context.Context, *consent.Statement, *consent.Witness) (consent.Proof, error) {
	return consent.Proof(make([]byte, 128)), nil
}

func (noProof) Verify([]fr.Element, consent.Proof) error { return nil }

// A ward is a ledger with a hospital that registers and withdraws for patients.
type ward struct {
	t        *testing.T
	node     *ledger.Node
	genesis  *genesis
	hospital ed25519.PrivateKey
	insurer  ed25519.PrivateKey
	trust    consent.TrustList
	nonce    uint64
}

const insurerURI = "https://insurer.example"

func newWard(t *testing.T) *ward {
	t.Helper()
	key := func(seed byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	}
	v := &ward{t: t, hospital: key(1), insurer: key(2)}
	v.trust = consent.TrustList{Name: "registrars", Sequence: 1, Authorities: []fr.Element{v.id(v.hospital)}}
	home := ledger.Home(t.TempDir())
	validator, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	d := directory.Directory{
		Parameters:  directory.Parameters{Epoch: 3600, EveryBlock: true, MaxHeadAge: 600, Heartbeat: 60, Quota: 1 << 16, PowBits: 8, RevokeDelay: 1, TrustPeriod: 1 << 20, DevelopmentKeys: true},
		Validators:  []directory.Validator{{Key: validator, Power: 1, Name: "validator"}},
		TrustLists:  []directory.Named{{Name: v.trust.Name, Sequence: 1, Digest: v.trust.Digest()}},
		Manifests:   []directory.Manifest{{Circuit: string(consent.ConsentOnly), Digest: [32]byte{1}}},
		Authorities: []directory.Authority{v.authority(v.hospital, "https://hospital.example", directory.Registrar), v.authority(v.insurer, insurerURI, directory.Verifier)},
	}
	sort.Slice(d.Authorities, func(i, j int) bool { return d.Authorities[i].ID.Cmp(&d.Authorities[j].ID) < 0 })
	g := &directory.Genesis{ChainID: "reading-test", Time: uint64(time.Now().Add(-time.Minute).Unix()), Directory: d}
	if err := home.WriteGenesis(g); err != nil {
		t.Fatal(err)
	}
	v.genesis = &genesis{g, directory.GenesisHash(g)}
	if v.node, err = ledger.Start(context.Background(), home, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.node.Stop() })
	return v
}

func (v *ward) id(key ed25519.PrivateKey) fr.Element {
	return directory.AuthorityID(key.Public().(ed25519.PublicKey))
}

func (v *ward) authority(key ed25519.PrivateKey, uri string, r directory.Roles) directory.Authority {
	return directory.Authority{ID: v.id(key), Key: key.Public().(ed25519.PublicKey), URI: uri, Name: uri, Roles: r, Active: true}
}

// block has the hospital put something on the ledger.
func (v *ward) block(kind transaction.Kind, payload []byte) error {
	v.nonce++
	tx := &transaction.Transaction{Genesis: v.genesis.hash, Expiry: 900, Nonce: v.nonce, Kind: kind, Payload: payload}
	tx.Sign(v.id(v.hospital), v.hospital)
	b, err := v.node.Submit(context.Background(), tx.Encode())
	if err != nil {
		return err
	}
	r, err := transaction.DecodeResult(b)
	if err == nil {
		err = r.Refused()
	}
	return err
}

// others commits records of other patients.
func (v *ward) others(n int) {
	v.t.Helper()
	items := make([]consent.Sealed, n)
	for i := range items {
		v.nonce++
		b := binary.BigEndian.AppendUint64(nil, v.nonce)
		items[i] = consent.Sealed{Commitment: field.Of("test-cm", b), Lock: field.Of("test-lock", b)}
	}
	if err := v.block(transaction.CommitConsents, transaction.SealedPayload(items)); err != nil {
		v.t.Fatal(err)
	}
}

// Withdraw and Revoke make the hospital a wallet's relay.
func (v *ward) Withdraw(_ context.Context, s fr.Element) error {
	return v.block(transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{s}))
}

func (v *ward) Revoke(_ context.Context, index uint64, rs fr.Element) error {
	return v.block(transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: index, RS: rs}}))
}

// request is one of the insurer's.
func (v *ward) request() *consent.SignedRequest {
	v.t.Helper()
	now := consent.Time(time.Now().Unix())
	r := &consent.Request{
		Signer: v.id(v.insurer), Genesis: v.genesis.hash, Issued: now, Expires: now + 600, Circuit: consent.ConsentOnly, Manifest: [32]byte{1},
		Purpose: v.purpose(), Categories: v.categories(), QFrom: 1000, QTo: now, Until: now + 3600,
		Policy: "a policy", Trust: v.trust, Rule: consent.Pseudonym, Context: "claim 1", MaxRootAge: 3600,
	}
	for _, b := range [][]byte{r.ID[:], r.Nonce[:]} {
		if _, err := rand.Read(b); err != nil {
			v.t.Fatal(err)
		}
	}
	return consent.SignRequest(v.insurer, r)
}

func (v *ward) purpose() codes.Purposes {
	p, err := codes.ParsePurposes("CLMATTCH")
	if err != nil {
		v.t.Fatal(err)
	}
	return p
}

func (v *ward) categories() codes.Categories {
	c, err := codes.ParseCategories("conditions")
	if err != nil {
		v.t.Fatal(err)
	}
	return c
}

// A patient has a wallet, and a node that watches it.
type patient struct {
	*ward
	*session
	w    *wallet.Wallet
	seen *observer
	ids  []wallet.ID
}

func (v *ward) patient() *patient {
	v.t.Helper()
	dir := v.t.TempDir()
	keys := func(consent.CircuitID, [32]byte, bool) (wallet.VerifyingKey, error) { return noProof{}, nil }
	w, _, err := wallet.Create(filepath.Join(dir, "wallet"), "correct horse battery", &wallet.Options{Genesis: v.genesis.hash, WorkFactor: 2, Keys: keys})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { w.Close() })
	o := &observer{Node: v.node}
	c, err := light.Open(light.Config{Genesis: v.genesis.Genesis, Source: o, Dir: filepath.Join(dir, "ledger"), Follow: light.Layers, Whole: 1, Start: light.Newest})
	if err != nil {
		v.t.Fatal(err)
	}
	return &patient{ward: v, session: &session{genesis: v.genesis, light: c, bar: newBar(io.Discard, true)}, w: w, seen: o}
}

// look is what the verb "wallet sync" does.
func (p *patient) look() {
	p.t.Helper()
	ctx := context.Background()
	if err := errors.Join(p.refresh(ctx), p.w.Sync(ctx, p.walletLedger()), p.tend(ctx, p.w)); err != nil {
		p.t.Fatal(err)
	}
}

// grant makes so many consents and returns what the hospital registers.
func (p *patient) grant(n int) []consent.Sealed {
	p.t.Helper()
	ctx := context.Background()
	for range n {
		got, err := p.w.Import(ctx, p.walletLedger(), []byte("a document"), []wallet.Grant{{Actor: insurerURI, Policy: "a policy", Terms: consent.Terms{
			Purposes: p.purpose(), Categories: p.categories(),
			NotBefore: consent.Time(time.Now().Unix() - 60), NotAfter: consent.Time(time.Now().Unix() + 86400), DataFrom: 1, DataTo: consent.MaxTime,
		}}})
		if err != nil {
			p.t.Fatal(err)
		}
		p.ids = append(p.ids, got[0].ID)
	}
	batch, err := p.w.Grant(ctx, p.walletLedger(), p.id(p.hospital), p.ids...)
	if err != nil {
		p.t.Fatal(err)
	}
	return batch.Items
}

// alike fails unless the node saw the same of all patients.
func alike(t *testing.T, what string, patients []*patient) {
	t.Helper()
	first := patients[0].seen.take()
	for i, p := range patients[1:] {
		if calls := p.seen.take(); !slices.Equal(calls, first) {
			t.Errorf("%s: patient %d\n%q\npatient 0\n%q", what, i+1, calls, first)
		}
	}
	t.Logf("%s: %s", what, strings.Join(first, ", "))
}

// TestReading_LivesLookAlike lives the lives of patients with different
// records through the wallet, its ledger and a real node: a wallet is made,
// grants, is registered, proves, withdraws, and follows later epochs. What the
// node sees of all is the same, and of a proof it sees nothing.
func TestReading_LivesLookAlike(t *testing.T) {
	v := newWard(t)
	v.others(1100)
	patients := []*patient{v.patient(), v.patient(), v.patient(), v.patient()}
	for _, p := range patients {
		p.look()
	}
	alike(t, "made", patients)
	var items []consent.Sealed
	for i, p := range patients {
		items = append(items, p.grant(1+i%3)...)
	}
	alike(t, "granted", patients)
	if err := v.block(transaction.CommitConsents, transaction.SealedPayload(items)); err != nil {
		t.Fatal(err)
	}
	v.others(1500) // on both sides of a bucket's edge
	for _, p := range patients {
		p.look()
	}
	alike(t, "registered", patients)
	for _, p := range patients {
		review, err := p.w.Review(context.Background(), p.walletLedger(), v.request())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.w.Prove(context.Background(), p.walletLedger(), noProof{}, review, true); err != nil {
			t.Fatal(err)
		}
		if calls := p.seen.take(); len(calls) != 0 {
			t.Errorf("a proof made the calls %q", calls)
		}
	}
	for _, p := range patients[:2] {
		if err := p.w.Withdraw(context.Background(), v, p.ids[0]); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for _, p := range patients {
			p.look()
		}
		alike(t, "after withdrawals", patients)
		v.others(3)
	}
	for i, p := range patients {
		c, err := p.w.Show(p.ids[0])
		if err != nil {
			t.Fatal(err)
		}
		if want := i < 2; (c[0].State == wallet.Withdrawn) != want || !want && c[0].State != wallet.Registered {
			t.Errorf("patient %d: the consent is %v", i, c[0].State)
		}
	}
}

// TestReading_OnlyNewWalletsStartLate: a wallet that was made here begins at the
// newest epoch, one that has read goes on, and a restored one, or one whose
// mark is another's, begins at the first record.
func TestReading_OnlyNewWalletsStartLate(t *testing.T) {
	a := &app{home: t.TempDir()}
	created := func(name string) *wallet.Wallet {
		w, _, err := wallet.Create(a.path(name), "correct horse battery", &wallet.Options{Genesis: [32]byte{1}, WorkFactor: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		return w
	}
	w, other := created("one"), created("two")
	want := func(what string, w *wallet.Wallet, at uint64) {
		t.Helper()
		if got, err := a.start(w); err != nil || got != at {
			t.Errorf("%s: it starts at %d, want %d: %v", what, got, at, err)
		}
	}
	want("without a mark", w, 0)
	if err := a.markNew(w); err != nil {
		t.Fatal(err)
	}
	want("made here", w, light.Newest)
	want("another's mark", other, 0)
	a.fromFirst = true
	want("from the first record", w, 0)
	a.fromFirst = false
	for range 2 {
		if err := a.unmarkNew(); err != nil {
			t.Fatal(err)
		}
		want("after it has read", w, 0)
	}
}
