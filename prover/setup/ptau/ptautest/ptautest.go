// Package ptautest writes powers of tau in snarkjs's form (docs/spec.md §9.6)
// for tests, from a tau, alpha and beta that the test knows.
package ptautest

import (
	"bytes"
	"encoding/binary"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Write returns a file for the domain 2^power without contributions.
func Write(power int, tau, alpha, beta uint64) []byte {
	var t, a, b fr.Element
	t.SetUint64(tau)
	a.SetUint64(alpha)
	b.SetUint64(beta)
	n := 1 << power
	powers := func(first fr.Element, n int) []fr.Element {
		out := make([]fr.Element, n)
		for i := range out {
			out[i] = first
			first.Mul(&first, &t)
		}
		return out
	}
	_, _, g1, g2 := bn254.Generators()
	one := fr.One()
	var file bytes.Buffer
	file.WriteString("ptau")
	words(&file, 1, 7)
	header := new(bytes.Buffer)
	words(header, 32)
	header.Write(reversed(fp.Modulus()))
	words(header, uint32(power), uint32(power))
	section(&file, 1, header.Bytes())
	section(&file, 2, inG1(bn254.BatchScalarMultiplicationG1(&g1, powers(one, 2*n-1))))
	section(&file, 3, inG2(bn254.BatchScalarMultiplicationG2(&g2, powers(one, n))))
	section(&file, 4, inG1(bn254.BatchScalarMultiplicationG1(&g1, powers(a, n))))
	section(&file, 5, inG1(bn254.BatchScalarMultiplicationG1(&g1, powers(b, n))))
	section(&file, 6, inG2(bn254.BatchScalarMultiplicationG2(&g2, []fr.Element{b})))
	section(&file, 7, []byte{0, 0, 0, 0})
	return file.Bytes()
}

func words(w *bytes.Buffer, v ...uint32) {
	for _, x := range v {
		w.Write(binary.LittleEndian.AppendUint32(nil, x))
	}
}

func reversed(v *big.Int) []byte {
	b := v.FillBytes(make([]byte, fp.Bytes))
	for i := range len(b) / 2 {
		b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
	}
	return b
}

func section(w *bytes.Buffer, id uint32, content []byte) {
	words(w, id)
	w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(content))))
	w.Write(content)
}

func elements(b []byte, list ...fp.Element) []byte {
	for _, e := range list {
		for _, word := range e {
			b = binary.LittleEndian.AppendUint64(b, word)
		}
	}
	return b
}

func inG1(points []bn254.G1Affine) (b []byte) {
	for _, p := range points {
		b = elements(b, p.X, p.Y)
	}
	return b
}

func inG2(points []bn254.G2Affine) (b []byte) {
	for _, p := range points {
		b = elements(b, p.X.A0, p.X.A1, p.Y.A0, p.Y.A1)
	}
	return b
}
