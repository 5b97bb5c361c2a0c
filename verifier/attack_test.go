package verifier_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/verifier"
)

// One changed byte, wherever it is, is denied, and burns nothing.
func TestAttack_OneFlippedByteInAnyPosition(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	w.newPatient(w.issuer) // so that no two epochs have one root
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	for _, c := range []consent.CircuitID{consent.Claim, consent.Eligibility} {
		template := w.template(c, consent.Once)
		template.Context = string(c)
		good := p.present(w.askFor(v, template)).Encode()
		before := s.writes
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << w.rng.UintN(8)
			verdict, err := v.Verify(context.Background(), bad)
			if err != nil || verdict.Accepted || verdict.Reason == "" {
				t.Fatalf("%s: byte %d changed from %#x to %#x: %+v, %v", c, i, good[i], bad[i], verdict, err)
			}
		}
		for _, cut := range [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), 0)} {
			if verdict, err := v.Verify(context.Background(), cut); err != nil || verdict.Reason != verifier.Malformed {
				t.Errorf("%d bytes: %+v, %v", len(cut), verdict, err)
			}
		}
		if s.writes != before {
			t.Fatalf("junk caused %d writes", s.writes-before)
		}
		if verdict, err := v.Verify(context.Background(), good); err != nil || !verdict.Accepted {
			t.Fatalf("the true presentation after the junk: %+v, %v", verdict, err)
		}
	}
}

func TestAttack_Replay(t *testing.T) {
	w := newWorld(t)
	p, q := w.newPatient(w.issuer), w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	r := w.ask(v, consent.Claim, consent.Once)
	first, second, others := p.present(r), p.present(r), q.present(r)
	verify(t, v, first, "")
	writes := s.writes
	verify(t, v, second, verifier.AlreadyAnswered)
	verify(t, v, others, verifier.AlreadyAnswered)

	again := w.ask(v, consent.Claim, consent.Once)
	writes++
	verify(t, v, p.present(again), verifier.NullifierSpent)
	moved := *first
	moved.Request = again.ID
	verify(t, v, &moved, verifier.NullifierSpent)
	if s.writes != writes {
		t.Errorf("%d writes by replays", s.writes-writes)
	}
	// Somebody else may still answer it, and another scope is free.
	verify(t, v, q.present(again), "")
	fresh := w.template(consent.Claim, consent.Once)
	fresh.Context = "case 8"
	verify(t, v, p.present(w.askFor(v, fresh)), "")
}

func TestAttack_PresentationOfAnotherRequest(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	asked := w.ask(v, consent.Claim, consent.Pseudonym)
	shown := p.present(asked)
	for name, change := range map[string]func(*consent.Request){
		"another nonce":        func(*consent.Request) {},
		"another purpose":      func(r *consent.Request) { r.Purpose = 1 << 31 },
		"a longer time":        func(r *consent.Request) { r.Until++ },
		"another question":     func(r *consent.Request) { r.Ranges[1].Lo++ },
		"fewer duties":         func(r *consent.Request) { r.Accepted = 0 },
		"another matter":       func(r *consent.Request) { r.Context = "case 8" },
		"another data period":  func(r *consent.Request) { r.QFrom++ },
		"another policy":       func(r *consent.Request) { r.Policy += " And more." },
		"another trusted list": func(r *consent.Request) { r.Trust = w.clinics() },
	} {
		t.Run(name, func(t *testing.T) {
			template := w.template(consent.Claim, consent.Pseudonym)
			change(&template)
			moved := *shown
			moved.Request = w.askFor(v, template).ID
			verify(t, v, &moved, verifier.BadSignature)
		})
	}
	verify(t, v, shown, "")
}

// Idle epochs have one root. Whoever relabels a presentation must not be able to
// answer in the holder's place: the holder's own bytes would be refused then.
func TestAttack_PresentationMovedToAnotherEpochOfTheSameRoot(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Eligibility, consent.Pseudonym))
	moved := *shown
	moved.Epoch--
	verify(t, v, &moved, verifier.BadSignature)
	verify(t, v, shown, "")
}

