package wallettest

import (
	"context"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/redsig"
)

// A Holder is a holder whose two keys a test chooses one by one, as no wallet
// can: for a key that was rotated, and for one that was stolen.
type Holder struct {
	Ask redsig.SecretKey
	Nk  fr.Element
}

// NewHolder makes keys out of two numbers.
func NewHolder(tb testing.TB, ask byte, nk uint64) Holder {
	tb.Helper()
	k, err := redsig.NewSecretKey([64]byte{63: ask})
	if err != nil {
		tb.Fatal(err)
	}
	return Holder{k, fr.NewElement(nk)}
}

// Enrol answers an enrol request with a real proof.
func (h Holder) Enrol(tb testing.TB, p *Prover, r *consent.EnrolRequest) *consent.Enrolment {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	ak, err := h.Ask.Public()
	must(err)
	alpha, err := redsig.Blind([32]byte{1}, [64]byte{r.ID[0], r.ID[1], r.ID[2]}, r.Challenge())
	must(err)
	rk, err := redsig.RandomizePublic(ak, alpha)
	must(err)
	rsk, err := redsig.Randomize(h.Ask, alpha)
	must(err)
	n := &consent.Enrolment{
		Request: r.ID, Holder: consent.HolderOf(ak.X(), ak.Y(), h.Nk),
		Nullifier: consent.Nullifier(h.Nk, consent.EnrolmentScope(r.Genesis, r.Issuer)), Rk: rk.Bytes(),
	}
	s := r.Statement(n.Holder, n.Nullifier, rk.X(), rk.Y())
	n.Proof, err = p.Prove(context.Background(), s, &consent.Witness{Holder: consent.HolderWitness{AkX: ak.X(), AkY: ak.Y(), Nk: h.Nk, Alpha: alpha.Bytes()}})
	must(err)
	m, err := s.SignedDigest(n.Proof)
	must(err)
	n.Signature, err = redsig.Sign(rsk, [32]byte{1}, [64]byte{2, r.ID[0]}, m)
	must(err)
	return n
}
