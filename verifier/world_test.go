package verifier_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store"
)

const (
	epochSeconds = 600
	policyText   = "The insurer checks that the diagnosis is covered, and keeps the answer until the date shown."
)

// A world is a ledger of the test's own, with real proofs and real
// signatures of holders. Heads are signed with one key that stands for the
// validators. It is a verifier.RootSource.
type world struct {
	t      testing.TB
	rng    *rand.Rand
	prover *prover.Prover
	keys   verifier.Keys

	mu          sync.Mutex
	now         time.Time
	lag         time.Duration // of the newest head behind now
	headKey     ed25519.PrivateKey
	genesis     [32]byte
	dir         directory.Directory
	schema      *consent.Schema
	records     *merkle.Tree
	epochs      []directory.Epoch
	withdrawals []verifier.Withdrawal
	lie         func(*directory.Head)            // changes heads before they leave
	omit        func([]verifier.Withdrawal) bool // leaves out a page's last entry
	fail        error

	issuer, issuer2, registrar, insurer, stranger party
	foreign                                       *directory.Epoch // of the real ledger, where a test has one
}

type party struct {
	id  fr.Element
	key ed25519.PrivateKey
}

func (w *world) seed(n byte) []byte { return bytes.Repeat([]byte{n}, ed25519.SeedSize) }

func (w *world) join(n byte, name string, roles directory.Roles) party {
	key := ed25519.NewKeyFromSeed(w.seed(n))
	public := key.Public().(ed25519.PublicKey)
	p := party{directory.AuthorityID(public), key}
	w.dir.Authorities = append(w.dir.Authorities, directory.Authority{
		ID: p.id, Key: public, URI: "urn:test:" + string('a'+rune(n)), Name: name, Roles: roles, Active: true,
	})
	return p
}

// loaded is what takes half a second to read and does not change.
var loaded struct {
	once    sync.Once
	prover  *prover.Prover
	keys    verifier.Keys
	entries []manifest.Entry
}

