package verifier_test

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/internal/damagetest"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/verifier"
)

// parts are a presentation's fields in their order, with the reasons for which
// a damaged one may be refused.
var parts = []struct {
	name    string
	size    int
	reasons []verifier.Reason
}{
	{"magic", 4, []verifier.Reason{verifier.Malformed}},
	{"request", 16, []verifier.Reason{verifier.UnknownRequest}},
	{"epoch", 8, []verifier.Reason{verifier.UnknownEpoch, verifier.BadSignature}},
	{"nullifier", 32, []verifier.Reason{verifier.Malformed, verifier.BadSignature}},
	{"watch", 32, []verifier.Reason{verifier.Malformed, verifier.BadSignature}},
	{"rk", 32, []verifier.Reason{verifier.BadKey, verifier.BadSignature}},
	{"proof", 0, []verifier.Reason{verifier.BadSignature}}, // as long as the circuit's scheme has it
	{"signature", consent.SignatureSize, []verifier.Reason{verifier.BadSignature}},
}

// reasonOf decides a presentation; the reason is empty if it is accepted.
func reasonOf(t *testing.T, v *verifier.Verifier, presentation []byte) verifier.Reason {
	t.Helper()
	verdict, err := v.Verify(context.Background(), presentation)
	if err != nil {
		t.Errorf("no decision: %v", err)
	}
	if verdict.Accepted {
		return ""
	}
	return verdict.Reason
}

// Every bit of a presentation of every circuit, offered to the verifier that
// asked: each is denied for a reason that fits the field, none burns the
// request, and none is written down.
func TestAssurance_BitFlipsPresentation(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	w.newPatient(w.issuer) // so that no two epochs have one root
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	var tally damagetest.Tally
	for _, c := range consent.Circuits() {
		if c.Enrols() {
			continue // it answers an issuer, and is no presentation
		}
		if c.Scheme() == consent.Plonk && c != consent.ConsentOnlyPlonk && !assurance.Full() {
			continue
		}
		template := w.template(c, consent.Pseudonym)
		template.Context = string(c)
		good := p.present(w.askFor(v, template)).Encode()
		before := s.writes
		tally.Flip(t, good, assurance.Cases(17, 1), func(bit int, damaged []byte) string {
			reason := reasonOf(t, v, damaged)
			end := 0
			for _, f := range parts {
				if end += f.size; f.name == "proof" {
					end += c.ProofSize()
				}
				if bit/8 < end {
					if reason != "" && !slices.Contains(f.reasons, reason) {
						t.Errorf("%s: bit %d, in %s, is denied as %q", c, bit, f.name, reason)
					}
					break
				}
			}
			return string(reason)
		})
		if s.writes != before {
			t.Errorf("%s: junk caused %d writes", c, s.writes-before)
		}
		if reason := reasonOf(t, v, good); reason != "" {
			t.Errorf("%s: the true presentation after the junk: %q", c, reason)
		}
	}
	assurance.Record(t, "bit flips/presentation bits", tally.Tried, tally.String())
	assurance.Record(t, "bit flips/presentation accepted", tally.Accepted, "")
	assurance.Record(t, "bit flips/presentation panics", tally.Panics, "")
	assurance.Record(t, "bit flips/presentation bytes allocated", int(tally.Dearest), "by the dearest call, freed ones included")
	if tally.Dearest > damagetest.MiB {
		t.Errorf("one call allocated %d bytes", tally.Dearest)
	}
}

// plus writes n + m in place of n: a second name of one number.
func plus(n []byte, m *big.Int) []byte {
	sum := new(big.Int).SetBytes(n)
	return sum.Add(sum, m).FillBytes(make([]byte, len(n)))
}

// without clears a flag in the first byte, and with sets it.
func without(b []byte, flag byte) []byte { b = bytes.Clone(b); b[0] &^= flag; return b }
func with(b []byte, flag byte) []byte    { b = bytes.Clone(b); b[0] |= flag; return b }

// offEdwards is a y that no point of the twisted Edwards curve has.
func offEdwards(t *testing.T) []byte {
	t.Helper()
	for y := range uint64(200) {
		e := fr.NewElement(y)
		b := e.Bytes()
		if _, err := redsig.DecodePoint(b[:]); err != nil {
			return b[:]
		}
	}
	t.Fatal("every small y is on the curve")
	return nil
}

