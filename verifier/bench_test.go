package verifier_test

import (
	"context"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// BenchmarkVerify measures a claim through all checks to the pairing, the same
// bytes again, and a false signature.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	r := w.ask(v, consent.Claim, consent.Once)
	good := p.present(r)
	s, _, rsk, rk := p.statement(r)
	falseProof := p.sign(r, s, rsk, rk, good.Proof)
	falseSignature := *good
	falseSignature.Signature[63] ^= 1
	run := func(name string, one *consent.Presentation, want verifier.Reason) {
		raw := one.Encode()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				verdict, err := v.Verify(context.Background(), raw)
				if err != nil || verdict.Reason != want {
					b.Fatal(verdict, err)
				}
			}
		})
	}
	run("to the pairing", falseProof, verifier.BadProof)
	run("false signature", &falseSignature, verifier.BadSignature)
	run("the same bytes again", good, "")
}
