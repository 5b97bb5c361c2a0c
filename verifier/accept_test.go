package verifier_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

func TestAcceptsOncePseudonymAndNone(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	for _, c := range []struct {
		circuit consent.CircuitID
		rule    consent.Rule
		person  bool
		once    string
	}{
		{consent.Claim, consent.Once, true, "once per person enrolled by Clinic A"},
		{consent.Claim, consent.Pseudonym, true, ""},
		{consent.Claim, consent.None, false, ""},
		{consent.Eligibility, consent.Once, true, "once per person enrolled by Clinic A"},
		{consent.ConsentOnly, consent.Pseudonym, false, ""},
	} {
		template := w.template(c.circuit, c.rule)
		if c.circuit == consent.Eligibility {
			template.Context = "another case"
		}
		r := w.askFor(v, template)
		shown := p.present(r)
		before := s.writes
		verdict := verify(t, v, shown, "")
		if s.writes != before+1 {
			t.Errorf("%s %s: %d writes", c.circuit, c.rule, s.writes-before)
		}
		if verdict.RequestID != r.ID || verdict.Rule != c.rule || verdict.Until != r.Until || verdict.Epoch != 1 ||
			!verdict.Nullifier.Equal(&shown.Nullifier) || verdict.Digest != shown.Digest() ||
			verdict.SpeaksForPerson != c.person || verdict.OncePer != c.once || len(verdict.ComparisonCode) != 6 {
			t.Errorf("%s %s: verdict %+v", c.circuit, c.rule, verdict)
		}
		// The same bytes again: the stored verdict, later too, and no write.
		w.pass(time.Minute)
		if again := verify(t, v, shown, ""); again != verdict || s.writes != before+1 {
			t.Errorf("%s %s again: %+v after %d writes", c.circuit, c.rule, again, s.writes-before)
		}
	}
	if accepted, denied := v.Counts(); accepted != 10 || len(denied) != 0 {
		t.Errorf("counted %d accepted, denied %v", accepted, denied)
	}
}

func TestOnceUnderTwoIssuersNamesBoth(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer2)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	template := w.template(consent.Eligibility, consent.Once)
	template.Trust = w.clinics()
	verdict := verify(t, v, p.present(w.askFor(v, template)), "")
	if verdict.SpeaksForPerson || !strings.HasPrefix(verdict.OncePer, "once per holder under Clinic ") || strings.Count(verdict.OncePer, "Clinic") != 2 {
		t.Errorf("%+v", verdict)
	}
}

// The wide profile asks with two value sets; the second one is larger than the
// normal profile's tree.
func TestWideProfileIsAcceptedAndDenied(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	lo, hi, err := consent.CodePrefix("E11")
	if err != nil {
		t.Fatal(err)
	}
	large := consent.ValueSet{Intervals: []consent.Interval{{Lo: lo, Hi: hi}}}
	for i := range uint64(2000) {
		large.Intervals = append(large.Intervals, consent.Interval{Lo: hi + 2*i + 2, Hi: hi + 2*i + 2})
	}
	wide := []consent.CircuitID{consent.ClaimWide, consent.EligibilityWide, consent.ClaimWidePlonk, consent.EligibilityWidePlonk}
	if testing.Short() {
		wide = wide[:3]
	}
	for _, c := range wide {
		v, _ := w.verifierOf(w.insurer)
		r := w.template(c, consent.Pseudonym)
		r.Sets[1] = consent.SetQuestion{Label: "one of the codes", Mask: 1 << 2, Set: large}
		shown := p.present(w.askFor(v, r))
		flipped := *shown
		flipped.Proof = flippedAt(shown.Proof, 40)
		verify(t, v, &flipped, verifier.BadSignature)
		if verdict := verify(t, v, shown, ""); verdict.Circuit != c {
			t.Errorf("%s: the verdict is on %s", c, verdict.Circuit)
		}
		r.Sets[1].Set.Intervals = large.Intervals[1:]
		s, wit, _, _ := p.statement(w.askFor(v, r))
		if _, err := w.prover.Prove(context.Background(), s, wit); err == nil {
			t.Errorf("%s: a code outside the set was proved to be in it", c)
		}
	}
}

func TestZeroVerdictIsDenied(t *testing.T) {
	var v verifier.Verdict
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if v.Accepted || v.String() != "denied: undecided" || !strings.HasPrefix(string(b), `{"accepted":false,"reason":"undecided"`) {
		t.Errorf("%s, %s", v, b)
	}
}

func TestVerdictJSONNamesPseudonymOnlyWhenAccepted(t *testing.T) {
	v := verifier.Verdict{Reason: verifier.BadProof, Nullifier: field.Uint(5), ComparisonCode: "123456"}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(b); strings.Contains(s, "nullifier") || strings.Contains(s, "123456") || !strings.Contains(s, `"bad-proof"`) {
		t.Error(s)
	}
	v.Accepted, v.Reason = true, ""
	if b, err = json.Marshal(v); err != nil || !strings.Contains(string(b), field.Hex(v.Nullifier)) || !strings.Contains(string(b), "123456") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestRefusesToAskWhatTheValidatorRefuses(t *testing.T) {
	w := newWorld(t)
	v, s := w.verifierOf(w.insurer)
	for name, change := range map[string]func(*consent.Request){
		"no categories":          func(r *consent.Request) { r.Categories = 0 },
		"category not covered":   func(r *consent.Request) { r.Categories = 1 },
		"two purposes":           func(r *consent.Request) { r.Purpose = 3 },
		"until too far":          func(r *consent.Request) { r.Until += 500 * day },
		"another list":           func(r *consent.Request) { r.Trust.Sequence++ },
		"range 0 not since":      func(r *consent.Request) { r.Ranges[0].Hi++ },
		"root age":               func(r *consent.Request) { r.MaxRootAge = 2*epochSeconds + 1 },
		"unknown circuit":        func(r *consent.Request) { r.Circuit = "claim/huge/groth16" },
		"unprintable in a label": func(r *consent.Request) { r.Ranges[1].Label = "a\u202eb" },
	} {
		r := w.template(consent.Claim, consent.Once)
		change(&r)
		if _, err := v.CreateRequest(context.Background(), r); err == nil {
			t.Errorf("%s: asked", name)
		}
	}
	w.lag = time.Hour
	if _, err := v.CreateRequest(context.Background(), w.template(consent.Claim, consent.Once)); err == nil {
		t.Error("asked under a stale head")
	}
	if s.writes != 0 {
		t.Errorf("%d requests were stored", s.writes)
	}
}
