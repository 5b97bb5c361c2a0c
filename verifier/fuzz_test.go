package verifier

import (
	"bytes"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
)

func FuzzDecodeVerdict(f *testing.F) {
	v := Verdict{Accepted: true, RequestID: [16]byte{1}, Circuit: consent.Claim, Epoch: 4, Rule: consent.Once, OncePer: "x", ComparisonCode: "123456"}
	f.Add(v.encode())
	zero := Verdict{}
	f.Add(zero.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decodeVerdict(b)
		if err == nil && !bytes.Equal(v.encode(), b) {
			t.Fatal("two encodings of one verdict")
		}
	})
}
