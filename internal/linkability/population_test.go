package linkability

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/issuer"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/consent/wallet/wallettest"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store"
)

const (
	passphrase = "correct horse battery"
	policy     = "The one who asks may check claims for ninety days."
	day        = 86400
)

// A population is wallets with a credential and consents to verifiers, on one
// ledger.
type population struct {
	*wallettest.World
	t         testing.TB
	ctx       context.Context
	prover    *wallettest.Prover
	wallets   []*wallet.Wallet
	consents  [][]wallet.ID    // of each wallet, in the order of the verifiers
	offers    []*consent.Offer // of each wallet's credential: what an issuer knows
	verifiers []*verifier.Verifier
	ids       []fr.Element // of the verifiers
}

// roots is the world as a verifier's root source.
type roots struct{ *wallettest.World }

func (r roots) Head(ctx context.Context) (*directory.Head, *directory.Directory, error) {
	h, d, err := r.World.Head(ctx)
	return &h, d, err
}

func (r roots) Withdrawals(ctx context.Context, from, to uint64) (out []verifier.Withdrawal, err error) {
	all, err := r.World.Withdrawals(ctx, from, to)
	for _, w := range all {
		out = append(out, verifier.Withdrawal{V: w.V, At: w.At})
	}
	return out, err
}

func newPopulation(t testing.TB, wallets, verifiers int) *population {
	t.Helper()
	circuits := []consent.CircuitID{consent.Enrol, consent.ConsentOnly, consent.Eligibility, consent.Claim}
	p := &population{t: t, ctx: context.Background(), prover: wallettest.NewProver(t, circuits...)}
	p.World = wallettest.New(t, p.prover.Manifest)
	dir, m := provertest.Keys(t, circuits...)
	keys, err := verifier.OpenKeys(dir, m, directory.Parameters{DevelopmentKeys: true})
	p.must(err)
	for i := range verifiers {
		by := p.Verifiers[i]
		s, err := store.Open(p.ctx, filepath.Join(t.TempDir(), "v.db"), nil)
		p.must(err)
		t.Cleanup(func() { s.Close() })
		v, err := verifier.New(verifier.Config{ID: by.ID, Key: by.Key, Genesis: p.Genesis, Roots: roots{p.World}, Keys: keys, Store: s, Now: p.Now})
		p.must(err)
		p.verifiers, p.ids = append(p.verifiers, v), append(p.ids, by.ID)
	}
	issuers := []*issuer.Issuer{p.issuer(p.Hospital), p.issuer(p.Clinic)}
	for i := range wallets {
		p.join(i, issuers[i%2], p.registrar(i))
	}
	return p
}

func (p *population) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// registrar is the hospital for half of the wallets, and the clinic for the
// other, in another rhythm than that of the issuers.
func (p *population) registrar(i int) wallettest.Party {
	if i/2%2 == 0 {
		return p.Hospital
	}
	return p.Clinic
}

func (p *population) issuer(by wallettest.Party) *issuer.Issuer {
	i, err := issuer.Open(filepath.Join(p.t.TempDir(), "register"), issuer.Config{
		Genesis: p.Genesis, ID: by.ID, Key: by.Key, Ledger: p, EnrolKey: p.prover.EnrolKey, Now: p.Now,
	})
	p.must(err)
	p.t.Cleanup(func() { i.Close() })
	return i
}

// born is the birth date of patient i: no two share one.
func born(i int) string { return fmt.Sprintf("%d-%02d-%02d", 1940+i, 1+i%12, 1+i*7%28) }

// join makes a wallet, grants a consent to each verifier, and has a credential
// issued to it.
func (p *population) join(i int, by *issuer.Issuer, registrar wallettest.Party) {
	p.t.Helper()
	w, _, err := wallet.Create(filepath.Join(p.t.TempDir(), "wallet"), passphrase, &wallet.Options{Genesis: p.Genesis, WorkFactor: 2, Now: p.Now, Keys: p.prover.Key})
	p.must(err)
	p.t.Cleanup(func() { w.Close() })
	var ids []wallet.ID
	for v := range p.verifiers {
		uri := p.Verifiers[v].URI
		drafts, err := w.Import(p.ctx, p, fmt.Appendf(nil, "what patient %d signed for %s", i, uri), []wallet.Grant{{Actor: uri, Policy: policy, Terms: consent.Terms{
			Purposes: p.Purpose("CLMATTCH"), Categories: p.Category("conditions") | p.Category("demographics"),
			NotBefore: wallettest.Start, NotAfter: wallettest.Start + 90*day, DataFrom: 1, DataTo: consent.MaxTime,
		}}})
		p.must(err)
		ids = append(ids, drafts[0].ID)
	}
	batch, err := w.Grant(p.ctx, p, registrar.ID, ids...)
	p.must(err)
	p.Register(registrar, batch.Items...)

	person := fmt.Sprintf("MRN-%06d", 1000+7919*i)
	r, err := by.CreateEnrolRequest(p.ctx, person, consent.Groth16)
	p.must(err)
	n, err := w.Enrol(p.ctx, p, p.prover, r)
	p.must(err)
	_, err = by.Enrol(p.ctx, person, n.Encode())
	p.must(err)
	order := issuer.Order{Person: person, Schema: p.Schema, Expires: p.Time() + 200*day}
	for slot, value := range map[string]string{"birthDate": born(i), "dx0": "E11.9", "dx1": []string{"I10", "J45", "M54"}[i%3], "date0": "2020-01-05", "date1": "2026-03-01"} {
		at, _ := p.Schema.Find(slot)
		d, _ := p.Schema.Slot(at)
		order.Attributes[at], err = d.Encode(value)
		p.must(err)
	}
	issued, err := by.Issue(p.ctx, order)
	p.must(err)
	_, err = w.AcceptOffer(p.ctx, p, issued.Offer.Encode())
	p.must(err)
	p.wallets, p.consents = append(p.wallets, w), append(p.consents, ids)
	p.offers = append(p.offers, issued.Offer)
}

