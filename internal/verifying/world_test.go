package verifying_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/consent/wallet/wallettest"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/internal/verifying"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

const policyText = "The insurer checks claims, and keeps the answer until the date shown."

// patience is how long a test waits for what must come.
const patience = time.Minute

// A party is an authority with its key.
type party struct {
	id  fr.Element
	key ed25519.PrivateKey
}

// A world is a ledger node behind its gRPC face, a hospital that registers
// consents, and two verifiers, of which the insurer has a service.
type world struct {
	t      testing.TB
	ctx    context.Context
	prover *wallettest.Prover
	keys   verifier.Keys

	genesis                    *directory.Genesis
	hash                       [32]byte
	hospital, insurer, another party
	trust                      consent.TrustList

	home   ledger.Home
	node   *ledger.Node
	server *grpc.Server
	socket string

	client *light.Client // of everything, for wallets
	nonce  uint64
}

// loaded is what takes long to read and does not change.
var loaded struct {
	once   sync.Once
	prover *wallettest.Prover
}

func newWorld(t testing.TB) *world {
	t.Helper()
	loaded.once.Do(func() { loaded.prover = wallettest.NewProver(t, consent.ConsentOnly) })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, prover: loaded.prover, home: ledger.Home(t.TempDir()), keys: verifier.Keys{}}
	for i := range w.prover.Manifest.Entries {
		e := &w.prover.Manifest.Entries[i]
		k, err := w.prover.Key(consent.CircuitID(e.Circuit), e.Digest(), true)
		w.must(err)
		w.keys[e.Digest()] = k.(presented.Key)
	}
	w.makeGenesis()
	dir, err := os.MkdirTemp("", "v") // a socket's path is short
	w.must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	w.socket = filepath.Join(dir, "s")
	w.start()
	t.Cleanup(w.halt)
	w.client, err = light.Open(light.Config{Genesis: w.genesis, Source: w.dial()})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) makeGenesis() {
	validator, err := w.home.Create()
	w.must(err)
	d := directory.Directory{
		Parameters: directory.Parameters{Epoch: 60, EveryBlock: true, MaxHeadAge: 60, Heartbeat: 2, Quota: 1000, PowBits: 4, RevokeDelay: 60, TrustPeriod: 1 << 20, DevelopmentKeys: true},
		Validators: []directory.Validator{{Key: validator, Power: 10, Name: "validator"}},
	}
	join := func(seed byte, name string, roles directory.Roles) party {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
		public := key.Public().(ed25519.PublicKey)
		p := party{directory.AuthorityID(public), key}
		d.Authorities = append(d.Authorities, directory.Authority{ID: p.id, Key: public, URI: "https://" + name + ".example", Name: name, Roles: roles, Active: true})
		return p
	}
	w.hospital = join(1, "hospital", directory.Registrar)
	w.insurer, w.another = join(2, "insurer", directory.Verifier), join(3, "another", directory.Verifier)
	sort.Slice(d.Authorities, func(i, j int) bool { return d.Authorities[i].ID.Cmp(&d.Authorities[j].ID) < 0 })
	w.trust = consent.TrustList{Name: "registrars", Sequence: 1, Authorities: []fr.Element{w.hospital.id}}
	d.TrustLists = []directory.Named{{Name: w.trust.Name, Sequence: w.trust.Sequence, Digest: w.trust.Digest()}}
	for i := range w.prover.Manifest.Entries {
		e := &w.prover.Manifest.Entries[i]
		d.Manifests = append(d.Manifests, directory.Manifest{Circuit: e.Circuit, Digest: e.Digest()})
	}
	w.genesis = &directory.Genesis{ChainID: "verifying-test", Time: uint64(time.Now().Add(-time.Hour).Unix()), Directory: d}
	w.must(w.home.WriteGenesis(w.genesis))
	w.hash = directory.GenesisHash(w.genesis)
}

// start starts the node, or starts it again.
func (w *world) start() {
	w.t.Helper()
	var err error
	w.node, err = ledger.Start(w.ctx, w.home, nil)
	w.must(err)
	os.Remove(w.socket)
	l, err := net.Listen("unix", w.socket)
	w.must(err)
	w.server = grpc.NewServer()
	zkconsentv1.RegisterRegistryServiceServer(w.server, wire.NewService(w.node, w.genesis.Encode()))
	go w.server.Serve(l)
}

// halt takes the node away.
func (w *world) halt() {
	if w.node != nil {
		w.server.Stop()
		w.node.Stop()
		w.node = nil
	}
}

func (w *world) dial() *wire.Remote {
	w.t.Helper()
	conn, err := grpc.NewClient("unix:"+w.socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, MaxDelay: 2 * time.Second}}))
	w.must(err)
	r := wire.NewRemote(socket{conn})
	w.t.Cleanup(func() { r.Close() })
	return r
}

