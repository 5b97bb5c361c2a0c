package consent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
)

func TestPresentationRefuses(t *testing.T) {
	modulus := fr.Modulus().FillBytes(make([]byte, 32))
	for scheme, size := range map[consent.Scheme]int{consent.Groth16: 316, consent.Plonk: 700} {
		good := presentationUnder(scheme).Encode()
		if len(good) != size || consent.Claim.Under(scheme).PresentationSize() != size {
			t.Fatalf("%s: a presentation has %d bytes", scheme, len(good))
		}
		for _, v := range []struct {
			name, field string
			spoil       func([]byte) []byte
		}{
			{"nothing", "length", func(b []byte) []byte { return nil }},
			{"no proof", "length", func(b []byte) []byte { return append(b[:124:124], b[len(b)-64:]...) }},
			{"one byte less", "length", func(b []byte) []byte { return b[:len(b)-1] }},
			{"one byte more", "length", func(b []byte) []byte { return append(b, 0) }},
			{"both schemes' proofs", "length", func(b []byte) []byte { return append(b, make([]byte, 828-len(b))...) }},
			{"another version", "magic", func(b []byte) []byte { b[3] = 3; return b }},
			{"the other scheme's version", "magic", func(b []byte) []byte { b[3] = 3 - b[3]; return b }},
			{"of the other scheme's length", "magic", func(b []byte) []byte { return append(b, make([]byte, 384)...)[:316+700-len(b)] }},
			{"nullifier plus r", "nullifier", func(b []byte) []byte { copy(b[28:], modulus); return b }},
			{"watch plus r", "watch", func(b []byte) []byte { copy(b[60:], modulus); return b }},
		} {
			_, err := consent.DecodePresentation(v.spoil(bytes.Clone(good)))
			var e *consent.PresentationError
			if !errors.As(err, &e) || e.Field != v.field {
				t.Errorf("%s, %s: %v, expected a fault in %s", scheme, v.name, err, v.field)
			}
		}
	}
}

// A presentation answers circuits of its proof's scheme alone.
func TestAttack_ProofOfAnotherScheme(t *testing.T) {
	for _, proved := range consent.Schemes() {
		p := presentationUnder(proved)
		for _, asked := range consent.Circuits() {
			p.Watch = field.Uint(6)
			if !asked.ProvesConsent() {
				p.Watch = fr.Element{}
			}
			if err, want := p.Answers(asked), asked.Scheme() == proved && !asked.Enrols(); (err == nil) != want {
				t.Errorf("a %s proof for %s: %v", proved, asked, err)
			}
			s := &consent.Statement{Circuit: asked, Ranges: make([]consent.Range, asked.Ranges()), Sets: make([]consent.SetRange, asked.Sets()), Links: make([]consent.Link, asked.Links())}
			for i := range s.Ranges {
				s.Ranges[i].Mask = 1
			}
			for i := range s.Sets {
				s.Sets[i].Mask = 1
			}
			if _, err := s.SignedDigest(p.Proof); (err == nil) != (asked.Scheme() == proved) {
				t.Errorf("a %s proof is signed for %s: %v", proved, asked, err)
			}
		}
		var e *consent.PresentationError
		if err := p.Answers("claim/narrow/groth16"); !errors.As(err, &e) {
			t.Errorf("an unknown circuit: %v", err)
		}
	}
}

// Nothing binds a watch tag where no consent is proved.
func TestAttack_WatchWithoutConsent(t *testing.T) {
	for _, c := range []consent.CircuitID{consent.Eligibility, consent.EligibilityWidePlonk} {
		p := presentationUnder(c.Scheme())
		var e *consent.PresentationError
		if err := p.Answers(c); !errors.As(err, &e) || e.Field != "watch" {
			t.Errorf("%s: %v", c, err)
		}
	}
}

func TestPresentationJSONIsCanonical(t *testing.T) {
	for _, scheme := range consent.Schemes() {
		sample := presentationUnder(scheme)
		good, err := sample.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var p consent.Presentation
		if err := p.UnmarshalJSON(good); err != nil || !bytes.Equal(p.Encode(), sample.Encode()) {
			t.Fatalf("%s: does not survive JSON: %v", scheme, err)
		}
		s := string(good)
		for name, bad := range map[string]string{
			"unknown field":    strings.Replace(s, "{", `{"extra":1,`, 1),
			"repeated field":   strings.Replace(s, "{", `{"epoch":12,`, 1),
			"missing field":    strings.Replace(s, `"epoch":12,`, "", 1),
			"upper case hex":   strings.Replace(s, "06\"", "0A\"", 1),
			"short hex":        strings.Replace(s, `"rk":"02`, `"rk":"`, 1),
			"short proof":      strings.Replace(s, `"proof":"00`, `"proof":"`, 1),
			"odd proof":        strings.Replace(s, `"proof":"`, `"proof":"0`, 1),
			"no proof":         strings.Replace(s, sample.Proof.String(), "", 1),
			"a proof too long": strings.Replace(s, sample.Proof.String(), strings.Repeat("00", 640), 1),
			"trailing":         s + "{}",
			"epoch as text":    strings.Replace(s, `"epoch":12`, `"epoch":"12"`, 1),
		} {
			if bad == s {
				t.Fatalf("%s: the vector changes nothing", name)
			}
			var p consent.Presentation
			if err := p.UnmarshalJSON([]byte(bad)); err == nil {
				t.Errorf("%s, %s: accepted", scheme, name)
			}
		}
	}
}

func FuzzPresentationJSON(f *testing.F) {
	for _, scheme := range consent.Schemes() {
		b, err := presentationUnder(scheme).MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"request":"00"}`))
	f.Add([]byte(`{}{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p consent.Presentation
		if err := p.UnmarshalJSON(b); err != nil {
			var fault *consent.PresentationError
			if !errors.As(err, &fault) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := p.MarshalJSON()
		var compact bytes.Buffer
		if err != nil || json.Compact(&compact, b) != nil || !bytes.Equal(compact.Bytes(), again) {
			t.Fatalf("two forms of one presentation: %v", err)
		}
	})
}
