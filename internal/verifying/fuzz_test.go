package verifying

import (
	"encoding/hex"
	"testing"

	"github.com/zkconsent/zkconsent/internal/refusal"
)

// One id has one text.
func FuzzParseID(f *testing.F) {
	f.Add("00000000000000000000000000000000")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := parseID("id", s)
		if err == nil && hex.EncodeToString(id[:]) != s {
			t.Fatalf("%q is read as %x", s, id)
		}
		if err != nil && (refusal.Of(err) != refusal.Malformed || id != [16]byte{}) {
			t.Fatalf("%x, %v", id, err)
		}
	})
}