func newWorld(t testing.TB) *world {
	t.Helper()
	loaded.once.Do(func() {
		dir, m := provertest.Keys(t, slices.DeleteFunc(consent.Circuits(), consent.CircuitID.Enrols)...)
		var err error
		if loaded.prover, err = prover.Open(dir, m, &prover.Options{DevelopmentKeys: true}); err != nil {
			t.Fatal(err)
		}
		if loaded.keys, err = verifier.OpenKeys(dir, m, directory.Parameters{DevelopmentKeys: true}); err != nil {
			t.Fatal(err)
		}
		loaded.entries = m.Entries
	})
	if loaded.entries == nil {
		t.Fatal("the keys could not be loaded")
	}
	var err error
	w := &world{t: t, prover: loaded.prover, keys: loaded.keys, now: time.Unix(1_781_000_000, 0), rng: rand.New(rand.NewPCG(1, 2))}
	w.headKey = ed25519.NewKeyFromSeed(w.seed(100))
	w.genesis = sha256.Sum256([]byte("the ledger of this test"))
	w.dir.Parameters = directory.Parameters{Epoch: epochSeconds, MaxHeadAge: 600, Heartbeat: 60, Quota: 100, PowBits: 8, TrustPeriod: 1 << 20, DevelopmentKeys: true}
	w.dir.Validators = []directory.Validator{{Key: w.headKey.Public().(ed25519.PublicKey), Power: 1, Name: "Validator"}}
	w.issuer = w.join(1, "Clinic A", directory.Issuer)
	w.issuer2 = w.join(2, "Clinic B", directory.Issuer)
	w.registrar = w.join(3, "Registrar", directory.Registrar)
	w.insurer = w.join(4, "Insurer", directory.Verifier)
	w.stranger = w.join(5, "Stranger", directory.Verifier)
	sortAuthorities(w.dir.Authorities)
	for _, e := range loaded.entries {
		w.dir.Manifests = append(w.dir.Manifests, directory.Manifest{Circuit: e.Circuit, Digest: e.Digest()})
	}
	w.schema, err = consent.ParseSchema([]byte(`{"name": "test", "version": 1, "slots": [
		{"name": "birthDate", "label": "birth date", "type": "date", "categories": "demographics"},
		{"name": "dx", "label": "diagnosis", "type": "code", "system": "http://hl7.org/fhir/sid/icd-10-cm", "categories": "conditions"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	w.dir.Schemas = []directory.Named{{Name: w.schema.Name, Sequence: w.schema.Version, Digest: w.schema.Digest()}}
	for _, l := range []consent.TrustList{w.clinicA(), w.clinics(), w.registrars()} {
		w.dir.TrustLists = append(w.dir.TrustLists, directory.Named{Name: l.Name, Sequence: l.Sequence, Digest: l.Digest()})
	}
	if err := w.dir.Validate(); err != nil {
		t.Fatal(err)
	}
	if w.records, err = merkle.NewTree(merkle.MaxDepth); err != nil {
		t.Fatal(err)
	}
	w.epochs = []directory.Epoch{{Root: w.records.Root(), ClosedAt: uint64(w.now.Unix())}}
	return w
}

func sortAuthorities(as []directory.Authority) {
	for i := range as {
		for j := i; j > 0 && as[j].ID.Cmp(&as[j-1].ID) < 0; j-- {
			as[j], as[j-1] = as[j-1], as[j]
		}
	}
}

func (w *world) clinicA() consent.TrustList {
	return consent.TrustList{Name: "clinic-a", Sequence: 1, Authorities: []fr.Element{w.issuer.id}}
}

func (w *world) clinics() consent.TrustList {
	ids := []fr.Element{w.issuer.id, w.issuer2.id}
	if ids[1].Cmp(&ids[0]) < 0 {
		ids[0], ids[1] = ids[1], ids[0]
	}
	return consent.TrustList{Name: "clinics", Sequence: 1, Authorities: ids}
}

func (w *world) registrars() consent.TrustList {
	return consent.TrustList{Name: "registrars", Sequence: 1, Authorities: []fr.Element{w.registrar.id}}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// provesIn is the number of the epoch that patients prove against: the newest
// one, or that of another ledger with the same root.
func (w *world) provesIn() uint64 {
	if w.foreign != nil {
		return w.foreign.Number
	}
	return uint64(len(w.epochs) - 1)
}

// closeEpoch puts what was registered under a new root.
func (w *world) closeEpoch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.epochs = append(w.epochs, directory.Epoch{
		Number: uint64(len(w.epochs)), Root: w.records.Root(), Records: w.records.Len(),
		Withdrawals: uint64(len(w.withdrawals)), ClosedAt: uint64(w.now.Unix()),
	})
}

func (w *world) register(leaf fr.Element) uint64 {
	at := w.records.Len()
	if _, err := w.records.Update([]merkle.Leaf{{Index: at, Value: leaf}}); err != nil {
		w.t.Fatal(err)
	}
	return at
}

func logOf(entries [][]byte) directory.Log {
	f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r := f.NewEmptyRange(0)
	for _, e := range entries {
		r.Append(rfc6962.DefaultHasher.HashLeaf(e), nil)
	}
	root, _ := r.GetRootHash(nil)
	if len(entries) == 0 {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	return directory.Log{Count: uint64(len(entries)), Root: [32]byte(root)}
}

// Head implements verifier.RootSource.
func (w *world) Head(context.Context) (*directory.Head, *directory.Directory, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return nil, nil, w.fail
	}
	dir := w.dir
	newest := w.epochs[len(w.epochs)-1]
	var epochs, withdrawals [][]byte
	for _, e := range w.epochs {
		epochs = append(epochs, e.Encode())
	}
	for _, e := range w.withdrawals {
		v := e.V.Bytes()
		withdrawals = append(withdrawals, binary.BigEndian.AppendUint64(v[:], e.At))
	}
	h := &directory.Head{
		State: directory.State{
			Genesis: w.genesis, Directory: dir.Digest(), Epochs: logOf(epochs), Withdrawals: logOf(withdrawals),
			Epoch: newest.Number, Root: newest.Root,
		},
		Height: uint64(w.now.Unix()), Time: uint64(w.now.Add(-w.lag).Unix()),
	}
	if w.lie != nil {
		w.lie(h)
	}
	h.SignedHeader = ed25519.Sign(w.headKey, signedPart(h))
	return h, &dir, nil
}

func signedPart(h *directory.Head) []byte {
	d := h.State.Digest()
	b := binary.BigEndian.AppendUint64(d[:], h.Height)
	return binary.BigEndian.AppendUint64(b, h.Time)
}

func (w *world) checkHead(h *directory.Head) error {
	if !ed25519.Verify(w.headKey.Public().(ed25519.PublicKey), signedPart(h), h.SignedHeader) {
		return errors.New("the header is not signed by the validators")
	}
	return nil
}

// Epochs implements verifier.RootSource, three entries at a time.
func (w *world) Epochs(_ context.Context, from, to uint64) ([]directory.Epoch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]directory.Epoch(nil), w.epochs[from:min(to, from+3)]...), nil
}

// Withdrawals implements verifier.RootSource, two entries at a time.
func (w *world) Withdrawals(_ context.Context, from, to uint64) ([]verifier.Withdrawal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	page := append([]verifier.Withdrawal(nil), w.withdrawals[from:min(to, from+2)]...)
	if w.omit != nil && w.omit(page) {
		page[len(page)-1].V = field.Uint(12345)
	}
	return page, nil
}

func (w *world) element() (e fr.Element) {
	var b [40]byte
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	return *e.SetBytes(b[:])
}

// A patient is a holder with one consent to the insurer and one credential.
type patient struct {
	w          *world
	ask        redsig.SecretKey
	ak         redsig.Point
	nk, v      fr.Element
	nonceKey   [32]byte
	consent    consent.Consent
	credential consent.Credential
	issuer     party
	locks      [2]fr.Element
	index      [2]uint64
}

const day = 86400

// newPatient makes somebody born on 1980-06-15 with diagnosis E11.9, issued by
// Clinic A, known to it since day 20000.
func (w *world) newPatient(issuer party) *patient {
	w.t.Helper()
	p := &patient{w: w, issuer: issuer, nk: w.element(), v: w.element()}
	var derived [64]byte
	for i := range derived {
		derived[i] = byte(w.rng.Uint32())
	}
	copy(p.nonceKey[:], derived[7:])
	var err error
	if p.ask, err = redsig.NewSecretKey(derived); err != nil {
		w.t.Fatal(err)
	}
	if p.ak, err = p.ask.Public(); err != nil {
		w.t.Fatal(err)
	}
	holder := consent.HolderOf(p.ak.X(), p.ak.Y(), p.nk)
	now := consent.Time(w.now.Unix())
	p.consent = consent.Consent{
		Holder: holder, Grantee: w.insurer.id, Policy: consent.PolicyDigest(policyText), Source: w.element(),
		W: consent.WithdrawalKey(p.v), Salt: w.element(),
		Terms: consent.Terms{
			Purposes: 1<<28 | 1<<31, Restrictions: 1, Categories: 1 | 1<<5,
			NotBefore: now - 100*day, NotAfter: now + 300*day, DataFrom: 1, DataTo: consent.MaxTime,
		},
	}
	birth, err := consent.EncodeDate("1980-06-15")
	if err != nil {
		w.t.Fatal(err)
	}
	dx, err := consent.EncodeCode("E11.9", false)
	if err != nil {
		w.t.Fatal(err)
	}
	p.credential = consent.Credential{Holder: holder, Schema: w.schema.Digest(), Expires: now + 200*day, Salt: w.element()}
	p.credential.Attributes[0] = consent.Attribute{Value: consent.DayValue(20000), Present: true}
	p.credential.Attributes[1] = consent.Attribute{Value: birth, Present: true}
	p.credential.Attributes[2] = consent.Attribute{Value: dx, Present: true}
	for i := range p.locks {
		p.locks[i] = consent.Lock(w.element())
	}
	p.index[0] = w.register(consent.Leaf(consent.KindConsent, w.registrar.id, p.consent.Commitment(), p.locks[0]))
	p.index[1] = w.register(consent.Leaf(consent.KindCredential, issuer.id, p.credential.Commitment(), p.locks[1]))
	return p
}

func (p *patient) withdraw() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.withdrawals = append(p.w.withdrawals, verifier.Withdrawal{V: p.v, At: uint64(p.w.now.Unix())})
}

// statement forms the statement and its witness without proving or checking
// anything, as a hostile wallet could.
func (p *patient) statement(r *consent.Request) (*consent.Statement, *consent.Witness, redsig.SecretKey, [32]byte) {
	w := p.w
	w.t.Helper()
	var fresh [redsig.FreshSize]byte
	for i := range fresh {
		fresh[i] = byte(w.rng.Uint32())
	}
	alpha, err := redsig.Blind(p.nonceKey, fresh, r.Challenge())
	if err != nil {
		w.t.Fatal(err)
	}
	rkPoint, err := redsig.RandomizePublic(p.ak, alpha)
	if err != nil {
		w.t.Fatal(err)
	}
	rsk, err := redsig.Randomize(p.ask, alpha)
	if err != nil {
		w.t.Fatal(err)
	}
	rk := rkPoint.Bytes()
	scope := r.Scope(rk)
	shown := consent.Presented{Epoch: w.provesIn(), Root: w.records.Root(), Nullifier: consent.Nullifier(p.nk, scope), Rk: rk, RkX: rkPoint.X(), RkY: rkPoint.Y()}
	if r.Circuit.ProvesConsent() {
		shown.Watch = consent.Watch(p.consent.W, scope)
	}
	s, err := r.Statement(shown)
	if err != nil {
		w.t.Fatal(err)
	}
	wit := &consent.Witness{Holder: consent.HolderWitness{AkX: p.ak.X(), AkY: p.ak.Y(), Nk: p.nk, Alpha: alpha.Bytes()}}
	path := func(i uint64) merkle.Path {
		path, err := w.records.Path(i)
		if err != nil {
			w.t.Fatal(err)
		}
		return path
	}
	trust := func(authority fr.Element) merkle.Path {
		tree, err := r.Trust.Tree()
		if err != nil {
			w.t.Fatal(err)
		}
		at, _ := r.Trust.Index(authority)
		path, err := tree.Path(uint64(at))
		if err != nil {
			w.t.Fatal(err)
		}
		return path
	}
	if r.Circuit.ProvesConsent() {
		wit.Consent = &consent.ConsentWitness{Opening: p.consent, Authority: w.registrar.id, Lock: p.locks[0], Path: path(p.index[0])}
		if r.Circuit.ProvesConsentAlone() {
			at := trust(w.registrar.id)
			wit.Consent.Trust = &at
		}
	}
	if r.Circuit.ProvesCredential() {
		c := &consent.CredentialWitness{Opening: p.credential, Authority: p.issuer.id, Lock: p.locks[1], Path: path(p.index[1]), Trust: trust(p.issuer.id)}
		for _, q := range r.Ranges {
			c.Ranges = append(c.Ranges, p.slot(q.Mask, q.Lo, q.Hi))
		}
		for i := range r.Sets {
			iv := r.Sets[i].Set.Intervals[0]
			tree, err := r.Sets[i].Set.Tree(r.Circuit.SetDepth())
			if err != nil {
				w.t.Fatal(err)
			}
			at, err := tree.Path(0)
			if err != nil {
				w.t.Fatal(err)
			}
			c.Sets = append(c.Sets, consent.SetWitness{Slot: p.slot(r.Sets[i].Mask, iv.Lo, iv.Hi), Interval: iv, Path: at})
		}
		wit.Credential = c
	}
	return s, wit, rsk, rk
}

func (p *patient) slot(mask uint16, lo, hi uint64) int {
	for i, a := range p.credential.Attributes {
		if mask>>i&1 == 1 && a.Present && lo <= a.Value && a.Value <= hi {
			return i
		}
	}
	return 0
}

// present answers a request with a real proof and a real signature.
func (p *patient) present(r *consent.Request) *consent.Presentation {
	p.w.t.Helper()
	s, wit, rsk, rk := p.statement(r)
	made, err := p.w.prover.Prove(context.Background(), s, wit)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return p.sign(r, s, rsk, rk, made)
}

func (p *patient) sign(r *consent.Request, s *consent.Statement, rsk redsig.SecretKey, rk [32]byte, made consent.Proof) *consent.Presentation {
	p.w.t.Helper()
	m, err := s.SignedDigest(made)
	if err != nil {
		p.w.t.Fatal(err)
	}
	var fresh [redsig.FreshSize]byte
	for i := range fresh {
		fresh[i] = byte(p.w.rng.Uint32())
	}
	signature, err := redsig.Sign(rsk, p.nonceKey, fresh, m)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return &consent.Presentation{
		Request: r.ID, Epoch: s.Epoch, Nullifier: s.Nullifier, Watch: s.Watch,
		Rk: rk, Proof: made, Signature: signature,
	}
}

// verifierOf makes a verifier with a store of its own.
func (w *world) verifierOf(p party) (*verifier.Verifier, *counting) {
	w.t.Helper()
	s, err := store.Open(context.Background(), filepath.Join(w.t.TempDir(), "v.db"), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	c := &counting{Store: s}
	return w.verifierWith(p, c), c
}

func (w *world) verifierWith(p party, s verifier.Store) *verifier.Verifier {
	w.t.Helper()
	v, err := verifier.New(verifier.Config{ID: p.id, Key: p.key, Genesis: w.genesis, Roots: w, Keys: w.keys, Store: s, Now: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// counting counts the calls that write.
type counting struct {
	verifier.Store
	mu     sync.Mutex
	writes int
	fail   error
}

func (c *counting) count() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
}

func (c *counting) AddRequest(ctx context.Context, a verifier.Asked) error {
	c.count()
	return errors.Join(c.fail, c.Store.AddRequest(ctx, a))
}

func (c *counting) Accept(ctx context.Context, a verifier.Answer) error {
	if c.fail != nil {
		return c.fail
	}
	c.count()
	return c.Store.Accept(ctx, a)
}

// template asks who is adult and has E11 or below, of clinic A.
// flippedAt is a proof with one bit of a byte changed.
func flippedAt(p consent.Proof, at int) consent.Proof {
	b := []byte(p)
	b[at] ^= 1
	return consent.Proof(b)
}

func (w *world) template(c consent.CircuitID, rule consent.Rule) consent.Request {
	r := consent.Request{
		Circuit: c, Purpose: 1 << 28, Accepted: 1, Categories: 1 | 1<<5, QFrom: 1, QTo: consent.Time(w.now.Unix()),
		Policy: policyText, Rule: rule, Context: "case 7", Trust: w.clinicA(),
	}
	if rule != consent.None {
		r.Until = consent.Time(w.now.Unix()) + 30*day
	}
	if c.ProvesConsentAlone() {
		r.Trust = w.registrars()
		return r
	}
	r.Schema = w.schema.Encode()
	unused := consent.RangeQuestion{Range: consent.Range{Mask: consent.AllSlots, Hi: math.MaxUint64}}
	r.Ranges = []consent.RangeQuestion{unused, unused, unused, unused}
	for range c.Sets() {
		r.Sets = append(r.Sets, consent.SetQuestion{Mask: consent.AllSlots, Set: consent.AnyValue()})
	}
	r.Links = make([]consent.Link, c.Links())
	lo, hi, err := consent.CodePrefix("E11")
	if err != nil {
		w.t.Fatal(err)
	}
	r.Ranges[1] = consent.RangeQuestion{Label: "the diagnosis begins with E11", Range: consent.Range{Mask: 1 << 2, Lo: lo, Hi: hi}}
	if rule == consent.Once {
		r.Opened = uint64(w.now.Unix()) / day
		r.Ranges[0] = consent.RangeQuestion{Label: "known to the issuer before", Range: consent.Range{Mask: 1, Hi: consent.DayValue(r.Opened)}}
	}
	return r
}

func (w *world) ask(v *verifier.Verifier, c consent.CircuitID, rule consent.Rule) *consent.Request {
	w.t.Helper()
	return w.askFor(v, w.template(c, rule))
}

func (w *world) askFor(v *verifier.Verifier, r consent.Request) *consent.Request {
	w.t.Helper()
	s, err := v.CreateRequest(context.Background(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Request
}

func verify(t testing.TB, v *verifier.Verifier, p *consent.Presentation, want verifier.Reason) verifier.Verdict {
	t.Helper()
	verdict, err := v.Verify(context.Background(), p.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Accepted != (want == "") || verdict.Reason != want {
		t.Fatalf("%s, want %q", verdict, want)
	}
	return verdict
}
