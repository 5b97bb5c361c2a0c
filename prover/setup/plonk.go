package setup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
	"github.com/consensys/gnark-crypto/ecc/bn254/kzg"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits"
)

// ErrPowers reports powers of tau that keys cannot be made from: too few, or
// not the powers of one tau.
var ErrPowers = errors.New("setup: unusable powers of tau")

// blinding is how many powers gnark needs beyond the domain, to open blinded
// polynomials.
const blinding = 3

// PlonkPowers is how many powers of tau in G1, from the zeroth, [PlonkKeys]
// needs for a system.
func PlonkPowers(system *cs.SparseR1CS) int { return circuits.PlonkDomain(system) + blinding }

// PlonkKeys makes PLONK keys for a circuit from powers of tau alone, as the
// first phase of a ceremony leaves them: [τ^i]G1 for i from 0, and [1]G2 and
// [τ]G2. There may be more powers than needed. Whoever knows tau can forge
// proofs; nobody else has to be trusted. That tau is nobody's is for the
// ceremony to show: what is checked here is that the points are the powers of
// one tau that is neither 0 nor 1.
//
// It takes seconds: the powers are brought into Lagrange form.
func PlonkKeys(system *cs.SparseR1CS, g1 []bn254.G1Affine, g2 [2]bn254.G2Affine) (*plonk.ProvingKey, *plonk.VerifyingKey, error) {
	if err := checkSparse(system); err != nil {
		return nil, nil, err
	}
	n := PlonkPowers(system)
	if len(g1) < n {
		return nil, nil, fmt.Errorf("%w: %d, the circuit needs %d", ErrPowers, len(g1), n)
	}
	g1 = g1[:n:n]
	if err := checkPowers(g1, g2); err != nil {
		return nil, nil, err
	}
	lagrange, err := kzg.ToLagrangeG1(g1[:n-blinding])
	if err != nil {
		return nil, nil, err
	}
	return plonkKeys(system, g1, lagrange, g2)
}

// checkSparse refuses a system that gnark would not make these keys for: the
// types of both schemes' systems are one.
func checkSparse(system *cs.SparseR1CS) error {
	if system.Type != constraint.SystemSparseR1CS || len(system.GetCommitments().CommitmentIndexes()) != 0 {
		return errors.New("setup: not a PLONK system without commitments")
	}
	return nil
}

// checkPowers compares the powers' ratios all at once, under random weights:
// e(Σ wᵢ·τ^(i+1), G2) = e(Σ wᵢ·τ^i, [τ]G2).
func checkPowers(g1 []bn254.G1Affine, g2 [2]bn254.G2Affine) error {
	_, _, one1, one2 := bn254.Generators()
	if !g1[0].Equal(&one1) || !g2[0].Equal(&one2) {
		return fmt.Errorf("%w: they do not begin with the generators", ErrPowers)
	}
	if g2[1].IsInfinity() || g2[1].Equal(&one2) || !g2[1].IsInSubGroup() {
		return fmt.Errorf("%w: tau is 0 or 1, or not in the group", ErrPowers)
	}
	for i := range g1 {
		if !g1[i].IsOnCurve() || g1[i].IsInfinity() {
			return fmt.Errorf("%w: number %d is not a point of the curve", ErrPowers, i)
		}
	}
	weights := make([]fr.Element, len(g1)-1)
	for i := range weights {
		if _, err := weights[i].SetRandom(); err != nil {
			return err
		}
	}
	var low, high bn254.G1Affine
	if _, err := low.MultiExp(g1[:len(g1)-1], weights, ecc.MultiExpConfig{}); err != nil {
		return err
	}
	if _, err := high.MultiExp(g1[1:], weights, ecc.MultiExpConfig{}); err != nil {
		return err
	}
	high.Neg(&high)
	same, err := bn254.PairingCheck([]bn254.G1Affine{low, high}, []bn254.G2Affine{g2[1], g2[0]})
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("%w: they are not the powers of one tau", ErrPowers)
	}
	return nil
}

func plonkKeys(system *cs.SparseR1CS, monomial, lagrange []bn254.G1Affine, g2 [2]bn254.G2Affine) (*plonk.ProvingKey, *plonk.VerifyingKey, error) {
	vk := kzg.VerifyingKey{G1: monomial[0], G2: g2}
	for i := range g2 {
		vk.Lines[i] = bn254.PrecomputeLines(g2[i])
	}
	return plonk.Setup(system,
		kzg.SRS{Pk: kzg.ProvingKey{G1: monomial}, Vk: vk},
		kzg.SRS{Pk: kzg.ProvingKey{G1: lagrange}, Vk: vk})
}

// devPlonk makes keys from a tau that it draws and forgets. Knowing tau, the
// Lagrange form is one scalar for each point: what [PlonkKeys] makes of the
// same powers, sooner.
func devPlonk(system *cs.SparseR1CS) (*plonk.ProvingKey, *plonk.VerifyingKey, error) {
	if err := checkSparse(system); err != nil {
		return nil, nil, err
	}
	// 2 ≤ tau < r
	drawn, err := rand.Int(rand.Reader, new(big.Int).Sub(fr.Modulus(), big.NewInt(2)))
	if err != nil {
		return nil, nil, err
	}
	var tau fr.Element
	tau.SetBigInt(drawn.Add(drawn, big.NewInt(2)))
	monomial, g2 := powersOf(tau, PlonkPowers(system))
	lagrange, err := lagrangeOf(tau, uint64(circuits.PlonkDomain(system)))
	if err != nil {
		return nil, nil, err
	}
	return plonkKeys(system, monomial, lagrange, g2)
}

func powersOf(tau fr.Element, n int) ([]bn254.G1Affine, [2]bn254.G2Affine) {
	_, _, one1, one2 := bn254.Generators()
	powers := make([]fr.Element, n)
	powers[0].SetOne()
	for i := 1; i < n; i++ {
		powers[i].Mul(&powers[i-1], &tau)
	}
	var second bn254.G2Affine
	second.ScalarMultiplication(&one2, tau.BigInt(new(big.Int)))
	return bn254.BatchScalarMultiplicationG1(&one1, powers), [2]bn254.G2Affine{one2, second}
}

// lagrangeOf is [Lᵢ(τ)]G1 over the domain of n points, with
// Lᵢ(τ) = (τ^n − 1)/n · ωⁱ/(τ − ωⁱ).
func lagrangeOf(tau fr.Element, n uint64) ([]bn254.G1Affine, error) {
	d := fft.NewDomain(n, fft.WithoutPrecompute())
	one := fr.One()
	var scale fr.Element
	scale.Exp(tau, new(big.Int).SetUint64(n))
	scale.Sub(&scale, &one)
	if scale.IsZero() {
		return nil, fmt.Errorf("%w: tau is a root of unity", ErrPowers)
	}
	scale.Mul(&scale, &d.CardinalityInv)
	values, roots := make([]fr.Element, n), make([]fr.Element, n)
	root := fr.One()
	for i := range values {
		roots[i] = root
		values[i].Sub(&tau, &root)
		root.Mul(&root, &d.Generator)
	}
	values = fr.BatchInvert(values)
	for i := range values {
		values[i].Mul(&values[i], &roots[i]).Mul(&values[i], &scale)
	}
	_, _, g, _ := bn254.Generators()
	return bn254.BatchScalarMultiplicationG1(&g, values), nil
}