func TestAttack_PresentationForAnotherVerifier(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	insurer, insurerStore := w.verifierOf(w.insurer)
	stranger, _ := w.verifierOf(w.stranger)

	// Eligibility needs no consent, so the stranger may ask; what it gets is
	// worth nothing at the insurer, even in the insurer's own store.
	foreign := w.ask(stranger, consent.Eligibility, consent.Pseudonym)
	shown := p.present(foreign)
	verify(t, insurer, shown, verifier.UnknownRequest)
	relabelled := *shown
	relabelled.Request = w.ask(insurer, consent.Eligibility, consent.Pseudonym).ID
	verify(t, insurer, &relabelled, verifier.BadSignature)
	shared := w.verifierWith(w.stranger, insurerStore)
	verify(t, insurer, p.present(w.ask(shared, consent.Eligibility, consent.Pseudonym)), verifier.UnknownRequest)

	// A consent to the insurer proves nothing to the stranger.
	s, wit, _, _ := p.statement(w.ask(stranger, consent.Claim, consent.Pseudonym))
	if _, err := w.prover.Prove(context.Background(), s, wit); err == nil {
		t.Error("the stranger's claim was proved with the insurer's consent")
	}
	verify(t, stranger, shown, "")
}

func TestAttack_RerandomisedProof(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	r := w.ask(v, consent.Claim, consent.Once)
	shown := p.present(r)
	made, err := proof.Decode([proof.Size]byte([]byte(shown.Proof)))
	if err != nil {
		t.Fatal(err)
	}
	// (−A, −B, C) proves the same.
	made.Ar = *new(bn254.G1Affine).Neg(&made.Ar)
	made.Bs = *new(bn254.G2Affine).Neg(&made.Bs)
	changed := *shown
	again, err := proof.Encode(made)
	if err != nil {
		t.Fatal(err)
	}
	changed.Proof = consent.Proof(again[:])
	if changed.Proof == shown.Proof {
		t.Fatal("nothing changed")
	}
	epoch := w.epochs[len(w.epochs)-1]
	s, err := r.Statement(consent.Presented{Epoch: epoch.Number, Root: epoch.Root, Nullifier: shown.Nullifier, Watch: shown.Watch, Rk: shown.Rk, RkX: point(t, shown.Rk).X(), RkY: point(t, shown.Rk).Y()})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.PublicInputs()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.keys[r.Manifest].Verify(in, changed.Proof); err != nil {
		t.Fatalf("the re-randomised proof should be one: %v", err)
	}
	verify(t, v, &changed, verifier.BadSignature)
	verify(t, v, shown, "")
}

func TestAttack_StolenProofUnderAnotherKey(t *testing.T) {
	w := newWorld(t)
	p, thief := w.newPatient(w.issuer), w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	r := w.ask(v, consent.Claim, consent.Once)
	victim := p.present(r)

	t.Run("the thief's own key", func(t *testing.T) {
		s, _, rsk, rk := thief.statement(r)
		s.Nullifier, s.Watch = victim.Nullifier, victim.Watch
		verify(t, v, thief.sign(r, s, rsk, rk, victim.Proof), verifier.BadProof)
	})
	t.Run("a key of small order", func(t *testing.T) {
		small := *victim // everybody can sign for the neutral element and for (0, -1)
		small.Rk = [32]byte{31: 1}
		verify(t, v, &small, verifier.BadKey)
		minus := fr.One()
		small.Rk = minus.Neg(&minus).Bytes()
		verify(t, v, &small, verifier.BadKey)
	})
	t.Run("no point at all", func(t *testing.T) {
		none := *victim
		none.Rk = bytesOf(0xff)
		verify(t, v, &none, verifier.BadKey)
	})
	verify(t, v, victim, "")
}

func bytesOf(b byte) (out [32]byte) {
	for i := range out {
		out[i] = b
	}
	return out
}

// What the records do not hold cannot be proved: the dishonest statement fails
// with its own prover, and the honest proof fails under it.
func TestAttack_FalseClaims(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	lo, hi, err := consent.CodePrefix("I10")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*consent.Request){
		"other diagnosis":   func(r *consent.Request) { r.Ranges[1].Lo, r.Ranges[1].Hi = lo, hi },
		"purpose not given": func(r *consent.Request) { r.Purpose = 1 << 36 },
		"category withheld": func(r *consent.Request) { r.Categories |= 1 << 34 },
		"duty not accepted": func(r *consent.Request) { r.Accepted = 0 },
		"other policy":      func(r *consent.Request) { r.Policy += " And more." },
		"beyond notAfter":   func(r *consent.Request) { r.Until = r.Until + 300*day },
	} {
		t.Run(name, func(t *testing.T) {
			template := w.template(consent.Claim, consent.Pseudonym)
			change(&template)
			r := w.askFor(v, template)
			s, wit, rsk, rk := p.statement(r)
			if _, err := w.prover.Prove(context.Background(), s, wit); err == nil {
				t.Error("it was proved")
			}
			honest, _, _, _ := p.statement(w.ask(v, consent.Claim, consent.Pseudonym))
			made, err := w.prover.Prove(context.Background(), honest, wit)
			if err == nil { // the witness's α belongs to the false statement's rk
				verify(t, v, p.sign(r, s, rsk, rk, made), verifier.BadProof)
			}
			junk := p.sign(r, s, rsk, rk, consent.Proof(bytes.Repeat([]byte{7}, 128)))
			verify(t, v, junk, verifier.BadProof)
		})
	}
}