// Bytes that a decoder of another mind would take, each denied by name. The
// proof's are signed by the holder, so that they reach the proof's decoder.
func TestAssurance_BitFlipsNamedPresentations(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	r := w.ask(v, consent.Claim, consent.Pseudonym)
	s, wit, rsk, rk := p.statement(r)
	made, err := w.prover.Prove(context.Background(), s, wit)
	if err != nil {
		t.Fatal(err)
	}
	good := p.sign(r, s, rsk, rk, made).Encode()
	put := func(at int, part []byte) []byte { b := bytes.Clone(good); copy(b[at:], part); return b }
	const nullifier, watch, key, signature = 28, 60, 92, 252
	minusOne := new(big.Int).Sub(fr.Modulus(), big.NewInt(1)).FillBytes(make([]byte, 32))
	number := func(n int64) []byte { return big.NewInt(n).FillBytes(make([]byte, 32)) }
	ones, zeros := bytes.Repeat([]byte{0xff}, 64), make([]byte, 64)
	curve := twistededwards.GetEdwardsCurve()
	order := &curve.Order

	type form struct {
		name  string
		bytes []byte
		want  verifier.Reason
	}
	forms := []form{
		{"nothing", nil, verifier.Malformed},
		{"a byte less", good[:len(good)-1], verifier.Malformed},
		{"a trailing byte", append(bytes.Clone(good), 0), verifier.Malformed},
		{"twice", append(bytes.Clone(good), good...), verifier.Malformed},
		{"as long as with raw points", append(bytes.Clone(good), made...), verifier.Malformed},
		{"all zeros", make([]byte, len(good)), verifier.Malformed},
		{"version 2", put(3, []byte{2}), verifier.Malformed},
		{"nullifier + r", put(nullifier, plus(good[nullifier:watch], fr.Modulus())), verifier.Malformed},
		{"nullifier = r", put(nullifier, plus(number(0), fr.Modulus())), verifier.Malformed},
		{"nullifier all ones", put(nullifier, ones[:32]), verifier.Malformed},
		{"nullifier zero", put(nullifier, zeros[:32]), verifier.BadSignature},
		{"watch + r", put(watch, plus(good[watch:key], fr.Modulus())), verifier.Malformed},
		{"watch = r", put(watch, plus(number(0), fr.Modulus())), verifier.Malformed},
		{"watch zero", put(watch, zeros[:32]), verifier.BadSignature},
		{"rk, y + r", put(key, with(plus(without(good[key:key+32], 0x80), fr.Modulus()), good[key]&0x80)), verifier.BadKey},
		{"rk all zeros, a point of order 4", put(key, zeros[:32]), verifier.BadKey},
		{"rk neutral", put(key, number(1)), verifier.BadKey},
		{"rk of order 2", put(key, minusOne), verifier.BadKey},
		{"rk neutral, x = -0", put(key, with(number(1), 0x80)), verifier.BadKey},
		{"rk off the curve", put(key, offEdwards(t)), verifier.BadKey},
		{"rk all ones", put(key, ones[:32]), verifier.BadKey},
		{"R, y + r", put(signature, with(plus(without(good[signature:signature+32], 0x80), fr.Modulus()), good[signature]&0x80)), verifier.BadSignature},
		{"R all zeros", put(signature, zeros[:32]), verifier.BadSignature},
		{"R neutral", put(signature, number(1)), verifier.BadSignature},
		{"R off the curve", put(signature, offEdwards(t)), verifier.BadSignature},
		{"s + ℓ", put(signature+32, plus(good[signature+32:], order)), verifier.BadSignature},
		{"s = ℓ", put(signature+32, plus(number(0), order)), verifier.BadSignature},
		{"s zero", put(signature+32, zeros[:32]), verifier.BadSignature},
		{"signature all zeros", put(signature, zeros), verifier.BadSignature},
		{"signature all ones", put(signature, ones), verifier.BadSignature},
	}
	for _, f := range []struct {
		name string
		at   int
		part []byte
	}{
		{"proof all zeros", 0, make([]byte, proof.Size)},
		{"A raw", 0, without([]byte(made[:32]), 0xc0)},
		{"A infinity", 0, with(zeros[:32], 0x40)},
		{"B infinity", 32, with(zeros, 0x40)},
		{"C infinity", 96, with(zeros[:32], 0x40)},
		{"A, x = p", 0, with(plus(number(0), fp.Modulus()), 0x80)},
		{"B, second part of x, plus p", 64, plus([]byte(made[64:96]), fp.Modulus())},
		{"C all ones", 96, ones[:32]},
	} {
		b := []byte(made)
		copy(b[f.at:], f.part)
		forms = append(forms, form{f.name + ", signed", p.sign(r, s, rsk, rk, consent.Proof(b)).Encode(), verifier.BadProof})
	}
	var tally damagetest.Tally
	for _, f := range forms {
		reason := tally.Try(t, f.name, func() string { return string(reasonOf(t, v, f.bytes)) })
		if reason != string(f.want) {
			t.Errorf("%s: denied as %q, want %q", f.name, reason, f.want)
		}
	}
	assurance.Record(t, "bit flips/presentation forms refused by name", tally.Tried-tally.Accepted-tally.Panics,
		fmt.Sprintf("the dearest of them allocated %d bytes", tally.Dearest))
	verify(t, v, p.sign(r, s, rsk, rk, made), "")
}
