package presented_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// enrolled is a real enrolment and the key that verifies it.
type enrolled struct {
	key     *proof.VerifyingKey
	request *consent.EnrolRequest
	answer  consent.Enrolment
	rsk     redsig.SecretKey
	fresh   func() [redsig.FreshSize]byte
}

func enrol(t *testing.T) *enrolled {
	t.Helper()
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	fresh := func() (b [redsig.FreshSize]byte) {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	dir, m := provertest.Keys(t, consent.Enrol)
	p, err := prover.Open(dir, m, &prover.Options{DevelopmentKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &m.Entries[0]
	key, err := proof.LoadVerifyingKey(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile), consent.Groth16, e.VerifyingKey, int(e.Public))
	if err != nil {
		t.Fatal(err)
	}
	r := &consent.EnrolRequest{ID: [16]byte{1}, Issuer: field.Uint(77), Genesis: [32]byte{2}, Nonce: [32]byte{3}, Issued: 4, Expires: 5, Manifest: e.Digest(), Circuit: consent.Enrol}

	ask, err := redsig.NewSecretKey(fresh())
	if err != nil {
		t.Fatal(err)
	}
	ak, err := ask.Public()
	if err != nil {
		t.Fatal(err)
	}
	alpha, err := redsig.Blind([32]byte{9}, fresh(), r.Challenge())
	if err != nil {
		t.Fatal(err)
	}
	rk, err := redsig.RandomizePublic(ak, alpha)
	if err != nil {
		t.Fatal(err)
	}
	rsk, err := redsig.Randomize(ask, alpha)
	if err != nil {
		t.Fatal(err)
	}
	nk := field.Uint(rng.Uint64())
	answer := consent.Enrolment{
		Request: r.ID, Holder: consent.HolderOf(ak.X(), ak.Y(), nk),
		Nullifier: consent.Nullifier(nk, consent.EnrolmentScope(r.Genesis, r.Issuer)), Rk: rk.Bytes(),
	}
	s := r.Statement(answer.Holder, answer.Nullifier, rk.X(), rk.Y())
	w := &consent.Witness{Holder: consent.HolderWitness{AkX: ak.X(), AkY: ak.Y(), Nk: nk, Alpha: alpha.Bytes()}}
	if answer.Proof, err = p.Prove(context.Background(), s, w); err != nil {
		t.Fatal(err)
	}
	out := &enrolled{key: key, request: r, answer: answer, rsk: rsk, fresh: fresh}
	out.sign(t, &out.answer, s)
	return out
}

func (e *enrolled) sign(t *testing.T, n *consent.Enrolment, s *consent.Statement) {
	t.Helper()
	m, err := s.SignedDigest(n.Proof)
	if err != nil {
		t.Fatal(err)
	}
	if n.Signature, err = redsig.Sign(e.rsk, [32]byte{9}, e.fresh(), m); err != nil {
		t.Fatal(err)
	}
}

func TestEnrolment(t *testing.T) {
	e := enrol(t)
	if err := presented.CheckEnrolment(e.key, e.request, &e.answer); err != nil {
		t.Fatal(err)
	}
	rk, err := redsig.DecodePoint(e.answer.Rk[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		want   error
		change func(*consent.EnrolRequest, *consent.Enrolment)
	}{
		"another request's id": {presented.ErrSignature, func(_ *consent.EnrolRequest, n *consent.Enrolment) { n.Request[0]++ }},
		"another nonce":        {presented.ErrSignature, func(r *consent.EnrolRequest, _ *consent.Enrolment) { r.Nonce[0]++ }},
		"another issuer":       {presented.ErrSignature, func(r *consent.EnrolRequest, _ *consent.Enrolment) { r.Issuer.SetOne() }},
		"another ledger":       {presented.ErrSignature, func(r *consent.EnrolRequest, _ *consent.Enrolment) { r.Genesis[0]++ }},
		"another holder":       {presented.ErrSignature, func(_ *consent.EnrolRequest, n *consent.Enrolment) { n.Holder.SetOne() }},
		"another nullifier":    {presented.ErrSignature, func(_ *consent.EnrolRequest, n *consent.Enrolment) { n.Nullifier.SetOne() }},
		"another proof": {presented.ErrSignature, func(_ *consent.EnrolRequest, n *consent.Enrolment) {
			n.Proof = n.Proof[:127] + consent.Proof([]byte{n.Proof[127] + 1})
		}},
		"a proof of another scheme": {presented.ErrProof, func(_ *consent.EnrolRequest, n *consent.Enrolment) {
			n.Proof = consent.Proof(make([]byte, consent.Plonk.ProofSize()))
		}},
		"another signature":     {presented.ErrSignature, func(_ *consent.EnrolRequest, n *consent.Enrolment) { n.Signature[63]++ }},
		"no point":              {presented.ErrKey, func(_ *consent.EnrolRequest, n *consent.Enrolment) { n.Rk = [32]byte{0xff, 0xff} }},
		"a key anybody can use": {presented.ErrKey, func(_ *consent.EnrolRequest, n *consent.Enrolment) { n.Rk = [32]byte{31: 1} }},
		// Whoever holds rk's key signs what was never proved.
		"a signed false holder": {presented.ErrProof, func(r *consent.EnrolRequest, n *consent.Enrolment) {
			n.Holder.SetOne()
			e.sign(t, n, r.Statement(n.Holder, n.Nullifier, rk.X(), rk.Y()))
		}},
		"a signed false nullifier": {presented.ErrProof, func(r *consent.EnrolRequest, n *consent.Enrolment) {
			n.Nullifier.SetOne()
			e.sign(t, n, r.Statement(n.Holder, n.Nullifier, rk.X(), rk.Y()))
		}},
		"a proof for an earlier request": {presented.ErrProof, func(r *consent.EnrolRequest, n *consent.Enrolment) {
			r.Nonce[0]++
			e.sign(t, n, r.Statement(n.Holder, n.Nullifier, rk.X(), rk.Y()))
		}},
	} {
		r, n := *e.request, e.answer
		c.change(&r, &n)
		err := presented.CheckEnrolment(e.key, &r, &n)
		others := 0
		for _, kind := range []error{presented.ErrKey, presented.ErrSignature, presented.ErrProof} {
			if errors.Is(err, kind) {
				others++
			}
		}
		if !errors.Is(err, c.want) || others != 1 {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestRefusesStatementsWithoutThePresentedKey(t *testing.T) {
	e := enrol(t)
	shown := presented.Shown{Rk: e.answer.Rk, Proof: e.answer.Proof, Signature: e.answer.Signature}
	err := presented.Check(e.key, shown, func(x, y fr.Element) (*consent.Statement, error) {
		return e.request.Statement(e.answer.Holder, e.answer.Nullifier, y, x), nil
	})
	if err == nil {
		t.Error("a statement with other coordinates was believed")
	}
	own := errors.New("no statement")
	if err := presented.Check(e.key, shown, func(_, _ fr.Element) (*consent.Statement, error) { return nil, own }); !errors.Is(err, own) {
		t.Errorf("%v", err)
	}
	if err := presented.Check(nil, shown, nil); err == nil {
		t.Error("believed without a key")
	}
}