func TestAttack_WatchTagInEligibility(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Eligibility, consent.Once))
	marked := *shown
	marked.Watch = field.Uint(1)
	verify(t, v, &marked, verifier.Malformed)
	verify(t, v, shown, "")
}

func TestAttack_ConcurrentSameNullifier(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	var shown []*consent.Presentation
	for range 3 {
		shown = append(shown, p.present(w.ask(v, consent.Claim, consent.Once)))
	}
	shown = append(shown, shown...) // every one of them twice
	verdicts := make([]verifier.Verdict, len(shown))
	var wg sync.WaitGroup
	for i := range shown {
		wg.Go(func() {
			var err error
			if verdicts[i], err = v.Verify(context.Background(), shown[i].Encode()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	accepted := map[[32]byte]int{}
	for _, verdict := range verdicts {
		if verdict.Accepted {
			accepted[verdict.Digest]++
		} else if verdict.Reason != verifier.NullifierSpent {
			t.Errorf("%s", verdict)
		}
	}
	if len(accepted) != 1 {
		t.Fatalf("%d presentations of one nullifier were accepted", len(accepted))
	}
	for _, n := range accepted {
		if n != 2 {
			t.Errorf("the accepted one got its verdict %d times of 2", n)
		}
	}
}

// overtaking is a store in which another call is done between this one's look
// for an answer and its look for the nullifier.
type overtaking struct {
	verifier.Store
	meanwhile func()
}

func (o *overtaking) Answer(ctx context.Context, id [16]byte) (verifier.Answer, error) {
	a, err := o.Store.Answer(ctx, id)
	if f := o.meanwhile; f != nil {
		o.meanwhile = nil
		f()
	}
	return a, err
}

func TestSameBytesTwiceAtOnceGetOneVerdict(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	first, other := p.present(w.ask(v, consent.Claim, consent.Once)), p.present(w.ask(v, consent.Claim, consent.Once))
	o := &overtaking{Store: s, meanwhile: func() { verify(t, v, first, "") }}
	late := w.verifierWith(w.insurer, o)
	verify(t, late, first, "")
	o.meanwhile = func() { verify(t, v, first, "") }
	verify(t, late, other, verifier.NullifierSpent)
}

// Two answers to one request at once: the slower one's reason is that of an
// answered request, whenever it was overtaken.
func TestSecondAnswerAtOnceIsTooLate(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	asked := w.ask(v, consent.Eligibility, consent.Once)
	first, second := p.present(asked), p.present(asked)
	o := &overtaking{Store: s, meanwhile: func() { verify(t, v, first, "") }}
	verify(t, w.verifierWith(w.insurer, o), second, verifier.AlreadyAnswered)
	verify(t, v, second, verifier.AlreadyAnswered)
}

func TestStoreFailureIsNoVerdict(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Claim, consent.Once))
	s.fail = verifier.ErrStoreFull
	verdict, err := v.Verify(context.Background(), shown.Encode())
	if !errors.Is(err, verifier.ErrStoreFull) || verdict.Accepted || verdict.Reason != verifier.Undecided || !verdict.Nullifier.IsZero() {
		t.Fatalf("%+v, %v", verdict, err)
	}
	s.fail = nil
	verify(t, v, shown, "")
}

func TestExpiresByTheVerifiersOwnClock(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Claim, consent.Once))
	w.pass(verifier.DefaultAnswerTime + consent.ClockSkew + time.Second)
	verify(t, v, shown, verifier.Expired)
	w.pass(-time.Second)
	verify(t, v, shown, "")
}

// Elements at or above the modulus name no nullifier a second time.
func TestAttack_NullifierPlusModulus(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Claim, consent.Once))
	raw := shown.Encode()
	n := shown.Nullifier.Bytes()
	carry := 0
	modulus := fr.Modulus().FillBytes(make([]byte, 32))
	for i := 31; i >= 0; i-- {
		sum := int(n[i]) + int(modulus[i]) + carry
		raw[28+i], carry = byte(sum), sum>>8
	}
	if verdict, err := v.Verify(context.Background(), raw); err != nil || verdict.Reason != verifier.Malformed {
		t.Fatalf("%+v, %v", verdict, err)
	}
}
