package redsig

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/zkconsent/zkconsent/internal/field"
)

// TestVectors compares with testdata/vectors.py, an independent computation
// in arbitrary-precision integers.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []map[string]string
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 8 {
		t.Fatalf("%d vectors, want at least 8", len(vectors))
	}
	for i, v := range vectors {
		get := func(name string) []byte {
			b, err := hex.DecodeString(v[name])
			if err != nil || len(b) == 0 {
				t.Fatalf("vector %d: %s is not hexadecimal", i, name)
			}
			return b
		}
		ask, err := NewSecretKey([64]byte(get("seed")))
		if err != nil {
			t.Fatal(err)
		}
		ak, err := ask.Public()
		if err != nil {
			t.Fatal(err)
		}
		challenge, err := field.Parse(get("challenge"))
		if err != nil {
			t.Fatal(err)
		}
		nonceKey := [NonceKeySize]byte(get("nonceKey"))
		alpha, err := Blind(nonceKey, [FreshSize]byte(get("freshAlpha")), challenge)
		if err != nil {
			t.Fatal(err)
		}
		rk, err := RandomizePublic(ak, alpha)
		if err != nil {
			t.Fatal(err)
		}
		rsk, err := Randomize(ask, alpha)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := Sign(rsk, nonceKey, [FreshSize]byte(get("freshNonce")), [MessageSize]byte(get("message")))
		if err != nil {
			t.Fatal(err)
		}
		a := alpha.Bytes()
		for name, got := range map[string]string{
			"ak": ak.String(), "akX": field.Hex(ak.X()), "akY": field.Hex(ak.Y()),
			"rk": rk.String(), "alpha": hex.EncodeToString(a[:]), "signature": hex.EncodeToString(sig[:]),
		} {
			if got != v[name] {
				t.Errorf("vector %d: %s is %s, want %s", i, name, got, v[name])
			}
		}
		decoded, err := DecodePoint(get("rk"))
		if err != nil {
			t.Fatalf("vector %d: %v", i, err)
		}
		if err := Verify(decoded, [MessageSize]byte(get("message")), [SignatureSize]byte(get("signature"))); err != nil {
			t.Errorf("vector %d: %v", i, err)
		}
	}
}
