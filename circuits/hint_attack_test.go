package circuits_test

import (
	"errors"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
)

// A hostile prover answers hints as it likes. Each of these answers is wrong
// bits of the right sum, or other bits; none makes a false statement true.
func TestAttack_HostileHints(t *testing.T) {
	hints := map[string]solver.Hint{
		"everything in the lowest bit": func(_ *big.Int, in, out []*big.Int) error {
			for i := range out {
				out[i].SetUint64(0)
			}
			out[0].Set(in[0])
			return nil
		},
		"everything in the highest bit": func(q *big.Int, in, out []*big.Int) error {
			for i := range out {
				out[i].SetUint64(0)
			}
			last := len(out) - 1
			inverse := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), uint(last)), q)
			out[last].Mod(inverse.Mul(inverse, in[0]), q)
			return nil
		},
		"the low bits alone": func(_ *big.Int, in, out []*big.Int) error {
			for i := range out {
				out[i].SetUint64(uint64(in[0].Bit(i)))
			}
			return nil
		},
		"ones": func(_ *big.Int, _, out []*big.Int) error {
			for i := range out {
				out[i].SetUint64(1)
			}
			return nil
		},
		"zeros": func(_ *big.Int, _, out []*big.Int) error {
			for i := range out {
				out[i].SetUint64(0)
			}
			return nil
		},
	}
	r := system(t, consent.Claim).(*cs.R1CS)
	for name, hint := range hints {
		for what, before := range map[string]func(c *circuittest.Case){
			"absent in the full range": then(func(c *circuittest.Case) {
				*attribute(c, 1) = consent.Attribute{}
				c.Witness.Credential.Ranges[2] = 1
			}),
			"above hi":          value(10, 7, 9),
			"until past expiry": func(c *circuittest.Case) { c.Witness.Credential.Opening.Expires = c.Statement.Until - 1 },
			"purpose missing":   func(c *circuittest.Case) { terms(c).Purposes &^= c.Statement.Purpose },
			"slot outside mask": then(func(c *circuittest.Case) {
				c.Statement.Ranges[2].Mask = 4
				c.Witness.Credential.Ranges[2] = 1
			}),
		} {
			c := circuittest.New(t, consent.Claim, 60)
			before(c)
			c.Seal()
			w, err := frontend.NewWitness(assign(t, c), ecc.BN254.ScalarField())
			if err != nil {
				t.Fatal(err)
			}
			for id := range r.MHintsDependencies {
				_, err = r.Solve(w, solver.OverrideHint(id, hint))
				var unsatisfied *cs.UnsatisfiedConstraintError
				if !errors.As(err, &unsatisfied) {
					t.Errorf("%s, %s: not refused by a constraint", what, name)
				}
			}
		}
	}
}
