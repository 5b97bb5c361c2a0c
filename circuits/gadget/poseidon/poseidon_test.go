package poseidon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	native "github.com/zkconsent/zkconsent/internal/poseidon"
)

type sums struct {
	In   [15]frontend.Variable
	Sums [15]frontend.Variable
	Node frontend.Variable
}

func (c *sums) Define(api frontend.API) error {
	h, err := New(api)
	if err != nil {
		return err
	}
	for n := range c.Sums {
		api.AssertIsEqual(c.Sums[n], h.Sum(native.TagConsent, c.In[:n+1]...))
	}
	api.AssertIsEqual(c.Node, h.Node([4]frontend.Variable(c.In[:4])))
	return nil
}

func values(in [15]fr.Element) *sums {
	c := &sums{Node: native.Node(in[0], in[1], in[2], in[3])}
	for i := range in {
		c.In[i] = in[i]
		c.Sums[i] = native.Sum(native.TagConsent, in[:i+1]...)
	}
	return c
}

func TestEqualsNative(t *testing.T) {
	system, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &sums{})
	if err != nil {
		t.Fatal(err)
	}
	solved := func(c *sums) bool {
		w, err := frontend.NewWitness(c, ecc.BN254.ScalarField())
		if err != nil {
			t.Fatal(err)
		}
		return system.IsSolved(w) == nil
	}
	var zero [15]fr.Element
	if !solved(values(zero)) {
		t.Fatal("differs from internal/poseidon on zeros")
	}
	for round := range 20 {
		var in [15]fr.Element
		for i := range in {
			in[i].MustSetRandom()
		}
		c := values(in)
		if !solved(c) {
			t.Fatalf("round %d: differs from internal/poseidon on %s", round, fmt.Sprint(in))
		}
		// Each of the sixteen values is really compared.
		i := round % 16
		if i == 15 {
			c.Node = in[0]
		} else {
			c.Sums[i] = in[0]
		}
		if solved(c) {
			t.Fatalf("round %d: a wrong value %d is accepted", round, i)
		}
	}
}

func TestRefusesTooManyInputs(t *testing.T) {
	// gnark turns the panic of a circuit's definition into an error.
	_, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &tooMany{})
	if err == nil || !strings.Contains(err.Error(), "too many inputs") {
		t.Fatalf("16 inputs: %v", err)
	}
}

type tooMany struct{ X frontend.Variable }

func (c *tooMany) Define(api frontend.API) error {
	h, err := New(api)
	if err != nil {
		return err
	}
	in := make([]frontend.Variable, 16)
	for i := range in {
		in[i] = c.X
	}
	h.Sum(native.TagConsent, in...)
	return nil
}
