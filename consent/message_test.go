package consent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A message is one kind of message with a sample and its decoder; decode
// returns the re-encoding of what it read.
type message struct {
	name   string
	sample []byte
	decode func([]byte) ([]byte, error)
}

func codec[T any, P interface {
	*T
	Encode() []byte
}](name string, sample P, decode func([]byte) (*T, error)) message {
	return message{name, sample.Encode(), func(b []byte) ([]byte, error) {
		v, err := decode(b)
		if err != nil {
			return nil, err
		}
		return P(v).Encode(), nil
	}}
}

func sampleRequest() *consent.Request {
	r := &consent.Request{
		Signer: field.Uint(7), Issued: 1_790_000_000, Expires: 1_790_000_600, Circuit: consent.Claim,
		Purpose: 1 << 3, Accepted: 2, Categories: 5, QFrom: 1, QTo: consent.MaxTime, Until: 1_790_086_400,
		Policy: "Share what this claim needs, nothing else.", Schema: []byte("schema"),
		Trust: consent.TrustList{Name: "insurers", Sequence: 1, Authorities: []fr.Element{field.Uint(3), field.Uint(9)}},
		Sets:  []consent.SetQuestion{{Label: "plan", Mask: 4, Set: consent.ValueSet{Name: "plans", Intervals: []consent.Interval{{Lo: 3, Hi: 5}, {Lo: 9, Hi: math.MaxUint64}}}}},
		Rule:  consent.Once, Context: "claim 1", Opened: 20_000, MaxRootAge: 120, Return: "https://insurer.example.org/answers",
	}
	for i := range 4 {
		r.Ranges = append(r.Ranges, consent.RangeQuestion{Label: "age", Range: consent.Range{Mask: 1 << i, Lo: 1, Hi: uint64(i) + 1}})
		r.Links = append(r.Links, consent.Link{On: i == 1, Offset: uint8([]int{0, 11, 0, 0}[i])})
	}
	r.ID[0], r.Nonce[31], r.Genesis[5], r.Manifest[9] = 1, 2, 3, 4
	return r
}

func samplePresentation() *consent.Presentation {
	p := &consent.Presentation{Epoch: 12, Nullifier: field.Uint(5), Watch: field.Uint(6)}
	p.Request[3], p.Rk[0], p.Proof[7], p.Signature[63] = 1, 2, 3, 4
	return p
}

func messages() []message {
	enrol := &consent.EnrolRequest{Issuer: field.Uint(4), Issued: 5, Expires: 6}
	offer := &consent.Offer{Issuer: field.Uint(4), Schema: []byte("s"), Lock: field.Uint(8)}
	offer.Credential.Attributes[2] = consent.Attribute{Value: math.MaxUint64, Present: true}
	offer.Texts[2] = "Gold"
	signature := make([]byte, 64)
	return []message{
		codec("request", sampleRequest(), consent.DecodeRequest),
		codec("signed request", &consent.SignedRequest{Request: sampleRequest(), Signature: signature}, consent.DecodeSignedRequest),
		codec("enrol request", enrol, consent.DecodeEnrolRequest),
		codec("signed enrol request", &consent.SignedEnrolRequest{Request: enrol, Signature: signature}, consent.DecodeSignedEnrolRequest),
		codec("enrolment", &consent.Enrolment{Holder: field.Uint(1)}, consent.DecodeEnrolment),
		codec("offer", offer, consent.DecodeOffer),
		codec("sealed", &consent.SealedBatch{Items: []consent.Sealed{{Commitment: field.Uint(1), Lock: field.Uint(2)}}}, consent.DecodeSealedBatch),
		codec("value set", &consent.ValueSet{Name: "n", Intervals: []consent.Interval{{Lo: 1, Hi: 2}, {Lo: 4, Hi: 4}}}, consent.DecodeValueSet),
		codec("trust list", &consent.TrustList{Name: "n", Authorities: []fr.Element{field.Uint(1), field.Uint(2)}}, consent.DecodeTrustList),
		codec("presentation", samplePresentation(), consent.DecodePresentation),
	}
}

// refusal demands an error that says which message, field and offset.
func refusal(t *testing.T, what string, err error) {
	t.Helper()
	var inTLV *tlv.Error
	var inPresentation *consent.PresentationError
	if err == nil {
		t.Fatalf("%s: accepted", what)
	}
	if !errors.As(err, &inTLV) && !errors.As(err, &inPresentation) && !strings.Contains(err.Error(), "interval") && !strings.Contains(err.Error(), "authority") {
		t.Fatalf("%s: %T %v does not say where", what, err, err)
	}
}

