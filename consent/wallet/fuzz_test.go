package wallet

import (
	"errors"
	"strings"
	"testing"
)

func FuzzParseWords(f *testing.F) {
	f.Add(testWords)
	f.Add(strings.ToUpper(testWords) + "\n")
	f.Add("abandon abandon")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWords(text)
		if err != nil {
			var fault *WordError
			if !errors.As(err, &fault) && !errors.Is(err, ErrChecksum) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if w.Reveal() != strings.Join(strings.Fields(strings.ToLower(text)), " ") {
			t.Fatal("read as other words")
		}
	})
}

func FuzzParseID(f *testing.F) {
	f.Add(ID{1, 2, 15: 3}.String())
	f.Add("zz")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != strings.ToLower(s) {
			t.Fatalf("%q is read as %s", s, id)
		}
	})
}

// FuzzOpenContainer opens files that were altered, with the right passphrase.
func FuzzOpenContainer(f *testing.F) {
	c, id, err := newContainer(passphrase, 2)
	if err != nil {
		f.Fatal(err)
	}
	if c.data, err = seal([]byte("contents"), id.Recipient()); err != nil {
		f.Fatal(err)
	}
	f.Add(c.identity, c.data)
	f.Add(c.data, c.identity)
	f.Add([]byte("age-encryption.org/v1\n-> scrypt c2FsdHNhbHRzYWx0c2FsdA 30\n"), []byte{})
	f.Fuzz(func(t *testing.T, identity, data []byte) {
		altered := &container{workFactor: 2, identity: identity, data: data}
		_, plain, err := altered.open(passphrase)
		if err != nil {
			if !errors.Is(err, ErrPassphrase) && !errors.Is(err, ErrDamaged) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if string(plain) != "contents" {
			t.Fatalf("%q came out of an altered file", plain)
		}
	})
}
