package proof_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/internal/damagetest"
	"github.com/zkconsent/zkconsent/internal/proof"
)

// sample is three points of the right groups; what they prove does not matter
// to the codec.
func sample(t testing.TB) (p *groth16.Proof, b [proof.Size]byte) {
	t.Helper()
	_, _, g1, g2 := bn254.Generators()
	p = &groth16.Proof{}
	p.Ar.ScalarMultiplication(&g1, big.NewInt(11))
	p.Bs.ScalarMultiplication(&g2, big.NewInt(13))
	p.Krs.ScalarMultiplication(&g1, big.NewInt(17))
	b, err := proof.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return p, b
}

func TestRoundTrip(t *testing.T) {
	p, b := sample(t)
	q, err := proof.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !q.Ar.Equal(&p.Ar) || !q.Bs.Equal(&p.Bs) || !q.Krs.Equal(&p.Krs) {
		t.Fatal("another proof came back")
	}
}

func TestRefusesToEncode(t *testing.T) {
	for name, change := range map[string]func(*groth16.Proof){
		"a commitment": func(p *groth16.Proof) { p.Commitments = make([]bn254.G1Affine, 1) },
		"A infinity":   func(p *groth16.Proof) { p.Ar = bn254.G1Affine{} },
		"B infinity":   func(p *groth16.Proof) { p.Bs = bn254.G2Affine{} },
		"C infinity":   func(p *groth16.Proof) { p.Krs = bn254.G1Affine{} },
	} {
		p, _ := sample(t)
		change(p)
		if _, err := proof.Encode(p); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// offSubgroup is a point on the twist's curve outside the subgroup.
func offSubgroup(t testing.TB) []byte {
	t.Helper()
	_, _, _, g2 := bn254.Generators()
	b := g2.Bytes()
	for i := range 1 << 12 {
		// Small x coordinates: half of them are on the curve, and by the size
		// of the cofactor none of those in the subgroup.
		x := [64]byte{0: 0x80, 62: byte(i >> 8), 63: byte(i)}
		var p bn254.G2Affine
		dec := bn254.NewDecoder(bytes.NewReader(x[:]), bn254.NoSubgroupChecks())
		if err := dec.Decode(&p); err == nil && !p.IsInSubGroup() {
			return x[:]
		}
	}
	t.Fatalf("no point found beside %x", b[:4])
	return nil
}

func TestAssurance_BitFlipsNamedProofs(t *testing.T) {
	_, good := sample(t)
	var forms []form
	for _, p := range []struct {
		name   string
		at     int
		points []form
	}{{"A", 0, formsG1(t, good[:32])}, {"B", 32, formsG2(t, good[32:96])}, {"C", 96, formsG1(t, good[96:])}} {
		for _, f := range p.points {
			b := good
			copy(b[p.at:], f.bytes)
			forms = append(forms, form{p.name + " " + f.name, b[:], p.name + " " + f.reason})
		}
	}
	forms = append(forms, form{"all zeros", make([]byte, proof.Size), "A is not compressed"})
	var tally damagetest.Tally
	for _, f := range forms {
		reason := tally.Try(t, f.name, func() string {
			p, err := proof.Decode([proof.Size]byte(f.bytes))
			if err == nil || p != nil {
				return ""
			}
			if !errors.Is(err, proof.ErrMalformed) {
				t.Errorf("%s: untyped error %v", f.name, err)
			}
			return err.Error()
		})
		if reason != "malformed proof: "+f.reason {
			t.Errorf("%s: refused as %q, want %q", f.name, reason, f.reason)
		}
	}
	if tally.Dearest > damagetest.MiB {
		t.Errorf("a malformed proof made the decoder allocate %d bytes", tally.Dearest)
	}
	assurance.Record(t, "bit flips/proof forms refused by name", tally.Tried-tally.Accepted-tally.Panics,
		fmt.Sprintf("the dearest of them allocated %d bytes", tally.Dearest))
}

func FuzzDecode(f *testing.F) {
	_, b := sample(f)
	f.Add(b[:])
	f.Add(make([]byte, proof.Size))
	f.Add(bytes.Repeat([]byte{0x40}, proof.Size))
	flipped := b
	flipped[0] ^= 0x40
	f.Add(flipped[:])
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) != proof.Size {
			return
		}
		b := [proof.Size]byte(in)
		p, err := proof.Decode(b)
		if err != nil {
			if !errors.Is(err, proof.ErrMalformed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := proof.Encode(p)
		if err != nil || again != b {
			t.Fatalf("%x decodes and encodes to %x, %v", b, again, err)
		}
	})
}

// forge makes a key whose trapdoor the test knows, and a proof under it.
func forge(t testing.TB, inputs []fr.Element) (key []byte, b [proof.Size]byte) {
	t.Helper()
	_, _, g1, g2 := bn254.Generators()
	scalar := func() fr.Element {
		var e fr.Element
		e.MustSetRandom()
		return e
	}
	mul1 := func(e fr.Element) (p bn254.G1Affine) { p.ScalarMultiplication(&g1, e.BigInt(new(big.Int))); return p }
	mul2 := func(e fr.Element) (p bn254.G2Affine) { p.ScalarMultiplication(&g2, e.BigInt(new(big.Int))); return p }
	alpha, beta, gamma, delta := scalar(), scalar(), scalar(), scalar()
	var vk groth16.VerifyingKey
	vk.G1.Alpha, vk.G1.Beta, vk.G1.Delta = mul1(alpha), mul1(beta), mul1(delta)
	vk.G2.Beta, vk.G2.Gamma, vk.G2.Delta = mul2(beta), mul2(gamma), mul2(delta)
	sum := scalar()
	vk.G1.K = append(vk.G1.K, mul1(sum))
	for i := range inputs {
		k := scalar()
		vk.G1.K = append(vk.G1.K, mul1(k))
		k.Mul(&k, &inputs[i])
		sum.Add(&sum, &k)
	}
	// A·B = αβ + γ·sum + δ·C, solved for C.
	x, y := scalar(), scalar()
	var c, term fr.Element
	c.Mul(&x, &y)
	c.Sub(&c, term.Mul(&alpha, &beta))
	c.Sub(&c, term.Mul(&gamma, &sum))
	c.Div(&c, &delta)
	b, err := proof.Encode(&groth16.Proof{Ar: mul1(x), Bs: mul2(y), Krs: mul1(c)})
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := vk.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), b
}

