package redsig

import (
	"crypto/sha512"
	"errors"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"pgregory.net/rapid"
)

// A signer is a holder's key with one re-randomisation, from fixed bytes.
type signer struct {
	ask, rsk SecretKey
	ak, rk   Point
	alpha    Scalar
	nonceKey [NonceKeySize]byte
	fresh    [FreshSize]byte
}

func newSigner(t interface{ Fatal(...any) }, name string) signer {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var s signer
	var err error
	s.fresh = sha512.Sum512([]byte(name + " fresh"))
	key := sha512.Sum512([]byte(name + " nonce"))
	s.nonceKey = [NonceKeySize]byte(key[:])
	s.ask, err = NewSecretKey(sha512.Sum512([]byte(name)))
	must(err)
	s.ak, err = s.ask.Public()
	must(err)
	s.alpha, err = Blind(s.nonceKey, s.fresh, field.Uint(1))
	must(err)
	s.rsk, err = Randomize(s.ask, s.alpha)
	must(err)
	s.rk, err = RandomizePublic(s.ak, s.alpha)
	must(err)
	return s
}

func (s signer) sign(t testing.TB, m [MessageSize]byte) [SignatureSize]byte {
	sig, err := Sign(s.rsk, s.nonceKey, s.fresh, m)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(s.rk, m, sig); err != nil {
		t.Fatalf("an honest signature: %v", err)
	}
	return sig
}

var message = [MessageSize]byte{1, 2, 3}

