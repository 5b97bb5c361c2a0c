package proof_test

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
)

// samplePlonk is nine points and seven scalars; what they prove does not
// matter to the codec.
func samplePlonk(t testing.TB) (p *plonk.Proof, b [proof.PlonkSize]byte) {
	t.Helper()
	_, _, g, _ := bn254.Generators()
	p = &plonk.Proof{}
	points := []*bn254.G1Affine{&p.LRO[0], &p.LRO[1], &p.LRO[2], &p.Z, &p.H[0], &p.H[1], &p.H[2], &p.BatchedProof.H, &p.ZShiftedOpening.H}
	for i, point := range points {
		point.ScalarMultiplication(&g, big.NewInt(int64(11+i)))
	}
	for i := range 6 {
		p.BatchedProof.ClaimedValues = append(p.BatchedProof.ClaimedValues, fr.NewElement(uint64(100+i)))
	}
	p.ZShiftedOpening.ClaimedValue = fr.NewElement(200)
	b, err := proof.EncodePlonk(p)
	if err != nil {
		t.Fatal(err)
	}
	return p, b
}

// The parts of a PLONK proof in their order: where each begins, and whether it
// is a point.
var plonkParts = []struct {
	name  string
	point bool
}{
	{"L", true}, {"R", true}, {"O", true}, {"Z", true}, {"H0", true}, {"H1", true}, {"H2", true}, {"the opening", true},
	{"linearised(ζ)", false}, {"l(ζ)", false}, {"r(ζ)", false}, {"o(ζ)", false}, {"s1(ζ)", false}, {"s2(ζ)", false},
	{"the shifted opening", true}, {"z(ωζ)", false},
}

func TestPlonkRoundTrip(t *testing.T) {
	p, b := samplePlonk(t)
	if proof.PlonkSize != consent.Plonk.ProofSize() || proof.Size != consent.Groth16.ProofSize() || 32*len(plonkParts) != proof.PlonkSize {
		t.Fatal("the lengths of proofs are not those of their schemes")
	}
	q, err := proof.DecodePlonk(b)
	if err != nil {
		t.Fatal(err)
	}
	// gnark's own form says whether every part came back. Its lists of claimed
	// values and commitments alone carry lengths.
	var before, after bytes.Buffer
	if _, err := p.WriteTo(&before); err != nil {
		t.Fatal(err)
	}
	if _, err := q.WriteTo(&after); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before.Bytes(), after.Bytes()) {
		t.Fatal("another proof came back")
	}
	values := 8 * 32
	ours := append(bytes.Clone(b[:values]), 0, 0, 0, 6)
	ours = append(append(ours, b[values:]...), 0, 0, 0, 0)
	if !bytes.Equal(before.Bytes(), ours) {
		t.Fatal("not gnark's order of the parts")
	}
}

