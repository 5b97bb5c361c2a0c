package consent_test

import (
	"bytes"
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
	return presentationUnder(consent.Groth16)
}

func presentationUnder(s consent.Scheme) *consent.Presentation {
	p := &consent.Presentation{Epoch: 12, Nullifier: field.Uint(5), Watch: field.Uint(6), Proof: proofOf(s.ProofSize(), 7, 3)}
	p.Request[3], p.Rk[0], p.Signature[63] = 1, 2, 4
	return p
}

// proofOf is so many bytes 0, but for one.
func proofOf(size, at int, value byte) consent.Proof {
	b := make([]byte, size)
	b[at] = value
	return consent.Proof(b)
}

func messages() []message {
	enrol := &consent.EnrolRequest{Issuer: field.Uint(4), Issued: 5, Expires: 6, Circuit: consent.Enrol}
	enrolPlonk := &consent.EnrolRequest{Issuer: field.Uint(4), Issued: 5, Expires: 6, Circuit: consent.EnrolPlonk}
	offer := &consent.Offer{Issuer: field.Uint(4), Schema: []byte("s"), Lock: field.Uint(8)}
	offer.Credential.Attributes[2] = consent.Attribute{Value: math.MaxUint64, Present: true}
	offer.Texts[2] = "Gold"
	signature := make([]byte, 64)
	return append([]message{
		codec("request", sampleRequest(), consent.DecodeRequest),
		codec("signed request", &consent.SignedRequest{Request: sampleRequest(), Signature: signature}, consent.DecodeSignedRequest),
		codec("enrol request", enrol, consent.DecodeEnrolRequest),
		codec("signed enrol request", &consent.SignedEnrolRequest{Request: enrol, Signature: signature}, consent.DecodeSignedEnrolRequest),
		codec("enrolment", &consent.Enrolment{Holder: field.Uint(1), Proof: proofOf(128, 0, 0)}, consent.DecodeEnrolment),
		codec("offer", offer, consent.DecodeOffer),
		codec("sealed", &consent.SealedBatch{Items: []consent.Sealed{{Commitment: field.Uint(1), Lock: field.Uint(2)}}}, consent.DecodeSealedBatch),
		codec("value set", &consent.ValueSet{Name: "n", Intervals: []consent.Interval{{Lo: 1, Hi: 2}, {Lo: 4, Hi: 4}}}, consent.DecodeValueSet),
		codec("trust list", &consent.TrustList{Name: "n", Authorities: []fr.Element{field.Uint(1), field.Uint(2)}}, consent.DecodeTrustList),
		codec("presentation", samplePresentation(), consent.DecodePresentation),
		codec("enrol request under PLONK", enrolPlonk, consent.DecodeEnrolRequest),
		codec("enrolment under PLONK", &consent.Enrolment{Holder: field.Uint(1), Proof: proofOf(512, 0, 0)}, consent.DecodeEnrolment),
		codec("presentation under PLONK", presentationUnder(consent.Plonk), consent.DecodePresentation),
	}, proverMessages()...)
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
