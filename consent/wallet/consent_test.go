package wallet_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
)

type proverFunc func(context.Context, *consent.Statement, *consent.Witness) (consent.Proof, error)

func (p proverFunc) Prove(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
	return p(ctx, s, w)
}

func TestAttack_LyingProver(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	other, err := f.answer(f.request(consent.ConsentOnly))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]struct {
		prove proverFunc
		want  error
	}{
		"a proof of another statement": {func(context.Context, *consent.Statement, *consent.Witness) (consent.Proof, error) {
			return other.Proof, nil
		}, wallet.ErrLyingProver},
		"no proof at all": {func(context.Context, *consent.Statement, *consent.Witness) (b consent.Proof, err error) {
			return b, nil
		}, wallet.ErrLyingProver},
		"a statement changed in the wallet's hands": {func(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
			s.Until = s.Now
			return f.prover.Prove(ctx, s, w)
		}, wallet.ErrLyingProver},
		"an error that tells the witness": {func(_ context.Context, _ *consent.Statement, w *consent.Witness) (b consent.Proof, err error) {
			return b, errors.New(w.Holder.Nk.String())
		}, wallet.ErrProver},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(f.w.History())
			_, err := f.w.Prove(f.ctx, f, p.prove, f.review(f.request(consent.ConsentOnly)), true)
			if !errors.Is(err, p.want) || err.Error() != p.want.Error() {
				t.Errorf("%v, want %v and nothing else", err, p.want)
			}
			if len(f.w.History()) != before {
				t.Error("recorded as disclosed")
			}
		})
	}
}

func TestAttack_GranteeOrScopeOfAnother(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	// Research signs a request in the insurer's name.
	r := f.request(consent.ConsentOnly)
	var re *consent.RequestError
	if _, err := f.w.Review(f.ctx, f, consent.SignRequest(f.Research.Key, r)); !errors.As(err, &re) || re.Field != "signature" {
		t.Errorf("%v, want a refused signature", err)
	}
	// Research asks in its own name for the same context: the consent given to
	// the insurer does not serve.
	own := f.request(consent.ConsentOnly, func(r *consent.Request) { r.Signer = f.Research.ID })
	v, err := f.w.Review(f.ctx, f, consent.SignRequest(f.Research.Key, own))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.w.Prove(f.ctx, f, f.prover, v, true); !errors.Is(err, wallet.ErrNoPresentation) {
		t.Errorf("%v, want ErrNoPresentation", err)
	}
	if a, b := own.Scope([32]byte{}), r.Scope([32]byte{}); a.Equal(&b) {
		t.Error("two signers share a scope")
	}
	if _, err := f.w.Review(f.ctx, f, consent.SignRequest(f.Insurer.Key, f.request(consent.ConsentOnly, func(r *consent.Request) { r.Context = "release" }))); !errors.As(err, &re) || re.Field != "context" {
		t.Errorf("the scope of enrolment: %v", err)
	}
	// What was reviewed is what is answered, whatever happens to the original.
	signed := consent.SignRequest(f.Insurer.Key, r)
	v = f.review(r)
	signed.Request.Until += 86400
	p, err := f.w.Prove(f.ctx, f, f.prover, v, true)
	if err != nil {
		t.Fatal(err)
	}
	if f.verify(r, p) == nil {
		t.Error("a request that changed after the review was answered")
	}
}

func TestDeclinedLackingAndFalseAreOneAnswer(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	for name, r := range map[string]*consent.Request{
		"another purpose":        f.request(consent.ConsentOnly, func(r *consent.Request) { r.Purpose = f.Purpose("HMARKT") }),
		"more categories":        f.request(consent.ConsentOnly, func(r *consent.Request) { r.Categories |= f.Category("HIV") }),
		"a policy not agreed":    f.request(consent.ConsentOnly, func(r *consent.Request) { r.Policy = "another" }),
		"beyond the consent":     f.request(consent.ConsentOnly, func(r *consent.Request) { r.Until = f.Time() + 100*86400 }),
		"an untrusted registrar": f.request(consent.ConsentOnly, func(r *consent.Request) { r.Signer = f.Research.ID }),
	} {
		t.Run(name, func(t *testing.T) {
			key := f.Insurer.Key
			if r.Signer.Equal(&f.Research.ID) {
				key = f.Research.Key
			}
			v, err := f.w.Review(f.ctx, f, consent.SignRequest(key, r))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			_, err = f.w.Prove(f.ctx, f, f.prover, v, true)
			if err != wallet.ErrNoPresentation {
				t.Errorf("%s: %v, want exactly ErrNoPresentation", name, err)
			}
			why, err := f.w.Explain(v)
			if err != nil || len(why) != 1 || why[0].Reason == "it serves" {
				t.Errorf("%s: the patient is told %+v, %v", name, why, err)
			}
		})
	}
	if _, err := f.w.Prove(f.ctx, f, f.prover, f.review(f.request(consent.ConsentOnly)), false); err != wallet.ErrNoPresentation {
		t.Errorf("declined: %v, want exactly ErrNoPresentation", err)
	}
}

func TestGrantSavesBeforeItHandsOut(t *testing.T) {
	f := newFixture(t)
	a, b := f.draft(f.Insurer.URI), f.draft(f.Research.URI)
	first, err := f.w.Grant(f.ctx, f, f.Hospital.ID, a, b)
	if err != nil {
		t.Fatal(err)
	}
	f.reopen()
	again, err := f.w.Grant(f.ctx, f, f.Hospital.ID, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Encode(), again.Encode()) {
		t.Error("a batch that was lost cannot be exported again as it was")
	}
	if x, y := first.Items[0].Lock, first.Items[1].Lock; x.Equal(&y) {
		t.Error("two records share a lock")
	}
	if _, err := f.w.Grant(f.ctx, f, f.Clinic.ID, a); !errors.Is(err, wallet.ErrState) {
		t.Errorf("for another registrar: %v", err)
	}
	if _, err := f.w.Grant(f.ctx, f, f.Insurer.ID, a); !errors.Is(err, wallet.ErrRegistrar) {
		t.Errorf("for no registrar: %v", err)
	}
	if same := f.draft(f.Insurer.URI); same != a {
		t.Error("importing the same again made another record")
	}
}

func TestRefusesUnknownActorAndEmptyTerms(t *testing.T) {
	f := newFixture(t)
	for name, g := range map[string]wallet.Grant{
		"an unknown actor":        {Actor: "https://nobody.example", Terms: f.terms(), Policy: policy},
		"a hospital, no verifier": {Actor: f.Hospital.URI, Terms: f.terms(), Policy: policy},
		"no policy":               {Actor: f.Insurer.URI, Terms: f.terms()},
		"no terms":                {Actor: f.Insurer.URI, Policy: policy},
	} {
		var ae *wallet.ActorError
		var te *wallet.TermsError
		if _, err := f.w.Import(f.ctx, f, []byte("d"), []wallet.Grant{g}); !errors.As(err, &ae) && !errors.As(err, &te) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, _ := f.w.List(); len(all) != 0 {
		t.Errorf("%d records after refused imports", len(all))
	}
}
