package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/internal/damagetest"
	"github.com/zkconsent/zkconsent/internal/proof"
)

// Where the points of a verifying key lie in its file.
const (
	atAlpha, atBeta1, atBeta2, atGamma, atDelta1, atDelta2, atCount, atK = 0, 32, 64, 128, 192, 224, 288, 292

	keyInputs = 3
)

// sampleKey is the file of a key for three public inputs, and gnark's form.
func sampleKey(t testing.TB) ([]byte, *groth16.VerifyingKey) {
	t.Helper()
	file, _ := forge(t, make([]fr.Element, keyInputs))
	return file, reread(t, file)
}

func reread(t testing.TB, file []byte) *groth16.VerifyingKey {
	t.Helper()
	k := new(groth16.VerifyingKey)
	if _, err := k.ReadFrom(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	return k
}

func writeKey(t testing.TB, k *groth16.VerifyingKey) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := k.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// alias is x + p in place of x: a second name of the same coordinate. ok is
// false where that does not fit below the flags.
func alias(point []byte, coordinate int) (b []byte, ok bool) {
	b = bytes.Clone(point)
	part := b[32*coordinate:][:32]
	flag := byte(0)
	if coordinate == 0 {
		flag = part[0] & 0xc0
		part[0] &^= 0xc0
	}
	n := new(big.Int).SetBytes(part)
	n.Add(n, fp.Modulus())
	if n.BitLen() > 256 || coordinate == 0 && n.BitLen() > 254 {
		return nil, false
	}
	n.FillBytes(part)
	part[0] |= flag
	return b, true
}

// aliasOf is the alias of a multiple of the generator that has one.
func aliasOf(t testing.TB) []byte {
	t.Helper()
	_, _, g, _ := bn254.Generators()
	p := g
	for range 1000 {
		p.Add(&p, &g)
		b := p.Bytes()
		if a, ok := alias(b[:], 0); ok {
			return a
		}
	}
	t.Fatal("no point with a small coordinate")
	return nil
}

// noPoint is a compressed x that is on no point of G1.
func noPoint(t testing.TB) []byte {
	t.Helper()
	for i := range byte(100) {
		b := make([]byte, 32)
		b[0], b[31] = 0x80, i
		var p bn254.G1Affine
		if _, err := p.SetBytes(b); err != nil {
			return b
		}
	}
	t.Fatal("every small x is on the curve")
	return nil
}

// noPointG2 is the same for G2: on no point of the twist.
func noPointG2(t testing.TB) []byte {
	t.Helper()
	for i := range byte(100) {
		b := make([]byte, 64)
		b[0], b[63] = 0x80, i
		var p bn254.G2Affine
		if bn254.NewDecoder(bytes.NewReader(b), bn254.NoSubgroupChecks()).Decode(&p) != nil {
			return b
		}
	}
	t.Fatal("every small x is on the twist")
	return nil
}

// A form is a malformed point and why it is refused.
type form struct {
	name   string
	bytes  []byte
	reason string
}

func infinity(n int) []byte { b := make([]byte, n); b[0] = 0x40; return b }

// modulus is x = p, which reads as x = 0 where it is reduced.
func modulus(n, coordinate int, flag byte) []byte {
	b := make([]byte, n)
	fp.Modulus().FillBytes(b[32*coordinate:][:32])
	b[0] |= flag
	return b
}

// formsG1 are malformed points to stand in the place of good.
func formsG1(t testing.TB, good []byte) []form {
	return []form{
		{"all zeros", make([]byte, 32), "is not compressed"},
		{"raw x", append([]byte{good[0] &^ 0xc0}, good[1:]...), "is not compressed"},
		{"infinity", infinity(32), "is infinity"},
		{"infinity with a coordinate", append([]byte{0x40}, good[1:]...), "is infinity and has a coordinate"},
		{"x = p", modulus(32, 0, 0x80), "has a coordinate that is not below p"},
		{"x = p, larger y", modulus(32, 0, 0xc0), "has a coordinate that is not below p"},
		{"x + p", aliasOf(t), "has a coordinate that is not below p"},
		{"x = 2^254 - 1", bytes.Repeat([]byte{0xff}, 32), "has a coordinate that is not below p"},
		{"off the curve", noPoint(t), "is on no point of the curve"},
	}
}

// formsG2 are the same for G2.
func formsG2(t testing.TB, good []byte) []form {
	second, _ := alias(good, 1) // fits always: its part has no flags
	return []form{
		{"all zeros", make([]byte, 64), "is not compressed"},
		{"raw x", append([]byte{good[0] &^ 0xc0}, good[1:]...), "is not compressed"},
		{"infinity", infinity(64), "is infinity"},
		{"infinity with a coordinate", append([]byte{0x40}, good[1:]...), "is infinity and has a coordinate"},
		{"x = p", modulus(64, 0, 0x80), "has a coordinate that is not below p"},
		{"second part of x = p", modulus(64, 1, 0x80), "has a coordinate that is not below p"},
		{"off the curve", noPointG2(t), "is on no point of the curve"},
		{"outside the subgroup", offSubgroup(t), "is outside the subgroup"},
		{"second part of x, plus p", second, "has a coordinate that is not below p"},
	}
}

// keyForms are malformed keys. Each is made from a whole one.
func keyForms(t testing.TB) (forms []form) {
	file, _ := sampleKey(t)
	add := func(name, reason string, b []byte) { forms = append(forms, form{name, b, reason}) }
	put := func(at int, part []byte) []byte { b := bytes.Clone(file); copy(b[at:], part); return b }
	for _, p := range []struct {
		name string
		at   int
		g2   bool
	}{
		{"α in G1", atAlpha, false}, {"β in G1", atBeta1, false}, {"β in G2", atBeta2, true}, {"γ in G2", atGamma, true},
		{"δ in G1", atDelta1, false}, {"δ in G2", atDelta2, true}, {"K[0]", atK, false}, {"K[3]", atK + 3*32, false},
	} {
		points := formsG1
		size := 32
		if p.g2 {
			points, size = formsG2, 64
		}
		for _, f := range points(t, file[p.at:p.at+size]) {
			add(p.name+" "+f.name, p.name+" "+f.reason, put(p.at, f.bytes))
		}
	}

	count := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	add("no K announced", "announces 0 points K", put(atCount, count(0)))
	add("a K less announced", "announces 3 points K", put(atCount, count(3)))
	add("a K more announced", "announces 5 points K", put(atCount, count(5)))
	add("2^31 K announced", "announces 2147483648 points K", put(atCount, count(1<<31)))
	add("2^32 - 1 K announced", "announces 4294967295 points K", put(atCount, count(1<<32-1)))
	add("2^32 - 1 commitments", "expects commitments", put(len(file)-8, count(1<<32-1)))
	add("a commitment", "expects commitments", put(len(file)-8, count(1)))
	add("2^32 - 1 commitment keys", "expects commitments", put(len(file)-4, count(1<<32-1)))
	add("a commitment key", "expects commitments", put(len(file)-4, count(1)))
	add("trailing byte", "429 bytes, a key for 3 public inputs has", append(bytes.Clone(file), 0))
	add("twice the key", "bytes, a key for 3 public inputs has", append(bytes.Clone(file), file...))
	var raw bytes.Buffer
	if _, err := reread(t, file).WriteRawTo(&raw); err != nil {
		t.Fatal(err)
	}
	add("raw points throughout", "announces", raw.Bytes())

	change := func(name, reason string, f func(k *groth16.VerifyingKey)) {
		k := reread(t, file)
		f(k)
		add(name, reason, writeKey(t, k))
	}
	_, _, g1, g2 := bn254.Generators()
	change("δ = γ", "δ is γ or −γ", func(k *groth16.VerifyingKey) { k.G2.Delta = k.G2.Gamma })
	change("δ = −γ", "δ is γ or −γ", func(k *groth16.VerifyingKey) { k.G2.Delta.Neg(&k.G2.Gamma) })
	change("δ = 1", "δ is the generator", func(k *groth16.VerifyingKey) { k.G1.Delta, k.G2.Delta = g1, g2 })
	change("δ = −1", "δ is the generator", func(k *groth16.VerifyingKey) { k.G2.Delta.Neg(&g2) })
	change("δ in G1 another", "δ in G1 and δ in G2 are not of one scalar", func(k *groth16.VerifyingKey) { k.G1.Delta = k.G1.Alpha })
	change("δ in G1 negated", "δ in G1 and δ in G2 are not of one scalar", func(k *groth16.VerifyingKey) { k.G1.Delta.Neg(&k.G1.Delta) })
	change("β in G1 another", "β in G1 and β in G2 are not of one scalar", func(k *groth16.VerifyingKey) { k.G1.Beta = k.G1.Alpha })
	change("β in G2 negated", "β in G1 and β in G2 are not of one scalar", func(k *groth16.VerifyingKey) { k.G2.Beta.Neg(&k.G2.Beta) })
	return forms
}

func TestAssurance_BitFlipsNamedKeys(t *testing.T) {
	var tally damagetest.Tally
	for _, f := range keyForms(t) {
		reason := tally.Try(t, f.name, func() string {
			k, err := proof.DecodeVerifyingKey(f.bytes, keyInputs)
			if err == nil || k != nil {
				return ""
			}
			if !errors.Is(err, proof.ErrKey) {
				t.Errorf("%s: untyped error %v", f.name, err)
			}
			return err.Error()
		})
		if !strings.Contains(reason, f.reason) {
			t.Errorf("%s: refused as %q, want %q", f.name, reason, f.reason)
		}
		// A pinned key is no better.
		if _, err := proof.ParseVerifyingKey(f.bytes, sha256.Sum256(f.bytes), keyInputs); !errors.Is(err, proof.ErrKey) {
			t.Errorf("%s, pinned: %v", f.name, err)
		}
	}
	if tally.Dearest > damagetest.MiB {
		t.Errorf("a malformed key made the decoder allocate %d bytes", tally.Dearest)
	}
	assurance.Record(t, "bit flips/key forms refused by name", tally.Tried-tally.Accepted-tally.Panics,
		fmt.Sprintf("the dearest of them allocated %d bytes", tally.Dearest))
}

func TestEveryKeyHasOneEncoding(t *testing.T) {
	file, k := sampleKey(t)
	got, err := proof.DecodeVerifyingKey(file, keyInputs)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(writeKey(t, got), file) {
		t.Error("another key came back")
	}
	if !got.G1.K[3].Equal(&k.G1.K[3]) || !got.G2.Delta.Equal(&k.G2.Delta) {
		t.Error("not the key that gnark reads")
	}
	for n := range len(file) {
		if _, err := proof.DecodeVerifyingKey(file[:n], keyInputs); !errors.Is(err, proof.ErrKey) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for _, inputs := range []int{-1, 0, keyInputs - 1, keyInputs + 1, 1 << 20} {
		if _, err := proof.DecodeVerifyingKey(file, inputs); !errors.Is(err, proof.ErrKey) {
			t.Errorf("for %d public inputs: %v", inputs, err)
		}
	}
}

// What the file announces costs nothing before it is compared with its length.
func TestAttack_KeyThatAnnouncesMemory(t *testing.T) {
	file, _ := sampleKey(t)
	for _, at := range []int{atCount, len(file) - 8, len(file) - 4} {
		for _, n := range []uint32{1, 1 << 16, 1 << 24, 1<<31 - 1, 1<<32 - 1} {
			b := bytes.Clone(file)
			binary.BigEndian.PutUint32(b[at:], n)
			var err error
			if cost := damagetest.Allocated(func() { _, err = proof.DecodeVerifyingKey(b, keyInputs) }); cost > 1<<12 || err == nil {
				t.Errorf("%#x at byte %d: %d bytes allocated, %v", n, at, cost, err)
			}
		}
	}
}

func FuzzDecodeVerifyingKey(f *testing.F) {
	file, _ := sampleKey(f)
	f.Add(file, keyInputs)
	f.Add(file[:len(file)-1], keyInputs)
	f.Add(make([]byte, len(file)), keyInputs)
	f.Add([]byte{}, 0)
	for _, c := range keyForms(f) {
		f.Add(c.bytes, keyInputs)
	}
	f.Fuzz(func(t *testing.T, b []byte, inputs int) {
		k, err := proof.DecodeVerifyingKey(b, inputs)
		if err != nil {
			if !errors.Is(err, proof.ErrKey) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if !bytes.Equal(writeKey(t, k), b) {
			t.Fatalf("%x decodes to a key that encodes otherwise", b)
		}
	})
}