// The ways in which a wallet is asked. Two are in one pseudonym scope.
var kinds = []struct {
	circuit consent.CircuitID
	rule    consent.Rule
	context string
}{
	{consent.Claim, consent.Pseudonym, "matter 1"},
	{consent.Claim, consent.Pseudonym, "matter 1"},
	{consent.ConsentOnly, consent.None, "matter 2"},
	{consent.Eligibility, consent.Once, "matter 3"},
}

// template is one question for everybody: born since 1930, with diabetes.
func (p *population) template(kind int) consent.Request {
	k := kinds[kind]
	r := consent.Request{
		Circuit: k.circuit, Purpose: p.Purpose("CLMATTCH"), Categories: p.Category("conditions") | p.Category("demographics"),
		QFrom: 1000, QTo: p.Time(), Policy: policy, Trust: p.Registrars, Rule: k.rule, Context: k.context,
	}
	if k.rule != consent.None {
		r.Until = p.Time() + 30*day
	}
	if !k.circuit.ProvesCredential() {
		return r
	}
	r.Schema, r.Trust = p.Schema.Encode(), p.Issuers
	unused := consent.RangeQuestion{Range: consent.Range{Mask: consent.AllSlots, Hi: math.MaxUint64}}
	r.Ranges = []consent.RangeQuestion{unused, unused, unused, unused}
	for range k.circuit.Sets() {
		r.Sets = append(r.Sets, consent.SetQuestion{Mask: consent.AllSlots, Set: consent.AnyValue()})
	}
	r.Links = make([]consent.Link, k.circuit.Links())
	birth, err := p.Schema.Mask("birthDate")
	p.must(err)
	from, err := consent.EncodeDate("1930-01-01")
	p.must(err)
	dx, err := p.Schema.Mask("dx0", "dx1")
	p.must(err)
	lo, hi, err := consent.CodePrefix("E11")
	p.must(err)
	r.Ranges[1] = consent.RangeQuestion{Label: "born 1930 or later", Range: consent.Range{Mask: birth, Lo: from, Hi: math.MaxUint64}}
	r.Ranges[2] = consent.RangeQuestion{Label: "diabetes", Range: consent.Range{Mask: dx, Lo: lo, Hi: hi}}
	if k.rule == consent.Once {
		r.Opened = uint64(p.Time()) / day
		r.Ranges[0] = consent.RangeQuestion{Label: "known by then", Range: consent.Range{Mask: 1, Hi: consent.DayValue(r.Opened)}}
	}
	return r
}

// A presented is an accepted presentation, with what only the test knows.
type presented struct {
	wallet, verifier, kind int
	scope                  fr.Element
	shown                  consent.Presentation
}

// overwrite puts bytes into the proof, as a careless wallet might.
func (p *presented) overwrite(at int, with []byte) {
	b := []byte(p.shown.Proof)
	copy(b[at:], with)
	p.shown.Proof = consent.Proof(b)
}

// present has a wallet asked by a verifier, and the answer accepted.
func (p *population) present(w, v, kind int) presented {
	p.t.Helper()
	r, err := p.verifiers[v].CreateRequest(p.ctx, p.template(kind))
	p.must(err)
	review, err := p.wallets[w].Review(p.ctx, p, r)
	p.must(err)
	shown, err := p.wallets[w].Prove(p.ctx, p, p.prover, review, true)
	p.must(err)
	verdict, err := p.verifiers[v].Verify(p.ctx, shown.Encode())
	p.must(err)
	if !verdict.Accepted {
		p.t.Fatalf("wallet %d, verifier %d, kind %d: %s", w, v, kind, verdict)
	}
	return presented{w, v, kind, r.Request.Scope(shown.Rk), *shown}
}
