package tlv

import (
	"fmt"
	"unicode/utf8"
)

// Printable reports whether s may stand in a text field.
func Printable(s string) bool { return textFault(s) == "" }

// textFault says why s may not stand in a text field. Control and formatting
// characters are refused because texts are shown to patients before they
// decide: a right-to-left override could make a request read as another one.
func textFault(s string) string {
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	for i, c := range s {
		if !PrintableRune(c) {
			return fmt.Sprintf("unprintable character %U at %d", c, i)
		}
	}
	return ""
}