func TestRefusesToEncodePlonk(t *testing.T) {
	for name, change := range map[string]func(*plonk.Proof){
		"a commitment":             func(p *plonk.Proof) { p.Bsb22Commitments = make([]bn254.G1Affine, 1) },
		"a claimed value more":     func(p *plonk.Proof) { p.BatchedProof.ClaimedValues = make([]fr.Element, 7) },
		"a claimed value less":     func(p *plonk.Proof) { p.BatchedProof.ClaimedValues = make([]fr.Element, 5) },
		"no claimed values":        func(p *plonk.Proof) { p.BatchedProof.ClaimedValues = nil },
		"O infinity":               func(p *plonk.Proof) { p.LRO[2] = bn254.G1Affine{} },
		"H2 infinity":              func(p *plonk.Proof) { p.H[2] = bn254.G1Affine{} },
		"opening infinity":         func(p *plonk.Proof) { p.BatchedProof.H = bn254.G1Affine{} },
		"shifted opening infinity": func(p *plonk.Proof) { p.ZShiftedOpening.H = bn254.G1Affine{} },
	} {
		p, _ := samplePlonk(t)
		change(p)
		if _, err := proof.EncodePlonk(p); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every part of the proof in every wrong form is refused by the part's name.
func TestRefusesMalformedPlonkParts(t *testing.T) {
	_, good := samplePlonk(t)
	flag := func(b []byte, f byte) []byte { b = bytes.Clone(b); b[0] = b[0]&^0xc0 | f; return b }
	plus := func(b []byte, m *big.Int, keep byte) []byte {
		top := b[0] & keep
		b = bytes.Clone(b)
		b[0] &^= keep
		n := new(big.Int).SetBytes(b)
		n.Add(n, m)
		if n.BitLen() > 256 || keep != 0 && n.BitLen() > 254 {
			return nil // the sum does not fit
		}
		n.FillBytes(b)
		b[0] |= top
		return b
	}
	off := func() []byte {
		for i := byte(1); ; i++ {
			b := make([]byte, 32)
			b[0], b[31] = 0x80, i
			var p bn254.G1Affine
			if _, err := p.SetBytes(b); err != nil {
				return b
			}
		}
	}()
	points := map[string]func(b []byte) []byte{
		"infinity":                   func([]byte) []byte { return append([]byte{0x40}, make([]byte, 31)...) },
		"infinity with a coordinate": func(b []byte) []byte { return flag(b, 0x40) },
		"uncompressed":               func(b []byte) []byte { return flag(b, 0) },
		"zeros":                      func([]byte) []byte { return make([]byte, 32) },
		"ones":                       func([]byte) []byte { return bytes.Repeat([]byte{0xff}, 32) },
		"x = p":                      func([]byte) []byte { return flag(fp.Modulus().FillBytes(make([]byte, 32)), 0x80) },
		"x + p":                      func(b []byte) []byte { return plus(b, fp.Modulus(), 0xc0) },
		"off the curve":              func([]byte) []byte { return off },
	}
	scalars := map[string]func(b []byte) []byte{
		"r":             func([]byte) []byte { return fr.Modulus().FillBytes(make([]byte, 32)) },
		"r more":        func(b []byte) []byte { return plus(b, fr.Modulus(), 0) },
		"ones":          func([]byte) []byte { return bytes.Repeat([]byte{0xff}, 32) },
		"a high bit":    func(b []byte) []byte { b = bytes.Clone(b); b[0] |= 0x80; return b },
		"a point's x/y": func([]byte) []byte { return flag(good[:32], 0xc0) },
	}
	tried := 0
	for i, part := range plonkParts {
		changes := scalars
		if part.point {
			changes = points
		}
		for name, change := range changes {
			b := good
			bad := change(good[32*i : 32*i+32])
			if bad == nil {
				continue
			}
			tried++
			copy(b[32*i:], bad)
			_, err := proof.DecodePlonk(b)
			if !errors.Is(err, proof.ErrMalformed) || !strings.Contains(err.Error(), ": "+part.name+" ") {
				t.Errorf("%s %s: %v", part.name, name, err)
			}
		}
	}
	if tried < 9*7+7*5 {
		t.Errorf("only %d changes tried", tried)
	}
}

func FuzzDecodePlonk(f *testing.F) {
	_, b := samplePlonk(f)
	f.Add(b[:])
	f.Add(make([]byte, proof.PlonkSize))
	f.Add(bytes.Repeat([]byte{0x40}, proof.PlonkSize))
	flipped := b
	flipped[0] ^= 0x40
	f.Add(flipped[:])
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) != proof.PlonkSize {
			return
		}
		b := [proof.PlonkSize]byte(in)
		p, err := proof.DecodePlonk(b)
		if err != nil {
			if !errors.Is(err, proof.ErrMalformed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := proof.EncodePlonk(p)
		if err != nil || again != b {
			t.Fatalf("%x decodes and encodes to %x, %v", b, again, err)
		}
	})
}
