// Package armor wraps messages as text, so that files between parties survive
// mail and clipboards (docs/spec.md §2.5).
package armor

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/zkconsent/zkconsent/internal/field"
)

const columns = 64

func lines(kind string) (begin, end string) {
	name := strings.ToUpper(strings.ReplaceAll(kind, "-", " "))
	return "-----BEGIN ZKCONSENT " + name + "-----", "-----END ZKCONSENT " + name + "-----"
}

// Encode wraps a message of the given kind.
func Encode(kind string, message []byte) []byte {
	begin, end := lines(kind)
	var b bytes.Buffer
	b.WriteString(begin + "\n")
	text := base64.StdEncoding.EncodeToString(message)
	for len(text) > columns {
		b.WriteString(text[:columns] + "\n")
		text = text[columns:]
	}
	b.WriteString(text + "\n" + end + "\n")
	return b.Bytes()
}

// Error reports a file that does not hold a message of the expected kind.
type Error struct {
	Kind   string
	Line   int // from 1; 0 for the whole file
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s file: %s", e.Kind, e.Reason)
	}
	return fmt.Sprintf("%s file, line %d: %s", e.Kind, e.Line, e.Reason)
}

// Decode returns the message in a file of at most max bytes that is either
// armored or the raw message. Lines may end in CR LF and blank lines may stand
// around the armor, since mail does that; nothing else may.
func Decode(kind string, file []byte, max int) ([]byte, error) {
	if len(file) > 2*max+256 {
		return nil, &Error{kind, 0, fmt.Sprintf("%d bytes are more than such a file can have", len(file))}
	}
	if name := field.Prefix; len(file) > 1+len(name) && string(file[1:1+len(name)]) == name || bytes.HasPrefix(file, []byte("ZKP")) {
		return file, nil
	}
	begin, end := lines(kind)
	all := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(file), "\r\n", "\n")), "\n")
	if all[0] != begin {
		return nil, &Error{kind, 1, fmt.Sprintf("%q belongs here", begin)}
	}
	last := len(all) - 1
	if last < 1 || all[last] != end {
		return nil, &Error{kind, len(all), fmt.Sprintf("%q belongs here: the file is cut short or has something after its end", end)}
	}
	for i, l := range all[1:last] {
		if len(l) > columns || i+2 < last && len(l) != columns || l == "" {
			return nil, &Error{kind, i + 2, fmt.Sprintf("not a line of %d base64 characters", columns)}
		}
	}
	message, err := base64.StdEncoding.Strict().DecodeString(strings.Join(all[1:last], ""))
	if err != nil {
		return nil, &Error{kind, 0, "the text between the marks is not base64"}
	}
	if len(message) == 0 {
		return nil, &Error{kind, 2, "there is nothing between the marks"}
	}
	if len(message) > max {
		return nil, &Error{kind, 0, fmt.Sprintf("%d bytes, at most %d are allowed", len(message), max)}
	}
	return message, nil
}