func TestMessagesHaveOneEncoding(t *testing.T) {
	for _, m := range messages() {
		t.Run(m.name, func(t *testing.T) {
			again, err := m.decode(m.sample)
			if err != nil || !bytes.Equal(again, m.sample) {
				t.Fatalf("does not survive decoding: %v", err)
			}
			for n := range m.sample {
				if _, err := m.decode(m.sample[:n]); err == nil {
					t.Fatalf("accepted when cut to %d of %d bytes", n, len(m.sample))
				} else {
					refusal(t, "truncated", err)
				}
			}
			_, err = m.decode(append(bytes.Clone(m.sample), 0))
			refusal(t, "trailing byte", err)
			for i := range m.sample {
				for _, flip := range []byte{1, 0x80} {
					b := bytes.Clone(m.sample)
					b[i] ^= flip
					again, err := m.decode(b)
					if err == nil && !bytes.Equal(again, b) {
						t.Fatalf("byte %d: two encodings of one value", i)
					}
				}
			}
		})
	}
}

func TestMessagesRefuseForgedLengthsWithoutAllocating(t *testing.T) {
	for _, m := range messages() {
		for i := 0; i+4 <= len(m.sample); i++ {
			b := bytes.Clone(m.sample)
			copy(b[i:], []byte{0xff, 0xff, 0xff, 0xff})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m.decode(b)
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Fatalf("%s: %d bytes allocated for a length forged at %d", m.name, grown, i)
			}
		}
	}
}

func FuzzMessages(f *testing.F) {
	for i, m := range messages() {
		f.Add(uint8(i), m.sample)
	}
	all := messages()
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		m := all[int(kind)%len(all)]
		if again, err := m.decode(b); err == nil && !bytes.Equal(again, b) {
			t.Fatalf("%s: two encodings of one value", m.name)
		}
	})
}

func TestPresentationRefuses(t *testing.T) {
	good := samplePresentation().Encode()
	if len(good) != consent.PresentationSize || consent.PresentationSize != 316 {
		t.Fatalf("a presentation has %d bytes", len(good))
	}
	modulus := fr.Modulus().FillBytes(make([]byte, 32))
	for _, v := range []struct {
		name, field string
		spoil       func([]byte) []byte
	}{
		{"nothing", "length", func(b []byte) []byte { return nil }},
		{"one byte less", "length", func(b []byte) []byte { return b[:len(b)-1] }},
		{"one byte more", "length", func(b []byte) []byte { return append(b, 0) }},
		{"another version", "magic", func(b []byte) []byte { b[3] = 2; return b }},
		{"nullifier plus r", "nullifier", func(b []byte) []byte { copy(b[28:], modulus); return b }},
		{"watch plus r", "watch", func(b []byte) []byte { copy(b[60:], modulus); return b }},
	} {
		_, err := consent.DecodePresentation(v.spoil(bytes.Clone(good)))
		var e *consent.PresentationError
		if !errors.As(err, &e) || e.Field != v.field {
			t.Errorf("%s: %v, expected a fault in %s", v.name, err, v.field)
		}
	}
}

func TestPresentationJSONIsCanonical(t *testing.T) {
	good, err := samplePresentation().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var p consent.Presentation
	if err := p.UnmarshalJSON(good); err != nil || !bytes.Equal(p.Encode(), samplePresentation().Encode()) {
		t.Fatalf("does not survive JSON: %v", err)
	}
	s := string(good)
	for name, bad := range map[string]string{
		"unknown field":  strings.Replace(s, "{", `{"extra":1,`, 1),
		"repeated field": strings.Replace(s, "{", `{"epoch":12,`, 1),
		"missing field":  strings.Replace(s, `"epoch":12,`, "", 1),
		"upper case hex": strings.Replace(s, "06\"", "0A\"", 1),
		"short hex":      strings.Replace(s, `"rk":"02`, `"rk":"`, 1),
		"trailing":       s + "{}",
		"epoch as text":  strings.Replace(s, `"epoch":12`, `"epoch":"12"`, 1),
	} {
		if bad == s {
			t.Fatalf("%s: the vector changes nothing", name)
		}
		var p consent.Presentation
		if err := p.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzPresentationJSON(f *testing.F) {
	b, err := samplePresentation().MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
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
