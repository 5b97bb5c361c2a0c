package member_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/internal/signed"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
)

func key(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

func public(b byte) ed25519.PublicKey { return key(b).Public().(ed25519.PublicKey) }

// card returns a whole one; change runs before it is signed.
func card(change func(*member.Card)) *member.Card {
	c := &member.Card{Name: "Example Hospital", Node: member.NodeID{1, 2, 3}, Address: "node.hospital.example.org:26656", URI: "https://hospital.example.org"}
	if change != nil {
		change(c)
	}
	c.Sign(key(1), key(2))
	return c
}

func plain() *member.Card {
	c := &member.Card{Name: "Example Insurer", Node: member.NodeID{4}, Address: "192.0.2.7:26656"}
	c.Sign(key(3), nil)
	return c
}

func TestCardRoundTrip(t *testing.T) {
	for _, c := range []*member.Card{card(nil), plain()} {
		b := c.Encode()
		got, err := member.Decode(b)
		if err != nil || !bytes.Equal(got.Encode(), b) {
			t.Fatalf("%+v, %v", got, err)
		}
		for n := range b {
			if _, err := member.Decode(b[:n]); err == nil {
				t.Fatalf("%d of %d bytes were taken", n, len(b))
			}
		}
		if _, err := member.Decode(append(b, 0)); err == nil {
			t.Error("a trailing byte was taken")
		}
	}
	if a, ok := card(nil).Steward(); !ok || !a.Key.Equal(public(2)) || a.Validate() != nil {
		t.Errorf("steward: %+v", a)
	}
	if _, ok := plain().Steward(); ok {
		t.Error("a card without an authority names a steward")
	}
}

// TestAttack_AnotherMembersKey: nobody enters a key that they do not hold, and
// nobody takes a card and puts another name, address or node on it.
func TestAttack_AnotherMembersKey(t *testing.T) {
	for name, forge := range map[string]func(c *member.Card){
		"another's validator key":        func(c *member.Card) { c.Validator = public(9) },
		"another's authority key":        func(c *member.Card) { c.Authority = public(9) },
		"another name":                   func(c *member.Card) { c.Name = "Example Insurer" },
		"another address":                func(c *member.Card) { c.Address = "thief.example.org:26656" },
		"another node":                   func(c *member.Card) { c.Node[0] ^= 1 },
		"another reference":              func(c *member.Card) { c.URI = "https://thief.example.org" },
		"the authority's key taken away": func(c *member.Card) { c.Authority = nil },
	} {
		c := card(nil)
		forge(c)
		if _, err := member.Decode(c.Encode()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	b := card(nil).Encode()
	for i := range b {
		x := bytes.Clone(b)
		x[i] ^= 1
		if _, err := member.Decode(x); err == nil {
			t.Errorf("byte %d of %d was changed unnoticed", i, len(b))
		}
	}
	// A signature that the key made for something else is none of a card.
	c := card(nil)
	sig := signed.Sign(key(1), signed.Transaction, []byte("x"))
	x := bytes.Clone(b)
	at := bytes.Index(x, signed.Sign(key(1), signed.MemberCard, unsigned(c)))
	if at < 0 {
		t.Fatal("the signature is not over the message without signatures")
	}
	copy(x[at:], sig)
	if _, err := member.Decode(x); !errors.Is(err, member.ErrProof) {
		t.Errorf("a signature of another kind: %v", err)
	}
}

// unsigned is the message up to its signatures, which are the last two fields.
func unsigned(c *member.Card) []byte {
	b := c.Encode()
	return b[:len(b)-2*(5+signed.Size)]
}

func TestCardRefusesForms(t *testing.T) {
	for name, change := range map[string]func(*member.Card){
		"no name":           func(c *member.Card) { c.Name = "" },
		"no port":           func(c *member.Card) { c.Address = "node.example.org" },
		"nobody's address":  func(c *member.Card) { c.Address = "0.0.0.0:26656" },
		"several addresses": func(c *member.Card) { c.Address = "a.example.org:1,b.example.org:2" },
		"no URI":            func(c *member.Card) { c.URI = "hospital" },
	} {
		if _, err := member.Decode(card(change).Encode()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	same := &member.Card{Name: "X", Address: "a:1", URI: "urn:x:y"}
	same.Sign(key(1), key(1))
	if _, err := member.Decode(same.Encode()); err == nil {
		t.Error("one key for validator and steward was taken")
	}
	stray := plain()
	stray.URI = "urn:x:y"
	stray.Sign(key(3), nil)
	if _, err := member.Decode(stray.Encode()); err == nil {
		t.Error("a URI without a key was taken")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(card(nil).Encode())
	f.Add(plain().Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := member.Decode(b); err == nil && !bytes.Equal(c.Encode(), b) {
			t.Fatal("two encodings of one card")
		}
	})
}
