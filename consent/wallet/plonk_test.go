package wallet_test

import (
	"context"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/issuer"
	"github.com/zkconsent/zkconsent/consent/wallet"
)

// From enrolment to an answer, every proof under PLONK.
func TestEnrolsAndAnswersUnderPlonk(t *testing.T) {
	f := newFixture(t, consent.Enrol, consent.EnrolPlonk, consent.ConsentOnlyPlonk)
	i := f.issuer(f.Hospital)
	q, err := i.CreateEnrolRequest(f.ctx, "patient 7", consent.Plonk)
	if err != nil {
		t.Fatal(err)
	}
	if q.Request.Circuit != consent.EnrolPlonk {
		t.Fatalf("asks for %s", q.Request.Circuit)
	}
	n, err := f.w.Enrol(f.ctx, f, f.prover, q)
	if err != nil {
		t.Fatal(err)
	}
	flipped := *n
	b := []byte(n.Proof)
	b[300] ^= 1
	flipped.Proof = consent.Proof(b)
	if _, err := i.Enrol(f.ctx, "patient 7", flipped.Encode()); err == nil {
		t.Error("a changed proof enrols")
	}
	if _, err := i.Enrol(f.ctx, "patient 7", n.Encode()); err != nil {
		t.Fatal(err)
	}
	// The same wallet under the other scheme is the same person.
	again, err := f.enrol(i, f.w, "patient 7")
	if err != nil || again.Rotated || again.Restarted {
		t.Errorf("enrolled again under Groth16: %+v, %v", again, err)
	}

	f.given()
	r := f.request(consent.ConsentOnlyPlonk)
	p, err := f.answer(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.verify(r, p); err != nil {
		t.Errorf("the verifier refuses: %v", err)
	}
	h := f.w.History()
	if len(h) != 3 || h[0].Circuit != consent.EnrolPlonk || h[2].Circuit != consent.ConsentOnlyPlonk {
		t.Errorf("recorded as disclosed: %+v", h)
	}
	f.reopen()
	if len(f.w.History()) != 3 {
		t.Error("a disclosure under PLONK does not survive the file")
	}
}

func TestRefusesEnrolRequestsOfNoEnrolCircuit(t *testing.T) {
	f := newFixture(t, consent.Enrol, consent.ConsentOnly)
	i := f.issuer(f.Hospital)
	for _, scheme := range []consent.Scheme{consent.Plonk, "", "marlin"} {
		if _, err := i.CreateEnrolRequest(f.ctx, "patient 7", scheme); !errors.Is(err, issuer.ErrLedger) {
			t.Errorf("under %q, for which the ledger names no keys: %v", scheme, err)
		}
	}
	good, err := i.CreateEnrolRequest(f.ctx, "patient 7", consent.Groth16)
	if err != nil {
		t.Fatal(err)
	}
	for name, circuit := range map[string]consent.CircuitID{
		"a scheme without keys": consent.EnrolPlonk, "another circuit": consent.ConsentOnly, "an unknown one": "enrol/wide/groth16", "none": "",
	} {
		q := *good.Request
		q.Circuit = circuit
		if e, err := f.prover.Manifest.Find(string(circuit)); err == nil {
			q.Manifest = e.Digest()
		}
		if _, err := f.w.Enrol(f.ctx, f, f.prover, consent.SignEnrolRequest(f.Hospital.Key, &q)); err == nil {
			t.Errorf("%s: answered", name)
		}
	}
	if len(f.w.History()) != 0 {
		t.Error("a refused request is recorded as disclosed")
	}
}

// A prover that answers under the other scheme is found out before anything is
// signed.
func TestAttack_ProverOfAnotherScheme(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly, consent.ConsentOnlyPlonk)
	f.given()
	for _, c := range []consent.CircuitID{consent.ConsentOnly, consent.ConsentOnlyPlonk} {
		lying := proverFunc(func(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
			other := consent.Plonk
			if s.Circuit.Scheme() == other {
				other = consent.Groth16
			}
			s.Circuit = s.Circuit.Under(other)
			return f.prover.Prove(ctx, s, w)
		})
		if _, err := f.w.Prove(f.ctx, f, lying, f.review(f.request(c)), true); !errors.Is(err, wallet.ErrLyingProver) {
			t.Errorf("%s: %v", c, err)
		}
	}
}
