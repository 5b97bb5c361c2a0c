package wallet_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/issuer"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/consent/wallet/wallettest"
	"github.com/zkconsent/zkconsent/internal/presented"
)

const (
	passphrase = "correct horse battery"
	policy     = "Insurers may check claims for ninety days."
)

// A fixture is a world with a patient in it.
type fixture struct {
	*wallettest.World
	t      testing.TB
	ctx    context.Context
	prover *wallettest.Prover
	w      *wallet.Wallet
	path   string
	words  wallet.Words
}

func newFixture(t testing.TB, circuits ...consent.CircuitID) *fixture {
	t.Helper()
	f := &fixture{t: t, ctx: context.Background(), path: filepath.Join(t.TempDir(), "wallet")}
	f.prover = wallettest.NewProver(t, circuits...)
	f.World = wallettest.New(t, f.prover.Manifest)
	var err error
	if f.w, f.words, err = wallet.Create(f.path, passphrase, f.options()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.w.Close() })
	return f
}

func (f *fixture) options() *wallet.Options {
	return &wallet.Options{Genesis: f.Genesis, WorkFactor: 2, Now: f.Now, Keys: f.prover.Key}
}

func (f *fixture) reopen() {
	f.t.Helper()
	f.w.Close()
	var err error
	if f.w, err = wallet.Open(f.path, passphrase, f.options()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) terms() consent.Terms {
	return consent.Terms{
		Purposes: f.Purpose("CLMATTCH"), Categories: f.Category("conditions") | f.Category("demographics"),
		NotBefore: wallettest.Start, NotAfter: wallettest.Start + 90*86400, DataFrom: 1, DataTo: consent.MaxTime,
	}
}

func (f *fixture) draft(actor string, change ...func(*wallet.Grant)) wallet.ID {
	f.t.Helper()
	g := wallet.Grant{Actor: actor, Terms: f.terms(), Policy: policy}
	for _, c := range change {
		c(&g)
	}
	got, err := f.w.Import(f.ctx, f, []byte("a signed document for "+actor), []wallet.Grant{g})
	if err != nil {
		f.t.Fatal(err)
	}
	return got[0].ID
}

// given imports, seals, registers and syncs a consent for the insurer.
func (f *fixture) given(change ...func(*wallet.Grant)) wallet.ID {
	f.t.Helper()
	id := f.draft(f.Insurer.URI, change...)
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, id)
	if err != nil {
		f.t.Fatal(err)
	}
	f.Register(f.Hospital, batch.Items...)
	f.sync()
	if got := f.state(id); got != wallet.Registered {
		f.t.Fatalf("the consent is %v after sync, want registered", got)
	}
	return id
}

func (f *fixture) sync() {
	f.t.Helper()
	if err := f.w.Sync(f.ctx, f); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) state(id wallet.ID) wallet.State {
	f.t.Helper()
	c, err := f.w.Show(id)
	if err != nil {
		f.t.Fatal(err)
	}
	return c[0].State
}

// request is the insurer's, valid as it stands.
func (f *fixture) request(circuit consent.CircuitID, change ...func(*consent.Request)) *consent.Request {
	f.t.Helper()
	r := &consent.Request{
		Signer: f.Insurer.ID, Genesis: f.Genesis, Issued: f.Time(), Expires: f.Time() + 600, Circuit: circuit,
		Purpose: f.Purpose("CLMATTCH"), Categories: f.Category("conditions"), QFrom: 1000, QTo: f.Time(), Until: f.Time() + 86400,
		Policy: policy, Trust: f.Registrars, Rule: consent.Pseudonym, Context: "claim 1", MaxRootAge: 600,
	}
	for _, b := range [][]byte{r.ID[:], r.Nonce[:]} {
		if _, err := rand.Read(b); err != nil {
			f.t.Fatal(err)
		}
	}
	e, err := f.prover.Manifest.Find(string(circuit))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Manifest = e.Digest()
	if circuit.ProvesCredential() {
		r.Schema, r.Trust = f.Schema.Encode(), f.Issuers
		for range circuit.Ranges() {
			r.Ranges = append(r.Ranges, consent.RangeQuestion{Range: consent.Range{Mask: consent.AllSlots, Hi: ^uint64(0)}})
		}
		for range circuit.Sets() {
			r.Sets = append(r.Sets, consent.SetQuestion{Mask: consent.AllSlots, Set: consent.AnyValue()})
		}
		r.Links = make([]consent.Link, circuit.Links())
	}
	for _, c := range change {
		c(r)
	}
	return r
}

