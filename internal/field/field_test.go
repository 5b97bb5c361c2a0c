package field

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"pgregory.net/rapid"
)

func at(delta int64) []byte {
	return new(big.Int).Add(fr.Modulus(), big.NewInt(delta)).FillBytes(make([]byte, Size))
}

func TestRefusesNonCanonicalElements(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"zero":     {make([]byte, Size), nil},
		"r-1":      {at(-1), nil},
		"r":        {at(0), ErrNonCanonical},
		"r+1":      {at(1), ErrNonCanonical},
		"all ones": {bytes.Repeat([]byte{0xff}, Size), ErrNonCanonical},
		"empty":    {nil, ErrNonCanonical},
		"31 bytes": {make([]byte, Size-1), ErrNonCanonical},
		"33 bytes": {make([]byte, Size+1), ErrNonCanonical},
		"64 bytes": {make([]byte, 2*Size), ErrNonCanonical},
	} {
		e, err := Parse(c.in)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if b := e.Bytes(); err == nil && !bytes.Equal(b[:], c.in) {
			t.Errorf("%s: re-encodes as %x", name, b)
		}
		if err != nil && !e.IsZero() {
			t.Errorf("%s: refused, and still returns %s", name, Hex(e))
		}
	}
}

// TestAttack_TwoNamesOfOneValue: n and n+r would be two nullifiers of one
// holder if either were reduced.
func TestAttack_TwoNamesOfOneValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := new(big.Int).SetUint64(rapid.Uint64().Draw(t, "n"))
		b := n.FillBytes(make([]byte, Size))
		if _, err := Parse(b); err != nil {
			t.Fatal(err)
		}
		for n.Add(n, fr.Modulus()); n.BitLen() <= 256; n.Add(n, fr.Modulus()) {
			if _, err := Parse(n.FillBytes(b)); !errors.Is(err, ErrNonCanonical) {
				t.Fatalf("%x: %v", b, err)
			}
		}
	})
}

func TestRefusesNonCanonicalHex(t *testing.T) {
	good := Hex(Uint(0xabcdef))
	if e, err := ParseHex(good); err != nil || e != Uint(0xabcdef) {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"upper case": strings.ToUpper(good), "short": good[1:], "shorter": good[2:], "long": good + "00",
		"0x": "0x" + good[2:], "not hexadecimal": "g" + good[1:], "empty": "", "r": hex.EncodeToString(at(0)), "space": " " + good,
	} {
		if _, err := ParseHex(s); !errors.Is(err, ErrNonCanonical) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReduceIsModuloR(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := [sha256.Size]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		want := new(big.Int).SetBytes(d[:])
		want.Mod(want, fr.Modulus())
		e := Reduce(d)
		if e.BigInt(new(big.Int)).Cmp(want) != 0 {
			t.Fatalf("%x reduces to %s", d, Hex(e))
		}
	})
}

// TestKnownHashes pins the encodings against values computed by hand with
// sha256sum over the bytes of docs/spec.md §2.3 and §2.4.
func TestKnownHashes(t *testing.T) {
	input := "\x00\x00\x00\x12zkconsent/v1/scope" + "\x00\x00\x00\x01a" + "\x00\x00\x00\x00" + "\x00\x00\x00\x02bc"
	if got, want := Of("scope", []byte("a"), nil, []byte("bc")), Reduce(sha256.Sum256([]byte(input))); got != want {
		t.Errorf("Of is %s, want %s", Hex(got), Hex(want))
	}
	if got, want := Tag("HOLDER"), Reduce(sha256.Sum256([]byte("zkconsent/v1/HOLDER"))); got != want {
		t.Errorf("Tag is %s, want %s", Hex(got), Hex(want))
	}
}

// TestAttack_MovedBoundaries: no two lists of parts share a hash.
func TestAttack_MovedBoundaries(t *testing.T) {
	b := func(s string) []byte { return []byte(s) }
	seen := map[fr.Element]int{}
	for i, e := range []fr.Element{
		Of("d"), Of("d", nil), Of("d", nil, nil), Of("d", b("ab")), Of("d", b("a"), b("b")), Of("d", b("ab"), nil),
		Of("d", nil, b("ab")), Of("da", b("b")), Of("dab"), Tag("d"), Of("d", b("\x00\x00\x00\x01a")),
	} {
		if j, dup := seen[e]; dup {
			t.Errorf("inputs %d and %d collide", j, i)
		}
		seen[e] = i
	}
}

func FuzzParse(f *testing.F) {
	f.Add(make([]byte, Size))
	f.Add(at(-1))
	f.Add(at(0))
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := Parse(in)
		if err != nil {
			if !errors.Is(err, ErrNonCanonical) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if out := e.Bytes(); !bytes.Equal(out[:], in) {
			t.Fatalf("%x re-encodes as %x", in, out)
		}
		if h, err := ParseHex(Hex(e)); err != nil || h != e {
			t.Fatal(err)
		}
	})
}

func FuzzParseHex(f *testing.F) {
	f.Add(Hex(Uint(0xabcdef)))
	f.Add("0x00")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseHex(s)
		if err != nil {
			if !errors.Is(err, ErrNonCanonical) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if Hex(e) != s {
			t.Fatalf("%q and %q are one value", s, Hex(e))
		}
	})
}