func TestRefusesAnotherMessage(t *testing.T) {
	s := newSigner(t, "message")
	sig := s.sign(t, message)
	for bit := range 8 * MessageSize {
		m := message
		m[bit/8] ^= 1 << (bit % 8)
		if err := Verify(s.rk, m, sig); !errors.Is(err, ErrSignature) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
}

func TestRefusesAnotherKey(t *testing.T) {
	s, other := newSigner(t, "mine"), newSigner(t, "another's")
	sig := s.sign(t, message)
	for name, rk := range map[string]Point{
		"another holder's": other.rk, "not re-randomised": s.ak, "negated": {s.rk.p}, "zero Point": {},
	} {
		want := ErrSignature
		switch name {
		case "negated":
			rk.p.Neg(&rk.p)
		case "zero Point":
			want = ErrNotOnCurve
		}
		if err := Verify(rk, message, sig); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func TestRefusesEveryFlippedBit(t *testing.T) {
	s := newSigner(t, "flips")
	sig := s.sign(t, message)
	for bit := range 8 * SignatureSize {
		bad := sig
		bad[bit/8] ^= 1 << (bit % 8)
		err := Verify(s.rk, message, bad)
		typed := errors.Is(err, ErrSignature) || errors.Is(err, ErrScalarRange) || errors.Is(err, ErrPointEncoding) || errors.Is(err, ErrNotOnCurve)
		if !typed {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
}

// TestAttack_MalleableScalar adds the group order to s: the equation holds, so
// only the range check stands between one signature and two.
func TestAttack_MalleableScalar(t *testing.T) {
	s := newSigner(t, "malleable")
	sig := s.sign(t, message)
	v := new(big.Int).SetBytes(sig[PointSize:])
	for v.Add(v, ell()); v.BitLen() <= 256; v.Add(v, ell()) {
		bad := sig
		v.FillBytes(bad[PointSize:])
		if err := Verify(s.rk, message, bad); !errors.Is(err, ErrScalarRange) {
			t.Errorf("s + multiple of l: %v", err)
		}
	}
}

func TestAttack_SecondEncodingOfR(t *testing.T) {
	s := newSigner(t, "second encoding")
	sig := s.sign(t, message)
	y := new(big.Int).SetBytes(sig[:PointSize])
	y.SetBit(y, 255, 0)
	y.Add(y, fr.Modulus())
	bad := sig
	y.FillBytes(bad[:PointSize])
	bad[0] |= sig[0] & signBit
	if err := Verify(s.rk, message, bad); !errors.Is(err, ErrPointEncoding) {
		t.Error(err)
	}
	// R = O has a second encoding, with the sign of x = 0 set.
	for name, c := range map[string]struct {
		first byte
		want  error
	}{"O": {0, ErrSignature}, "O with sign": {signBit, ErrPointEncoding}} {
		bad := sig
		one := fr.One()
		o := one.Bytes()
		copy(bad[:], o[:])
		bad[0] |= c.first
		if err := Verify(s.rk, message, bad); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestAttack_SmallOrderKey signs without any secret under keys for which the
// cofactored equation always holds.
func TestAttack_SmallOrderKey(t *testing.T) {
	k := scalarOf(big.NewInt(12345))
	var sig [SignatureSize]byte
	r, s := multiplySecret(k).Bytes(), k.Bytes()
	copy(sig[:], r[:])
	copy(sig[PointSize:], s[:])
	for i, p := range torsion(t) {
		if err := Verify(p, message, sig); !errors.Is(err, ErrSmallOrder) {
			t.Errorf("torsion point %d as key: %v", i, err)
		}
	}
	one := scalarOf(big.NewInt(1))
	minusB := base()
	minusB.p.Neg(&minusB.p)
	if _, err := RandomizePublic(minusB, one); !errors.Is(err, ErrSmallOrder) {
		t.Errorf("ak = -[α]B: %v", err)
	}
}

// TestAttack_RepeatedFreshBytes: two signatures with one nonce tell the key. A
// generator that repeats itself must not lead to that.
func TestAttack_RepeatedFreshBytes(t *testing.T) {
	s, m2 := newSigner(t, "repeated"), [MessageSize]byte{4, 5, 6}
	big2 := func(x Scalar) *big.Int { b := x.Bytes(); return new(big.Int).SetBytes(b[:]) }
	// recovered is the key that follows if both signatures have one nonce.
	recovered := func(a, b [SignatureSize]byte) *big.Int {
		ca, cb := challenge([PointSize]byte(a[:]), s.rk, message), challenge([PointSize]byte(b[:]), s.rk, m2)
		ds := new(big.Int).Sub(new(big.Int).SetBytes(a[PointSize:]), new(big.Int).SetBytes(b[PointSize:]))
		dc := new(big.Int).Sub(big2(ca), big2(cb))
		return ds.Mod(ds.Mul(ds, dc.ModInverse(dc.Mod(dc, ell()), ell())), ell())
	}
	with := func(k Scalar, m [MessageSize]byte) (sig [SignatureSize]byte) {
		r := multiplySecret(k).Bytes()
		z := k.Add(challenge(r, s.rk, m).Mul(s.rsk.s)).Bytes()
		copy(sig[:], r[:])
		copy(sig[PointSize:], z[:])
		return sig
	}
	want := big2(s.rsk.s)
	if k := scalarOf(big.NewInt(99)); recovered(with(k, message), with(k, m2)).Cmp(want) != 0 {
		t.Fatal("one nonce for two signatures does not tell the key: this test would find nothing")
	}
	first, second := s.sign(t, message), s.sign(t, m2) // with the same fresh bytes
	if [PointSize]byte(first[:]) == [PointSize]byte(second[:]) || recovered(first, second).Cmp(want) == 0 {
		t.Error("two messages have one nonce")
	}
	other := newSigner(t, "another")
	other.fresh = s.fresh
	if third := other.sign(t, message); [PointSize]byte(third[:]) == [PointSize]byte(first[:]) {
		t.Error("two holders have one nonce")
	}
}

// TestTorsionFollowsTheCofactoredEquation: a signer may add torsion to R if it
// hashes that R; nobody may afterwards; and torsion in rk changes nothing but
// the hash. This is what makes single and batch verification agree.
func TestTorsionFollowsTheCofactoredEquation(t *testing.T) {
	s := newSigner(t, "torsion")
	honest := s.sign(t, message)
	k := hashScalar("rednonce", s.nonceKey[:], s.fresh[:], message[:])
	for i, p := range torsion(t)[:7] {
		shifted := multiplySecret(k).Add(p).Bytes()
		late := honest
		copy(late[:], shifted[:])
		if err := Verify(s.rk, message, late); !errors.Is(err, ErrSignature) {
			t.Errorf("torsion %d added to R after signing: %v", i, err)
		}
		sign := func(rk Point) (sig [SignatureSize]byte) {
			z := k.Add(challenge(shifted, rk, message).Mul(s.rsk.s)).Bytes()
			copy(sig[:], shifted[:])
			copy(sig[PointSize:], z[:])
			return sig
		}
		if err := Verify(s.rk, message, sign(s.rk)); err != nil {
			t.Errorf("torsion %d in R from the start: %v", i, err)
		}
		rk := s.rk.Add(p)
		if err := Verify(rk, message, sign(rk)); err != nil {
			t.Errorf("torsion %d in R and rk: %v", i, err)
		}
		if err := Verify(rk, message, honest); !errors.Is(err, ErrSignature) {
			t.Errorf("honest signature under rk plus torsion %d: %v", i, err)
		}
	}
}

// TestRerandomisedKeysDoNotShowTheHolder: the key of a presentation is the key
// of its own secret, differs each time, and any ak could stand behind it.
func TestRerandomisedKeysDoNotShowTheHolder(t *testing.T) {
	s, other := newSigner(t, "unlinkable"), newSigner(t, "somebody else")
	seen := map[Point]bool{s.ak: true, other.ak: true}
	for i := range uint64(16) {
		alpha, err := Blind(s.nonceKey, s.fresh, field.Uint(i))
		if err != nil {
			t.Fatal(err)
		}
		rk, err := RandomizePublic(s.ak, alpha)
		if err != nil {
			t.Fatal(err)
		}
		rsk, err := Randomize(s.ask, alpha)
		if err != nil {
			t.Fatal(err)
		}
		if pub, err := rsk.Public(); err != nil || !pub.Equal(rk) {
			t.Fatalf("ask + α does not belong to ak + [α]B: %v", err)
		}
		if seen[rk] || !rk.InSubgroup() {
			t.Fatalf("presentation %d repeats a key or leaves the subgroup", i)
		}
		seen[rk] = true
		// The other holder reaches the same rk with the blinding rsk − ask'.
		minus := scalarOf(new(big.Int).Sub(ell(), other.ask.s.big()))
		if same, err := RandomizePublic(other.ak, rsk.s.Add(minus)); err != nil || !same.Equal(rk) {
			t.Fatalf("rk singles out its holder: %v", err)
		}
	}
}

func TestBlindDependsOnEveryInput(t *testing.T) {
	s := newSigner(t, "blind")
	seen := map[[ScalarSize]byte]bool{}
	for _, flip := range []int{0, 1, 2, 3} {
		nonceKey, fresh, c := s.nonceKey, s.fresh, uint64(1)
		switch flip {
		case 1:
			nonceKey[31] ^= 1
		case 2:
			fresh[63] ^= 1
		case 3:
			c = 2
		}
		alpha, err := Blind(nonceKey, fresh, field.Uint(c))
		if err != nil {
			t.Fatal(err)
		}
		if seen[alpha.Bytes()] {
			t.Errorf("input %d does not change α", flip)
		}
		seen[alpha.Bytes()] = true
	}
}

func TestRefusesZeroSecrets(t *testing.T) {
	s := newSigner(t, "zero")
	var wide [64]byte
	if _, err := NewSecretKey(wide); !errors.Is(err, ErrZeroScalar) {
		t.Errorf("key 0: %v", err)
	}
	ell().FillBytes(wide[:])
	if _, err := NewSecretKey(wide); !errors.Is(err, ErrZeroScalar) {
		t.Errorf("key l: %v", err)
	}
	if _, err := Sign(SecretKey{}, s.nonceKey, s.fresh, message); !errors.Is(err, ErrZeroScalar) {
		t.Errorf("signing with the zero SecretKey: %v", err)
	}
	if _, err := Randomize(s.ask, Scalar{}); !errors.Is(err, ErrZeroScalar) {
		t.Errorf("α = 0 for the secret key: %v", err)
	}
	if _, err := RandomizePublic(s.ak, Scalar{}); !errors.Is(err, ErrZeroScalar) {
		t.Errorf("α = 0 for the public key: %v", err)
	}
	if _, err := Randomize(s.ask, scalarOf(new(big.Int).Sub(ell(), s.ask.s.big()))); !errors.Is(err, ErrZeroScalar) {
		t.Errorf("α = -ask: %v", err)
	}
	if _, err := RandomizePublic(Point{}, s.alpha); !errors.Is(err, ErrNotOnCurve) {
		t.Errorf("zero Point: %v", err)
	}
}

func TestSignaturesVerifyForEveryKeyAndMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSigner(t, rapid.String().Draw(t, "holder"))
		m := [MessageSize]byte(rapid.SliceOfN(rapid.Byte(), MessageSize, MessageSize).Draw(t, "message"))
		sig, err := Sign(s.rsk, s.nonceKey, s.fresh, m)
		if err != nil {
			t.Fatal(err)
		}
		if err := Verify(s.rk, m, sig); err != nil {
			t.Fatal(err)
		}
		bad := sig
		bad[rapid.IntRange(0, SignatureSize-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if err := Verify(s.rk, m, bad); err == nil {
			t.Fatal("a changed signature verifies")
		}
	})
}

func FuzzVerify(f *testing.F) {
	s := newSigner(f, "fuzz")
	sig := s.sign(f, message)
	key := s.rk.Bytes()
	f.Add(key[:], message[:], sig[:])
	f.Fuzz(func(t *testing.T, rk, m, candidate []byte) {
		if len(m) != MessageSize || len(candidate) != SignatureSize {
			return
		}
		p, err := DecodePoint(rk)
		if err != nil {
			return
		}
		err = Verify(p, [MessageSize]byte(m), [SignatureSize]byte(candidate))
		honest := p.Equal(s.rk) && [MessageSize]byte(m) == message && [SignatureSize]byte(candidate) == sig
		if honest != (err == nil) && p.Equal(s.rk) {
			t.Fatalf("honest %v, error %v", honest, err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	s := newSigner(b, "bench")
	for b.Loop() {
		if _, err := Sign(s.rsk, s.nonceKey, s.fresh, message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	s := newSigner(b, "bench")
	sig := s.sign(b, message)
	for b.Loop() {
		if err := Verify(s.rk, message, sig); err != nil {
			b.Fatal(err)
		}
	}
}
