package verifier_test

import (
	"context"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// TestAttack_AcceptanceWrittenIntoTheDatabase: who may write a verifier's
// database writes an acceptance there, with all its sums, of what no holder
// proved or of what another one did. It is neither repeated to who sends the
// presentation nor handed out as evidence.
func TestAttack_AcceptanceWrittenIntoTheDatabase(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	honest := w.ask(v, consent.Claim, consent.Pseudonym)
	good := verify(t, v, p.present(honest), "")
	first, err := s.Answer(ctx, good.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(*consent.Presentation, *verifier.Record){
		"a proof that is none": func(p *consent.Presentation, _ *verifier.Record) { p.Proof = flippedAt(p.Proof, 40) },
		"another pseudonym":    func(p *consent.Presentation, _ *verifier.Record) { p.Nullifier = w.element() },
		"a verdict of its own": func(_ *consent.Presentation, r *verifier.Record) { r.Verdict.Until += 100 * day },
		"another epoch's root": func(_ *consent.Presentation, r *verifier.Record) { r.Epoch.Root = w.element() },
		"the words of a list":  func(_ *consent.Presentation, r *verifier.Record) { r.Verdict.OncePer = "once per person" },
		"another request's":    func(p *consent.Presentation, _ *verifier.Record) { p.Request = honest.ID },
	} {
		t.Run(name, func(t *testing.T) {
			asked, err := v.CreateRequest(ctx, w.template(consent.Claim, consent.Pseudonym))
			if err != nil {
				t.Fatal(err)
			}
			shown := p.present(asked.Request)
			r, err := verifier.DecodeRecord(first.Record)
			if err != nil {
				t.Fatal(err)
			}
			forge(shown, r)
			r.Request, r.Presentation = asked.Encode(), shown.Encode()
			r.Verdict.RequestID, r.Verdict.Digest, r.Verdict.Nullifier = asked.Request.ID, shown.Digest(), shown.Nullifier
			if r.Verdict.Until == good.Until {
				r.Verdict.Until = asked.Request.Until
			}
			r.Verdict.ComparisonCode = code(asked.Request, shown)
			err = s.Store.Accept(ctx, verifier.Answer{
				Request: asked.Request.ID, Digest: shown.Digest(), Rule: consent.Pseudonym, Scope: asked.Request.Scope(shown.Rk),
				Nullifier: shown.Nullifier, Watch: shown.Watch, Until: asked.Request.Until, Record: r.Encode(),
			})
			if err != nil {
				t.Fatal(err)
			}
			if verdict, err := v.Verify(ctx, shown.Encode()); verdict.Accepted && verdict.RequestID == asked.Request.ID || err == nil && name != "another request's" {
				t.Errorf("repeated: %+v, %v", verdict, err)
			}
			if verdict, _, err := v.Evidence(ctx, asked.Request.ID); err == nil {
				t.Errorf("handed out: %+v", verdict)
			}
		})
	}
	// The true one is, also when the ledger cannot be seen.
	w.fail = context.DeadlineExceeded
	if verdict, _, err := v.Evidence(ctx, good.RequestID); err != nil || verdict != good {
		t.Errorf("%+v, %v", verdict, err)
	}
}

func code(r *consent.Request, p *consent.Presentation) string {
	n := consent.ComparisonCode(r.Challenge(), p.Rk)
	b := []byte("000000")
	for i := len(b) - 1; i >= 0; i-- {
		b[i], n = '0'+byte(n%10), n/10
	}
	return string(b)
}
