package ceremony

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	kzg "github.com/consensys/gnark-crypto/ecc/bn254/mpcsetup"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
)

// frVector is the type of a public witness's values.
type frVector = fr.Vector

func publicKeys(n ...byte) (keys []ed25519.PublicKey) {
	for _, n := range n {
		keys = append(keys, key(n).Public().(ed25519.PublicKey))
	}
	return keys
}

func scalar(v uint64) (e fr.Element) {
	e.SetUint64(v)
	return e
}

func inverse(v uint64) (e fr.Element) {
	e.SetUint64(v)
	return *e.Inverse(&e)
}

// update is a proof of having mixed x in; of 0, the only one there can be.
func update(x fr.Element, challenge []byte, dst byte) kzg.UpdateProof {
	if x.IsZero() {
		var p kzg.UpdateProof
		return p
	}
	return kzg.UpdateValues(&x, challenge, dst)
}

func times(x fr.Element, points ...*bn254.G1Affine) {
	var i big.Int
	x.BigInt(&i)
	for _, p := range points {
		p.ScalarMultiplication(p, &i)
	}
}

func timesG2(x fr.Element, points ...*bn254.G2Affine) {
	var i big.Int
	x.BigInt(&i)
	for _, p := range points {
		p.ScalarMultiplication(p, &i)
	}
}

// craftPowers is a payload for the first phase, made from the last one with
// shares that its author chose.
func craftPowers(t *testing.T, last []byte, tau, alpha, beta fr.Element, spoil func(*mpcsetup.SrsCommons)) []byte {
	t.Helper()
	var srs mpcsetup.SrsCommons
	if _, err := srs.ReadFrom(bytes.NewReader(last[3*proofSize:])); err != nil {
		t.Fatal(err)
	}
	challenge := sha256.Sum256(last)
	pow := fr.One()
	for i := range srs.G1.Tau {
		times(pow, &srs.G1.Tau[i])
		if i < len(srs.G2.Tau) {
			timesG2(pow, &srs.G2.Tau[i])
			times(pow, &srs.G1.AlphaTau[i], &srs.G1.BetaTau[i])
			times(alpha, &srs.G1.AlphaTau[i])
			times(beta, &srs.G1.BetaTau[i])
		}
		pow.Mul(&pow, &tau)
	}
	timesG2(beta, &srs.G2.Beta)
	if spoil != nil {
		spoil(&srs)
	}
	var out bytes.Buffer
	for i, x := range []fr.Element{tau, alpha, beta} {
		p := update(x, challenge[:], byte(i))
		if _, err := p.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := srs.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	out.WriteByte(sha256.Size)
	out.Write(challenge[:])
	return out.Bytes()
}

// craftKey is a payload for the second phase with the share δ of its author.
func craftKey(t *testing.T, last []byte, delta fr.Element, spoil func(*mpcsetup.Phase2)) []byte {
	t.Helper()
	var p mpcsetup.Phase2
	if _, err := p.ReadFrom(bytes.NewReader(last)); err != nil {
		t.Fatal(err)
	}
	challenge := sha256.Sum256(last)
	times(delta, &p.Parameters.G1.Delta)
	timesG2(delta, &p.Parameters.G2.Delta)
	var back fr.Element
	back.Inverse(&delta)
	for _, list := range [][]bn254.G1Affine{p.Parameters.G1.Z, p.Parameters.G1.PKK} {
		for i := range list {
			times(back, &list[i])
		}
	}
	p.Delta = update(delta, challenge[:], 0)
	p.Challenge = challenge[:]
	if spoil != nil {
		spoil(&p)
	}
	var out bytes.Buffer
	if _, err := p.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// firstPowers and firstKeys are the payloads that a phase begins with, which
// nobody sends.
func firstPowers(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := mpcsetup.NewPhase1(uint64(n)).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func firstKeys(t *testing.T, f *Folder) (payloads [][]byte) {
	t.Helper()
	r, err := f.start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, chains, err := r.read(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chains {
		var b bytes.Buffer
		if _, err := c.(*keyChain).last.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, b.Bytes())
	}
	return payloads
}

// offSubgroup is the compressed form of a point of the twist that has another
// order than r.
func offSubgroup(t *testing.T) []byte {
	t.Helper()
	_, _, _, g := bn254.Generators()
	b, x3 := g.Y, g.X
	b.Square(&g.Y)
	x3.Square(&g.X).Mul(&x3, &g.X)
	b.Sub(&b, &x3)
	for i := range uint64(1000) {
		var p bn254.G2Affine
		p.X.A0.SetUint64(i)
		y2 := p.X
		y2.Square(&p.X).Mul(&y2, &p.X).Add(&y2, &b)
		if y2.Legendre() != 1 {
			continue
		}
		p.Y.Sqrt(&y2)
		if p.IsOnCurve() && !p.IsInSubGroup() {
			out := p.Bytes()
			return out[:]
		}
	}
	t.Fatal("no point found")
	return nil
}
