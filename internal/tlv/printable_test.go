package tlv

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"unicode"
)

// TestAttack_CharacterOfANewerUnicode holds the table of printable characters
// to one version of Unicode, whatever Go this was built with: a name with a
// character that only some validators know must not part them.
func TestAttack_CharacterOfANewerUnicode(t *testing.T) {
	d := sha256.Sum256(printable15)
	if got, want := hex.EncodeToString(d[:]), "b4cb0093bca9c34c49e6b5c77eb0552be59ff12735b8168550a350dc6867c96e"; got != want {
		t.Errorf("the table is another one: %s", got)
	}
	for _, c := range []rune{
		0x088F,  // assigned in Unicode 16 or later
		0x1C89,  // the same
		0x10D40, // the same
		0x1FAE9, // the same
		0xE000, 0xFFFE, 0x10FFFF, -1,
	} {
		if PrintableRune(c) {
			t.Errorf("%U is printable", c)
		}
	}
	if unicode.Version != "15.0.0" {
		t.Logf("this Go has Unicode %s: nothing to hold the table against", unicode.Version)
		return
	}
	for c := rune(0); c <= unicode.MaxRune+1; c++ {
		if PrintableRune(c) != unicode.IsPrint(c) {
			t.Fatalf("%U: %v, Unicode 15.0 says %v", c, PrintableRune(c), unicode.IsPrint(c))
		}
	}
}
