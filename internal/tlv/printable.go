package tlv

import (
	_ "embed"
	"encoding/binary"
)

// printable15 says which characters Unicode 15.0 has as letters, marks,
// numbers, punctuation or symbols, or is the space: the lengths of alternating
// runs of characters that are none and that are one, from U+0000 on, as
// uvarints.
//
// It is frozen. Whether a text is valid decides in every validator whether a
// transaction is executed, and Go's own tables grow with its versions: one
// character that was assigned lately would part validators that were built by
// two of them.
//
//go:embed printable15.bin
var printable15 []byte

// PrintableRune reports whether a character may stand in a text field.
func PrintableRune(c rune) bool {
	if c < 0x80 { // nearly all of them
		return c >= ' ' && c <= '~'
	}
	end, in := uint64(0), false
	for rest := printable15; len(rest) > 0; in = !in {
		run, n := binary.Uvarint(rest)
		rest, end = rest[n:], end+run
		if uint64(c) < end {
			return in
		}
	}
	return false
}