// A socket is a connection to a node that can be taken away and come back where
// it was.
type socket struct{ *grpc.ClientConn }

func (s socket) Name() string { return s.Target() }

// eventually waits for what must come.
func (w *world) eventually(what string, done func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%s does not come", what)
		}
	}
}

// submit puts a transaction of the hospital on the ledger.
func (w *world) submit(kind transaction.Kind, payload []byte) {
	w.t.Helper()
	w.must(w.client.Sync(w.ctx))
	h, err := w.client.Head()
	w.must(err)
	w.nonce++
	tx := &transaction.Transaction{Genesis: w.hash, Expiry: h.Height + 500, Nonce: w.nonce, Kind: kind, Payload: payload}
	tx.Sign(w.hospital.id, w.hospital.key)
	result, err := w.client.Submit(w.ctx, tx)
	w.must(err)
	w.must(result.Refused())
}

// Submit, Snapshot, Records, Withdrawals and Path are a wallet's ledger.
func (w *world) Submit(ctx context.Context, t *transaction.Transaction) (*transaction.Result, error) {
	return w.client.Submit(ctx, t)
}

func (w *world) Snapshot(ctx context.Context) (*wallet.Snapshot, error) {
	if err := w.client.Sync(ctx); err != nil {
		return nil, err
	}
	head, err := w.client.Head()
	if err != nil {
		return nil, err
	}
	d, err := w.client.Directory()
	if err != nil {
		return nil, err
	}
	e, err := w.client.Newest()
	return &wallet.Snapshot{Head: head, Directory: d, Epoch: e}, err
}

func (w *world) Records(_ context.Context, from, to uint64) ([]journal.Record, error) {
	return w.client.RecordLog(from, to)
}

func (w *world) Withdrawals(_ context.Context, from, to uint64) ([]journal.Withdrawal, error) {
	return w.client.WithdrawalLog(from, to)
}

func (w *world) Path(_ context.Context, epoch directory.Epoch, index uint64) (merkle.Path, error) {
	p, newest, err := w.client.Path(index)
	switch {
	case err != nil:
		return p, fmt.Errorf("%w: %w", wallet.ErrNoLeaf, err)
	case newest != epoch:
		return p, wallet.ErrEpochReplaced
	}
	return p, nil
}

// A patient has a wallet with a consent to the insurer on the ledger.
type patient struct {
	w      *world
	wallet *wallet.Wallet
	given  wallet.ID
}

func (w *world) newPatient() *patient {
	w.t.Helper()
	p := &patient{w: w}
	var err error
	p.wallet, _, err = wallet.Create(filepath.Join(w.t.TempDir(), "wallet"), "correct horse battery", &wallet.Options{Genesis: w.hash, WorkFactor: 2, Keys: w.prover.Key})
	w.must(err)
	w.t.Cleanup(func() { p.wallet.Close() })
	now := consent.Time(time.Now().Unix())
	purposes, err := codes.ParsePurposes("CLMATTCH")
	w.must(err)
	categories, err := codes.ParseCategories("conditions")
	w.must(err)
	got, err := p.wallet.Import(w.ctx, w, []byte("a signed document"), []wallet.Grant{{
		Actor: "https://insurer.example", Policy: policyText,
		Terms: consent.Terms{Purposes: purposes, Categories: categories, NotBefore: now - 86400, NotAfter: now + 90*86400, DataFrom: 1, DataTo: consent.MaxTime},
	}})
	w.must(err)
	p.given = got[0].ID
	batch, err := p.wallet.Grant(w.ctx, w, w.hospital.id, p.given)
	w.must(err)
	w.submit(transaction.CommitConsents, transaction.SealedPayload(batch.Items))
	w.eventually("the consent", func() bool {
		w.must(p.wallet.Sync(w.ctx, w))
		c, err := p.wallet.Show(p.given)
		w.must(err)
		return c[0].State == wallet.Registered
	})
	return p
}

// answer reviews a request as a wallet gets it, and proves.
func (p *patient) answer(signed []byte) []byte {
	p.w.t.Helper()
	asked, err := consent.DecodeSignedRequest(signed)
	p.w.must(err)
	review, err := p.wallet.Review(p.w.ctx, p.w, asked)
	p.w.must(err)
	shown, err := p.wallet.Prove(p.w.ctx, p.w, p.w.prover, review, true)
	p.w.must(err)
	return shown.Encode()
}

// withdraw publishes the withdrawal, by the patient's own stamp.
func (p *patient) withdraw() {
	p.w.t.Helper()
	p.w.must(p.wallet.Withdraw(p.w.ctx, &wallet.Stamper{Ledger: p.w, Submit: p.w}, p.given))
}