func TestVerifies(t *testing.T) {
	inputs := []fr.Element{fr.NewElement(3), fr.NewElement(0), fr.NewElement(7)}
	file, b := forge(t, inputs)
	path := filepath.Join(t.TempDir(), "verifying.key")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := proof.LoadVerifyingKey(path, consent.Groth16, sha256.Sum256(file), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(inputs, consent.Proof(b[:])); err != nil {
		t.Fatal(err)
	}
	for i := range inputs {
		changed := append([]fr.Element(nil), inputs...)
		changed[i] = fr.NewElement(8)
		if err := k.Verify(changed, consent.Proof(b[:])); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("input %d changed: %v", i, err)
		}
	}
	if err := k.Verify(inputs[:2], consent.Proof(b[:])); !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("an input less: %v", err)
	}
	_, other := sample(t)
	if err := k.Verify(inputs, consent.Proof(other[:])); !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("another proof: %v", err)
	}
	if err := k.Verify(inputs, consent.Proof(make([]byte, proof.Size))); !errors.Is(err, proof.ErrMalformed) {
		t.Errorf("no proof: %v", err)
	}
}

func TestRefusesKeys(t *testing.T) {
	inputs := make([]fr.Element, 2)
	file, _ := forge(t, inputs)
	if _, err := proof.ParseVerifyingKey(file, [32]byte{}, 2); !errors.Is(err, proof.ErrKeyDigest) {
		t.Errorf("another digest: %v", err)
	}
	// A key that was pinned although it is wrong: the digest matches each time.
	junk := make([]byte, 300)
	if _, err := rand.Read(junk); err != nil {
		t.Fatal(err)
	}
	var free groth16.VerifyingKey
	if _, err := free.ReadFrom(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	free.G1.K[2] = bn254.G1Affine{}
	var buf bytes.Buffer
	if _, err := free.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file   []byte
		inputs int
	}{
		"other number of inputs": {file, 3},
		"trailing byte":          {append(bytes.Clone(file), 0), 2},
		"truncated":              {file[:len(file)-1], 2},
		"empty":                  {nil, 2},
		"junk":                   {junk, 2},
		"input without effect":   {buf.Bytes(), 2},
		"too long":               {make([]byte, 1<<16+1), 2},
	} {
		if _, err := proof.ParseVerifyingKey(c.file, sha256.Sum256(c.file), c.inputs); !errors.Is(err, proof.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParseVerifyingKey: whatever is not the pinned key is refused before
// gnark's decoder, which trusts announced lengths, sees it.
func FuzzParseVerifyingKey(f *testing.F) {
	pinned := []byte("a key of which the digest is pinned")
	digest := sha256.Sum256(pinned)
	f.Add(pinned)
	f.Add(bytes.Repeat([]byte{0xff}, 400))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := proof.ParseVerifyingKey(b, digest, 3)
		if same := bytes.Equal(b, pinned); same != errors.Is(err, proof.ErrKey) || same == errors.Is(err, proof.ErrKeyDigest) {
			t.Fatalf("%v", err)
		}
	})
}