func (f *fixture) review(r *consent.Request) *wallet.Review {
	f.t.Helper()
	v, err := f.w.Review(f.ctx, f, consent.SignRequest(f.Insurer.Key, r))
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func (f *fixture) answer(r *consent.Request) (*consent.Presentation, error) {
	f.t.Helper()
	return f.w.Prove(f.ctx, f, f.prover, f.review(r), true)
}

// verify checks a presentation as a verifier does, from its own request.
func (f *fixture) verify(r *consent.Request, p *consent.Presentation) error {
	s, err := f.Snapshot(f.ctx)
	if err != nil {
		return err
	}
	if p.Request != r.ID || p.Epoch != s.Epoch.Number {
		return errors.New("other request or epoch")
	}
	key, err := f.prover.Key(r.Circuit, r.Manifest, true)
	if err != nil {
		return err
	}
	return presented.Check(key, presented.Shown{Rk: p.Rk, Proof: p.Proof, Signature: p.Signature}, func(x, y fr.Element) (*consent.Statement, error) {
		return r.Statement(consent.Presented{Epoch: p.Epoch, Root: s.Epoch.Root, Nullifier: p.Nullifier, Watch: p.Watch, Rk: p.Rk, RkX: x, RkY: y})
	})
}

func (f *fixture) issuer(by wallettest.Party) *issuer.Issuer {
	f.t.Helper()
	i, err := issuer.Open(filepath.Join(f.t.TempDir(), "register"), issuer.Config{
		Genesis: f.Genesis, ID: by.ID, Key: by.Key, Ledger: f, EnrolKey: f.prover.EnrolKey, Now: f.Now,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { i.Close() })
	return i
}

// enrol enrols the wallet as a person.
func (f *fixture) enrol(i *issuer.Issuer, w *wallet.Wallet, person string) (*issuer.Enrolled, error) {
	f.t.Helper()
	r, err := i.CreateEnrolRequest(f.ctx, person, consent.Groth16)
	if err != nil {
		f.t.Fatal(err)
	}
	n, err := w.Enrol(f.ctx, f, f.prover, r)
	if err != nil {
		f.t.Fatal(err)
	}
	return i.Enrol(f.ctx, person, n.Encode())
}

func (f *fixture) order(person string) issuer.Order {
	f.t.Helper()
	o := issuer.Order{Person: person, Schema: f.Schema, Expires: f.Time() + 200*86400}
	for slot, v := range map[string]string{"birthDate": "1980-05-17", "dx0": "I10", "dx1": "E11.9", "date0": "2026-03-01", "date1": "2020-01-05"} {
		n, ok := f.Schema.Find(slot)
		if !ok {
			f.t.Fatal(slot)
		}
		d, _ := f.Schema.Slot(n)
		a, err := d.Encode(v)
		if err != nil {
			f.t.Fatal(err)
		}
		o.Attributes[n] = a
	}
	return o
}

// holds enrols the patient and gives them a credential.
func (f *fixture) holds(i *issuer.Issuer) wallet.Credential {
	f.t.Helper()
	if _, err := f.enrol(i, f.w, "patient 7"); err != nil {
		f.t.Fatal(err)
	}
	issued, err := i.Issue(f.ctx, f.order("patient 7"))
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := f.w.AcceptOffer(f.ctx, f, issued.Offer.Encode())
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func contains(haystack []byte, needle fr.Element) bool {
	b := needle.Bytes()
	return bytes.Contains(haystack, b[:])
}
