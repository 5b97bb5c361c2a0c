package proving

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/zkconsent/zkconsent/circuits/sample"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/prover"
)

// A sight is what a service and a verifier that works with it know of one
// presentation: everything but ask, the nonce key, v and rs.
type sight struct {
	statement consent.Statement
	witness   consent.Witness
	shown     presented.Shown
}

// A thief is a service that keeps everything.
type thief struct {
	t       *testing.T
	key     *proof.VerifyingKey
	prover  *prover.Prover
	seen    []sight
	patient *sample.Case // of which it uses what it saw alone
	next    consent.Statement
}

func group() *big.Int { c := twistededwards.GetEdwardsCurve(); return &c.Order }

// signer is the key of a scalar; none for 0.
func signer(t *testing.T, scalar *big.Int) (redsig.SecretKey, bool) {
	t.Helper()
	k := new(big.Int).Mod(scalar, group())
	if k.Sign() == 0 {
		return redsig.SecretKey{}, false
	}
	key, err := redsig.NewSecretKey([64]byte(k.FillBytes(make([]byte, 64))))
	if err != nil {
		t.Fatal(err)
	}
	return key, true
}

// signs is a signature of a statement and a proof.
func signs(t *testing.T, key redsig.SecretKey, s *consent.Statement, made consent.Proof) [consent.SignatureSize]byte {
	t.Helper()
	m, err := s.SignedDigest(made)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := redsig.Sign(key, [redsig.NonceKeySize]byte{1}, [redsig.FreshSize]byte{2}, m)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// encoded is rk of a statement as a presentation has it.
func encoded(t *testing.T, s *consent.Statement) [redsig.PointSize]byte {
	t.Helper()
	p, err := redsig.NewPoint(s.RkX, s.RkY)
	if err != nil {
		t.Fatal(err)
	}
	return p.Bytes()
}

// accepts is the verifier's check of a presentation that answers its own
// question, which is of a statement but for rk.
func accepts(key *proof.VerifyingKey, question *consent.Statement, shown presented.Shown) error {
	return presented.Check(key, shown, func(x, y fr.Element) (*consent.Statement, error) {
		s := *question
		s.RkX, s.RkY = x, y
		return &s, nil
	})
}

// newThief serves a patient a few times, honestly, and keeps what it sees.
func newThief(t *testing.T) (h *thief, v, rs fr.Element) {
	t.Helper()
	r := newRig(t, Config{}, consent.ConsentOnly)
	c := drawn(t, consent.ConsentOnly, 3)
	v, rs = c.Element(), c.Element()
	c.Witness.Consent.Opening.W = consent.WithdrawalKey(v)
	c.Witness.Consent.Lock = consent.Lock(rs)
	h = &thief{t: t, key: verifyingKey(t, consent.ConsentOnly), prover: r.prover.Prover, patient: c}
	for range 3 {
		h.serve(r, c)
	}
	// The next question of the same verifier.
	c.Statement.Challenge = c.Element()
	c.Seal()
	h.next = c.Statement
	return h, v, rs
}

// serve is one honest presentation, through the service.
func (h *thief) serve(r *rig, c *sample.Case) {
	h.t.Helper()
	drawn := c.Element()
	alpha := drawn.BigInt(new(big.Int))
	alpha.Mod(alpha, group()).FillBytes(c.Witness.Holder.Alpha[:])
	c.Statement.Challenge = c.Element()
	c.Seal()
	var stolen consent.Witness
	r.prover.instead = func(w *consent.Witness) error {
		again, err := consent.DecodeSecretWitness(consent.ConsentOnly, w.EncodeSecret())
		if err == nil {
			stolen = *again
		}
		return err
	}
	got, err := r.client.Prove(h.t.Context(), asked(c))
	if err != nil {
		h.t.Fatal(err)
	}
	made := consent.Proof(got.Proof)
	sum := new(big.Int).SetBytes(c.Witness.Holder.Alpha[:])
	key, _ := signer(h.t, sum.Add(sum, c.Ask))
	shown := presented.Shown{Rk: encoded(h.t, &c.Statement), Proof: made, Signature: signs(h.t, key, &c.Statement, made)}
	if err := accepts(h.key, &c.Statement, shown); err != nil {
		h.t.Fatalf("the patient's own: %v", err)
	}
	h.seen = append(h.seen, sight{c.Statement, stolen, shown})
}

// keys are the scalars that can be made of what was seen.
func (h *thief) keys() map[string]*big.Int {
	all := map[string]*big.Int{}
	base := map[string]*big.Int{}
	for i, s := range h.seen {
		w := &s.witness.Holder
		base[fmt.Sprintf("α %d", i)] = new(big.Int).SetBytes(w.Alpha[:])
		base[fmt.Sprintf("s %d", i)] = new(big.Int).SetBytes(s.shown.Signature[32:])
	}
	w := &h.seen[0].witness.Holder
	for name, e := range map[string]fr.Element{"nk": w.Nk, "ak.x": w.AkX, "ak.y": w.AkY, "holder": consent.HolderOf(w.AkX, w.AkY, w.Nk), "w": h.seen[0].witness.Consent.Opening.W} {
		base[name] = e.BigInt(new(big.Int))
		b := e.Bytes()
		sum := sha256.Sum256(b[:])
		base["hash of "+name] = new(big.Int).SetBytes(sum[:])
	}
	base["1"] = big.NewInt(1)
	for n, a := range base {
		all[n] = a
		for m, b := range base {
			all[n+" + "+m] = new(big.Int).Add(a, b)
			all[n+" − "+m] = new(big.Int).Sub(a, b)
			all[n+" · "+m] = new(big.Int).Mul(a, b)
		}
	}
	return all
}

// TestAttack_ThievingProverService gives a thief all that the service ever saw
// over several proofs, the presentations as well, and the prover itself. What
// it makes the verifier refuses.
func TestAttack_ThievingProverService(t *testing.T) {
	h, v, rs := newThief(t)
	old := h.seen[len(h.seen)-1]
	ctx := context.Background()

	t.Run("a proof of its own, signed with every key it can think of", func(t *testing.T) {
		// It can prove the next question: it has everything for that.
		s, w := h.next, h.patient.Witness
		own := *h.patient
		copy(own.Witness.Holder.Alpha[:], append([]byte{2}, make([]byte, 31)...))
		rk := own.Rk()
		s.RkX, s.RkY, w.Holder = rk.X, rk.Y, own.Witness.Holder
		made, err := h.prover.Prove(ctx, &s, &w)
		if err != nil {
			t.Fatal(err)
		}
		in, err := s.PublicInputs()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.key.Verify(in, made); err != nil {
			t.Fatalf("its proof should be one: %v", err)
		}
		alpha := new(big.Int).SetBytes(w.Holder.Alpha[:])
		tried := 0
		for name, k := range h.keys() {
			for _, with := range []*big.Int{k, new(big.Int).Add(k, alpha), new(big.Int).Sub(alpha, k)} {
				key, ok := signer(t, with)
				if !ok {
					continue
				}
				if tried++; tried%50 == 0 { // the check is the same for all; whole ones for a sample
					err := accepts(h.key, &h.next, presented.Shown{Rk: encoded(t, &s), Proof: made, Signature: signs(t, key, &s, made)})
					if !errors.Is(err, presented.ErrSignature) {
						t.Errorf("%s: %v", name, err)
					}
				}
				public, err := key.Public()
				if err != nil {
					t.Fatal(err)
				}
				if public.Bytes() == encoded(t, &s) || public.Bytes() == old.shown.Rk {
					t.Errorf("%s is the key", name)
				}
			}
		}
		if tried < 500 {
			t.Errorf("only %d keys", tried)
		}
		// The patient's key would have been accepted: it is the signature alone
		// that the thief lacks.
		key, _ := signer(t, new(big.Int).Add(h.patient.Ask, alpha))
		if err := accepts(h.key, &h.next, presented.Shown{Rk: encoded(t, &s), Proof: made, Signature: signs(t, key, &s, made)}); err != nil {
			t.Errorf("the patient's own: %v", err)
		}
	})

	t.Run("an old presentation for the next question", func(t *testing.T) {
		for _, s := range h.seen {
			if err := accepts(h.key, &h.next, s.shown); !errors.Is(err, presented.ErrSignature) {
				t.Errorf("got %v", err)
			}
		}
	})

	t.Run("an old proof under a key of its own", func(t *testing.T) {
		key, _ := signer(t, big.NewInt(4711))
		public, err := key.Public()
		if err != nil {
			t.Fatal(err)
		}
		for _, question := range []consent.Statement{old.statement, h.next} {
			s := question
			s.RkX, s.RkY = public.X(), public.Y()
			err := accepts(h.key, &question, presented.Shown{Rk: public.Bytes(), Proof: old.shown.Proof, Signature: signs(t, key, &s, old.shown.Proof)})
			if !errors.Is(err, presented.ErrProof) {
				t.Errorf("got %v", err)
			}
		}
	})

	t.Run("an old proof re-randomised under the old signature", func(t *testing.T) {
		made, err := proof.Decode([proof.Size]byte([]byte(old.shown.Proof)))
		if err != nil {
			t.Fatal(err)
		}
		// (−A, −B, C) proves the same.
		made.Ar = *new(bn254.G1Affine).Neg(&made.Ar)
		made.Bs = *new(bn254.G2Affine).Neg(&made.Bs)
		again, err := proof.Encode(made)
		if err != nil {
			t.Fatal(err)
		}
		changed := old.shown
		changed.Proof = consent.Proof(again[:])
		in, err := old.statement.PublicInputs()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.key.Verify(in, changed.Proof); err != nil || changed.Proof == old.shown.Proof {
			t.Fatalf("it should be another proof of the same: %v", err)
		}
		if err := accepts(h.key, &old.statement, changed); !errors.Is(err, presented.ErrSignature) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("a new proof of an old statement under the old signature", func(t *testing.T) {
		made, err := h.prover.Prove(ctx, &old.statement, &old.witness)
		if err != nil {
			t.Fatal(err)
		}
		changed := old.shown
		changed.Proof = made
		if err := accepts(h.key, &old.statement, changed); !errors.Is(err, presented.ErrSignature) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("the patient's consent under its own ask", func(t *testing.T) {
		curve := twistededwards.GetEdwardsCurve()
		own := *h.patient
		own.Witness.Consent = old.witness.Consent
		var ak twistededwards.PointAffine
		ak.ScalarMultiplication(&curve.Base, big.NewInt(4711))
		own.Witness.Holder.AkX, own.Witness.Holder.AkY = ak.X, ak.Y
		rk := own.Rk()
		s := old.statement
		s.RkX, s.RkY = rk.X, rk.Y
		if _, err := h.prover.Prove(ctx, &s, &own.Witness); !errors.Is(err, prover.ErrNotSatisfied) {
			t.Errorf("with its own ak: %v", err)
		}
		// The patient's ak, and an rk that it can sign for.
		s.RkX, s.RkY = ak.X, ak.Y
		if _, err := h.prover.Prove(ctx, &s, &old.witness); !errors.Is(err, prover.ErrNotSatisfied) {
			t.Errorf("with an rk of its own: %v", err)
		}
	})

	t.Run("a withdrawal or a revocation", func(t *testing.T) {
		seen := map[fr.Element]bool{}
		for _, s := range h.seen {
			elementsIn(reflect.ValueOf(s.statement), seen)
			elementsIn(reflect.ValueOf(s.witness), seen)
		}
		w, lock := old.witness.Consent.Opening.W, old.witness.Consent.Lock
		if !seen[w] || !seen[lock] || !seen[old.witness.Holder.Nk] {
			t.Fatal("the search does not find what is there")
		}
		if seen[v] || seen[rs] {
			t.Error("the service sees what withdraws or revokes")
		}
		if got := consent.WithdrawalKey(v); !got.Equal(&w) {
			t.Fatal("v is not this consent's")
		}
		for e := range seen {
			if k := consent.WithdrawalKey(e); k.Equal(&w) {
				t.Error("something that it saw withdraws")
			}
			if k := consent.Lock(e); k.Equal(&lock) {
				t.Error("something that it saw revokes")
			}
		}
		for name, k := range h.keys() {
			var e fr.Element
			e.SetBigInt(k)
			if at := consent.WithdrawalKey(e); at.Equal(&w) {
				t.Errorf("%s withdraws", name)
			}
		}
	})
}

// elementsIn collects every field element of a value.
func elementsIn(v reflect.Value, seen map[fr.Element]bool) {
	if v.Type() == reflect.TypeFor[fr.Element]() {
		seen[v.Interface().(fr.Element)] = true
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			elementsIn(v.Elem(), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			elementsIn(v.Field(i), seen)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			elementsIn(v.Index(i), seen)
		}
	}
}