// A desk is what a verifier runs: its store, the ledger that it follows, its
// service and a client of it.
type desk struct {
	w        *world
	store    *store.Store
	ledger   *verifying.Ledger
	verifier *verifier.Verifier
	policies *verifying.Policies
	folder   string
	service  *verifying.Service
	api      zkconsentv1.VerifierServiceClient
	log      *logged
	ahead    atomic.Int64 // of this desk's clock, in nanoseconds
}

// clock is the desk's.
func (d *desk) clock() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }

// principal is the header by which a test's call says who it is.
const principal = "test-principal"

// as is a call's context in a principal's name.
func as(ctx context.Context, name string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, principal, name)
}

func named(ctx context.Context) context.Context {
	if m, ok := metadata.FromIncomingContext(ctx); ok && len(m[principal]) == 1 {
		return identity.With(ctx, identity.Principal{Name: m[principal][0], Roles: []identity.Role{identity.Insurer}})
	}
	return ctx
}

type namedStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s namedStream) Context() context.Context { return s.ctx }

// open opens the insurer's desk on a store and a folder of policies.
func (w *world) open(change ...func(*verifying.Config)) *desk {
	w.t.Helper()
	s, err := store.Open(w.ctx, filepath.Join(w.t.TempDir(), "v.db"), nil)
	w.must(err)
	w.t.Cleanup(func() { s.Close() })
	folder := w.t.TempDir()
	w.must(os.WriteFile(filepath.Join(folder, "registrars.trust"), w.trust.Encode(), 0o600))
	w.must(os.WriteFile(filepath.Join(folder, "claims.json"), []byte(policyDocument), 0o600))
	d := &desk{w: w, store: s, folder: folder, log: &logged{}}
	d.run(w.insurer, s, change...)
	return d
}

const policyDocument = `{"circuit": "consent", "purpose": "CLMATTCH", "categories": ["conditions"], "data": {"from": "2025-01-01"}, "relyFor": "30d",
	"policyText": "` + policyText + `", "trust": "registrars.trust", "rule": "pseudonym", "context": "claims 2026"}`

// run starts everything that is in the process, and serves it.
func (d *desk) run(of party, s verifier.Store, change ...func(*verifying.Config)) {
	w := d.w
	w.t.Helper()
	var err error
	d.policies, err = verifying.OpenPolicies(d.folder)
	w.must(err)
	log := slog.New(slog.NewTextHandler(d.log, nil))
	remote := w.dial()
	d.ledger, err = verifying.Follow(verifying.FollowConfig{Genesis: w.genesis, Nodes: []light.Source{remote}, Every: 200 * time.Millisecond, Now: d.clock, Log: log})
	w.must(err)
	d.verifier, err = verifier.New(verifier.Config{ID: of.id, Key: of.key, Genesis: w.hash, Roots: d.ledger, Keys: w.keys, Store: s, Now: d.clock})
	w.must(err)
	c := verifying.Config{Verifier: d.verifier, Policies: d.policies, Look: 20 * time.Millisecond, Sweep: 100 * time.Millisecond, Heartbeat: 200 * time.Millisecond, Log: log}
	for _, f := range change {
		f(&c)
	}
	d.service, err = verifying.New(c)
	w.must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	server := grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return next(named(ctx), r)
		}),
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			return next(srv, namedStream{s, named(s.Context())})
		}))
	zkconsentv1.RegisterVerifierServiceServer(server, d.service)
	go server.Serve(l)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	w.must(err)
	d.api = zkconsentv1.NewVerifierServiceClient(conn)
	w.t.Cleanup(sync.OnceFunc(func() {
		conn.Close()
		d.service.Close()
		server.Stop()
		d.ledger.Close()
	}))
	w.eventually("the first head", func() bool { return d.service.Ready() == nil && d.ledger.Ready() == nil })
}

// ask makes a request.
func (d *desk) ask(change ...func(*zkconsentv1.CreateRequestRequest)) *zkconsentv1.CreateRequestResponse {
	d.w.t.Helper()
	r := &zkconsentv1.CreateRequestRequest{Policy: "claims"}
	for _, c := range change {
		c(r)
	}
	made, err := d.api.CreateRequest(as(d.w.ctx, "cert:clerk"), r)
	d.w.must(err)
	return made
}

// verdict has a presentation decided.
func (d *desk) verdict(presentation []byte) *zkconsentv1.Verdict {
	d.w.t.Helper()
	r, err := d.api.Verify(d.w.ctx, &zkconsentv1.VerifyRequest{Presentation: presentation})
	d.w.must(err)
	return r.Verdict
}

// logged is what the operator reads.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var _ io.Writer = (*logged)(nil)

// unhex is a request's id in binary.
func unhex(t testing.TB, s string) (id [16]byte) {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		t.Fatalf("%q is no id", s)
	}
	return [16]byte(b)
}

// numbered is the nth 128-bit id.
func numbered(n uint64) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(make([]byte, 8), n))
}
