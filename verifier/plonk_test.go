package verifier_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// What holds of presentations under Groth16 holds under PLONK.
func TestPlonkIsAcceptedAndDenied(t *testing.T) {
	w := newWorld(t)
	p, thief := w.newPatient(w.issuer), w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	circuits := []consent.CircuitID{consent.ClaimPlonk, consent.ConsentOnlyPlonk, consent.EligibilityPlonk}
	if testing.Short() {
		circuits = circuits[:1]
	}
	for _, c := range circuits {
		r := w.ask(v, c, consent.Pseudonym)
		shown := p.present(r)
		if n := len(shown.Encode()); n != 700 {
			t.Errorf("%s: a presentation of %d bytes", c, n)
		}
		for _, at := range []int{0, 255, 256, 511} {
			changed := *shown
			changed.Proof = flippedAt(shown.Proof, at)
			verify(t, v, &changed, verifier.BadSignature)
		}
		// Somebody else's signature under the proof, and one's own under none.
		s, _, rsk, rk := thief.statement(r)
		s.Nullifier, s.Watch = shown.Nullifier, shown.Watch
		verify(t, v, thief.sign(r, s, rsk, rk, shown.Proof), verifier.BadProof)
		verify(t, v, thief.sign(r, s, rsk, rk, flippedAt(shown.Proof, 300)), verifier.BadProof)
		verify(t, v, thief.sign(r, s, rsk, rk, consent.Proof(bytes.Repeat([]byte{7}, 512))), verifier.BadProof)
		if verdict := verify(t, v, shown, ""); verdict.Circuit != c {
			t.Errorf("%s: the verdict is on %s", c, verdict.Circuit)
		}
	}
}

// A presentation with the other scheme's proof is malformed, whatever the
// proof proves: the request says under which scheme it is to be answered.
func TestAttack_AnswerUnderAnotherScheme(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	for _, c := range []consent.CircuitID{consent.ConsentOnly, consent.ConsentOnlyPlonk} {
		other := consent.Groth16
		if c.Scheme() == other {
			other = consent.Plonk
		}
		r := w.ask(v, c, consent.Pseudonym)
		translated := *r
		translated.Circuit = c.Under(other)
		s, wit, rsk, rk := p.statement(&translated)
		made, err := w.prover.Prove(context.Background(), s, wit)
		if err != nil {
			t.Fatal(err)
		}
		shown := p.sign(r, s, rsk, rk, made)
		verify(t, v, shown, verifier.Malformed)
		shown.Proof = consent.Proof(bytes.Repeat([]byte{0}, 640))
		if _, err := consent.DecodePresentation(shown.Encode()); err == nil {
			t.Error("a presentation of no scheme's length is decoded")
		}
		verify(t, v, p.present(r), "")
	}
}

// A verifier that asks one question under both schemes has one scope for both:
// whoever answered under one has answered.
func TestAttack_OnceUnderEachScheme(t *testing.T) {
	w := newWorld(t)
	orders := [][2]consent.CircuitID{{consent.EligibilityPlonk, consent.Eligibility}, {consent.Claim, consent.EligibilityPlonk}}
	if testing.Short() {
		orders = orders[:1]
	}
	for _, circuits := range orders {
		p := w.newPatient(w.issuer)
		w.closeEpoch()
		v, _ := w.verifierOf(w.insurer)
		first, second := p.present(w.ask(v, circuits[0], consent.Once)), p.present(w.ask(v, circuits[1], consent.Once))
		if !first.Nullifier.Equal(&second.Nullifier) {
			t.Errorf("%s and %s have two nullifiers of one patient in one scope", circuits[0], circuits[1])
		}
		verify(t, v, first, "")
		verify(t, v, second, verifier.NullifierSpent)
	}
}
