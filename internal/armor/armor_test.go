package armor_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/armor"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

func message(n int) []byte {
	e := tlv.NewEncoder("sealed")
	e.Bytes(1, make([]byte, n))
	return e.Encoded()
}

func TestDecodeTakesArmorAndTheRawMessage(t *testing.T) {
	for n := range 200 {
		m := message(n)
		text := armor.Encode("sealed", m)
		for name, file := range map[string][]byte{
			"armored": text, "raw": m,
			"by mail": bytes.ReplaceAll(append([]byte("\n"), text...), []byte("\n"), []byte("\r\n")),
		} {
			got, err := armor.Decode("sealed", file, 1000)
			if err != nil || !bytes.Equal(got, m) {
				t.Fatalf("%s, %d bytes: %v", name, n, err)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	text := string(armor.Encode("sealed", message(100)))
	for name, v := range map[string]struct {
		file   string
		line   int
		reason string
	}{
		"nothing":            {"", 1, "belongs here"},
		"another kind":       {string(armor.Encode("offer", message(100))), 1, "BEGIN ZKCONSENT SEALED"},
		"cut short":          {text[:len(text)-30], 5, "cut short"},
		"text after the end": {text + "x\n", 6, "something after its end"},
		"a space in a line":  {strings.Replace(text, "AAAA", "AA A", 1), 0, "not base64"},
		"short middle line":  {strings.Replace(text, "AAAA\n", "\n", 1), 2, "64 base64 characters"},
		"blank middle line":  {strings.Replace(text, "\n", "\n\n", 1), 2, "64 base64 characters"},
		"nothing inside":     {"-----BEGIN ZKCONSENT SEALED-----\n-----END ZKCONSENT SEALED-----\n", 2, "nothing between"},
		"larger than max":    {string(armor.Encode("sealed", message(1001))), 0, "at most 1000"},
		"far larger":         {strings.Repeat("A", 10_000), 0, "more than such a file can have"},
	} {
		_, err := armor.Decode("sealed", []byte(v.file), 1000)
		var e *armor.Error
		if !errors.As(err, &e) || e.Line != v.line || !strings.Contains(e.Error(), v.reason) {
			t.Errorf("%s: %v, expected line %d, %q", name, err, v.line, v.reason)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(armor.Encode("sealed", message(10)))
	f.Add(message(10))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := armor.Decode("sealed", file, 1000)
		if err != nil {
			return
		}
		again, err := armor.Decode("sealed", armor.Encode("sealed", m), 2500)
		if err != nil || !bytes.Equal(again, m) {
			t.Fatalf("does not survive armoring: %v", err)
		}
	})
}
