package setup

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend"
	plonk "github.com/consensys/gnark/backend/plonk/bn254"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
)

func system(t *testing.T, id consent.CircuitID) *cs.SparseR1CS {
	t.Helper()
	compiled, err := circuits.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return compiled.(*cs.SparseR1CS)
}

func written(t *testing.T, k key) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := k.WriteRawTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Keys from given powers, as a ceremony has them, prove; they are those that
// the development setup makes from the same tau; and more powers than needed
// change nothing.
func TestPlonkKeysFromPowers(t *testing.T) {
	s := system(t, consent.EnrolPlonk)
	tau := fr.NewElement(0x1234567)
	n := PlonkPowers(s)
	g1, g2 := powersOf(tau, n+5)
	pk, vk, err := PlonkKeys(s, g1, g2)
	if err != nil {
		t.Fatal(err)
	}
	lagrange, err := lagrangeOf(tau, uint64(circuits.PlonkDomain(s)))
	if err != nil {
		t.Fatal(err)
	}
	devPk, devVk, err := plonkKeys(s, g1[:n], lagrange, g2)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written(t, vk), written(t, devVk)) || !bytes.Equal(written(t, pk), written(t, devPk)) {
		t.Fatal("the keys of one tau differ by how they were made")
	}
	c := circuittest.New(t, consent.EnrolPlonk, 1)
	full, err := circuits.NewWitness(&c.Statement, &c.Witness)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := plonk.Prove(s, pk, full, backend.WithStatisticalZeroKnowledge())
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Statement.PublicInputs()
	if err != nil {
		t.Fatal(err)
	}
	if err := plonk.Verify(proof, vk, in); err != nil {
		t.Fatal(err)
	}
	in[0].SetOne()
	if plonk.Verify(proof, vk, in) == nil {
		t.Fatal("another holder's statement is proved")
	}
}

func TestRefusesPowers(t *testing.T) {
	s := system(t, consent.EnrolPlonk)
	n := PlonkPowers(s)
	good, second := powersOf(fr.NewElement(77), n)
	other, otherSecond := powersOf(fr.NewElement(78), n)
	_, _, one1, one2 := bn254.Generators()
	for name, change := range map[string]func(g1 []bn254.G1Affine, g2 *[2]bn254.G2Affine) []bn254.G1Affine{
		"one too few":              func(g1 []bn254.G1Affine, _ *[2]bn254.G2Affine) []bn254.G1Affine { return g1[:n-1] },
		"none":                     func([]bn254.G1Affine, *[2]bn254.G2Affine) []bn254.G1Affine { return nil },
		"another generator of G1":  func(g1 []bn254.G1Affine, _ *[2]bn254.G2Affine) []bn254.G1Affine { return append(g1[1:n:n], g1[0]) },
		"another generator of G2":  func(g1 []bn254.G1Affine, g2 *[2]bn254.G2Affine) []bn254.G1Affine { g2[0] = g2[1]; return g1 },
		"tau of others in G2":      func(g1 []bn254.G1Affine, g2 *[2]bn254.G2Affine) []bn254.G1Affine { *g2 = otherSecond; return g1 },
		"tau 0":                    func(g1 []bn254.G1Affine, g2 *[2]bn254.G2Affine) []bn254.G1Affine { g2[1] = bn254.G2Affine{}; return g1 },
		"one power of another tau": func(g1 []bn254.G1Affine, _ *[2]bn254.G2Affine) []bn254.G1Affine { g1[n/2] = other[n/2]; return g1 },
		"the last of another tau":  func(g1 []bn254.G1Affine, _ *[2]bn254.G2Affine) []bn254.G1Affine { g1[n-1] = other[n-1]; return g1 },
		"all but one of tau 78":    func(g1 []bn254.G1Affine, _ *[2]bn254.G2Affine) []bn254.G1Affine { copy(g1[2:], other[2:]); return g1 },
		"two exchanged": func(g1 []bn254.G1Affine, _ *[2]bn254.G2Affine) []bn254.G1Affine {
			g1[5], g1[6] = g1[6], g1[5]
			return g1
		},
		"infinity":                 func(g1 []bn254.G1Affine, _ *[2]bn254.G2Affine) []bn254.G1Affine { g1[9] = bn254.G1Affine{}; return g1 },
		"a point off the curve":    func(g1 []bn254.G1Affine, _ *[2]bn254.G2Affine) []bn254.G1Affine { g1[9].X.SetOne(); return g1 },
		"tau outside the subgroup": func(g1 []bn254.G1Affine, g2 *[2]bn254.G2Affine) []bn254.G1Affine { g2[1].X.SetOne(); return g1 },
		"tau 1": func(g1 []bn254.G1Affine, g2 *[2]bn254.G2Affine) []bn254.G1Affine {
			for i := range g1 {
				g1[i] = one1
			}
			g2[1] = one2
			return g1
		},
	} {
		g2 := second
		if _, _, err := PlonkKeys(s, change(slices.Clone(good), &g2), g2); !errors.Is(err, ErrPowers) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := PlonkKeys(system(t, consent.Enrol), good, second); err == nil {
		t.Error("PLONK keys for a Groth16 system")
	}
	if _, err := lagrangeOf(fr.One(), 8); !errors.Is(err, ErrPowers) {
		t.Errorf("tau a root of unity: %v", err)
	}
	if _, err := lagrangeOf(*new(fr.Element).SetBigInt(big.NewInt(2)), 8); err != nil {
		t.Error(err)
	}
}

// Two development setups share nothing.
func TestDevPlonkDrawsTau(t *testing.T) {
	s := system(t, consent.EnrolPlonk)
	_, a, err := devPlonk(s)
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := devPlonk(s)
	if err != nil {
		t.Fatal(err)
	}
	if a.Kzg.G2[1].Equal(&b.Kzg.G2[1]) {
		t.Fatal("the same tau twice")
	}
}
