package freewires_test

import (
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	curve "github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/consensys/gnark-crypto/ecc/twistededwards"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"
	gadget "github.com/consensys/gnark/std/algebra/native/twistededwards"
	"github.com/consensys/gnark/std/math/bits"
	"github.com/zkconsent/zkconsent/circuits/freewires"
)

// flawed is a circuit of two public and four private inputs.
type flawed struct {
	A, B       frontend.Variable `gnark:",public"`
	X, Y, Z, W frontend.Variable
	define     func(api frontend.API, c *flawed) error
}

func (c *flawed) Define(api frontend.API) error { return c.define(api, c) }

func low(_ *big.Int, in, out []*big.Int) error {
	for i := range out {
		out[i].SetUint64(uint64(in[0].Bit(i)))
	}
	return nil
}

func must(v []frontend.Variable, err error) []frontend.Variable {
	if err != nil {
		panic(err)
	}
	return v
}

// hinted takes n bits of x from a hint, asserts that those are bits which
// boolean says, and that the first sum of them make up x.
func hinted(n, sum int, boolean func(i int) bool) func(api frontend.API, c *flawed) error {
	return func(api frontend.API, c *flawed) error {
		var total frontend.Variable = 0
		for i, b := range must(api.Compiler().NewHint(low, n, c.X)) {
			if boolean(i) {
				api.AssertIsBoolean(b)
			}
			if i < sum {
				total = api.Add(total, api.Mul(b, new(big.Int).Lsh(big.NewInt(1), uint(i))))
			}
		}
		api.AssertIsEqual(total, c.X)
		return nil
	}
}

func all(int) bool { return true }

// points adds P = (X, Y) and Q, on the curve as far as asserted.
func points(assertP bool, q func(api frontend.API, c *flawed, e gadget.Curve) gadget.Point) func(api frontend.API, c *flawed) error {
	return func(api frontend.API, c *flawed) error {
		e, err := gadget.NewEdCurve(api, twistededwards.BN254)
		if err != nil {
			return err
		}
		p := gadget.Point{X: c.X, Y: c.Y}
		if assertP {
			e.AssertIsOnCurve(p)
		}
		e.Add(e.Add(p, q(api, c, e)), q(api, c, e))
		return nil
	}
}

// chosen is the base point or the neutral one, by a bit, its y coordinate
// moved by off.
func chosen(boolean bool, off int) func(api frontend.API, c *flawed, e gadget.Curve) gadget.Point {
	return func(api frontend.API, c *flawed, _ gadget.Curve) gadget.Point {
		if boolean {
			api.AssertIsBoolean(c.Z)
		}
		base := curve.GetEdwardsCurve().Base
		x, y := base.X.BigInt(new(big.Int)), base.Y.BigInt(new(big.Int))
		return gadget.Point{
			X: api.Mul(c.Z, x),
			Y: api.Add(1+off, api.Mul(c.Z, y.Sub(y, big.NewInt(1)))),
		}
	}
}

func variable(assert bool) func(api frontend.API, c *flawed, e gadget.Curve) gadget.Point {
	return func(_ frontend.API, c *flawed, e gadget.Curve) gadget.Point {
		q := gadget.Point{X: c.Z, Y: c.W}
		if assert {
			e.AssertIsOnCurve(q)
		}
		return q
	}
}

func TestFindsFreeWires(t *testing.T) {
	forms := map[string]frontend.NewBuilder{"R1CS": r1cs.NewBuilder[constraint.U64], "PLONK": scs.NewBuilder[constraint.U64]}
	for _, c := range []struct {
		name   string
		define func(api frontend.API, c *flawed) error
		// Beginnings of the origins of what is free, in order. Where something
		// is, PLONK's partial sums may lead to more.
		free []string
	}{
		{"nothing wrong", func(api frontend.API, c *flawed) error {
			api.AssertIsEqual(api.Mul(c.X, c.Y), c.A)
			api.AssertIsDifferent(c.X, c.Z)
			api.ToBinary(c.Y, 64)
			return nil
		}, nil},
		{"bits", hinted(8, 8, all), nil},
		{"253 bits", hinted(253, 253, all), nil},
		{"a freed bit", hinted(8, 8, func(i int) bool { return i != 3 }), []string{"output 3 of hint"}},
		{"no booleans at all", func(api frontend.API, c *flawed) error {
			bits.ToBinary(api, c.X, bits.WithNbDigits(3), bits.WithUnconstrainedOutputs())
			return nil
		}, []string{"output 0 of hint", "output 1 of hint"}},
		{"a sum short of its last bit", hinted(8, 7, all), []string{"output 7 of hint"}},
		{"two bits of one weight", func(api frontend.API, c *flawed) error {
			b := must(api.Compiler().NewHint(low, 2, c.X))
			api.AssertIsBoolean(b[0])
			api.AssertIsBoolean(b[1])
			api.AssertIsEqual(api.Add(b[0], b[1]), c.X)
			return nil
		}, []string{"output 0 of hint"}},
		{"bits of opposite weight", func(api frontend.API, c *flawed) error {
			b := must(api.Compiler().NewHint(low, 2, c.X))
			api.AssertIsBoolean(b[0])
			api.AssertIsBoolean(b[1])
			api.AssertIsEqual(api.Sub(b[0], b[1]), c.X)
			return nil
		}, []string{"output 0 of hint"}},
		{"a quotient that may be 0/0", func(api frontend.API, c *flawed) error {
			api.DivUnchecked(c.X, c.Y)
			return nil
		}, []string{"internal"}},
		{"a checked quotient's divisor and what follows from it", func(api frontend.API, c *flawed) error {
			q := api.Inverse(c.Y)
			api.AssertIsEqual(api.Mul(q, c.X), c.A)
			return nil
		}, nil},
		{"what follows from a free wire is not named", func(api frontend.API, c *flawed) error {
			q := api.DivUnchecked(c.X, c.Y)
			api.Mul(q, q, q)
			return nil
		}, []string{"internal"}},
		{"a hint without constraint", func(api frontend.API, c *flawed) error {
			must(api.Compiler().NewHint(low, 1, c.X))
			return nil
		}, []string{"output 0 of hint"}},
		{"a hint in products with 0", func(api frontend.API, c *flawed) error {
			h := must(api.Compiler().NewHint(low, 1, c.X))
			api.AssertIsEqual(api.Mul(h[0], c.Y), 0)
			return nil
		}, []string{"output 0 of hint"}},
		{"a square root", func(api frontend.API, c *flawed) error {
			h := must(api.Compiler().NewHint(low, 1, c.X))
			api.AssertIsEqual(api.Mul(h[0], h[0]), c.X)
			return nil
		}, []string{"output 0 of hint"}},
		{"an IsZero's inverse at 0", func(api frontend.API, c *flawed) error {
			api.IsZero(c.X)
			return nil
		}, []string{"output 0 of hint"}},
		{"points on the curve", points(true, chosen(true, 0)), nil},
		{"two variable points", points(true, variable(true)), nil},
		{"a point that may be off the curve", points(false, chosen(true, 0)), []string{"internal", "internal", "internal", "internal"}},
		{"a second point that may be off the curve", points(true, variable(false)), []string{"internal", "internal", "internal", "internal"}},
		{"a choice that is no bit", points(true, chosen(false, 0)), []string{"internal", "internal", "internal", "internal"}},
		{"a constant off the curve", points(true, chosen(true, 1)), []string{"internal", "internal", "internal", "internal"}},
	} {
		for form, builder := range forms {
			t.Run(c.name+"/"+form, func(t *testing.T) {
				r := analyse(t, compiled(t, builder, c.define))
				got := r.Free
				if n := len(c.free); n > 0 && form == "PLONK" && len(got) > n {
					got = got[:n]
				}
				if !slices.EqualFunc(got, c.free, func(w freewires.Wire, want string) bool { return strings.HasPrefix(w.Origin, want) }) {
					t.Errorf("%d free, the first of them %+v, want %q", len(r.Free), got[:min(len(got), len(c.free)+1)], c.free)
				}
			})
		}
	}
}

// 2^254 is above the modulus, so that small numbers have two forms.
func TestFindsBitsBeyondTheModulus(t *testing.T) {
	r := analyse(t, compiled(t, r1cs.NewBuilder[constraint.U64], hinted(254, 254, all)))
	if len(r.Free) == 0 || !strings.HasPrefix(r.Free[0].Origin, "output 0 of hint") {
		t.Errorf("%d wires are free", len(r.Free))
	}
}

func compiled(t *testing.T, builder frontend.NewBuilder, define func(api frontend.API, c *flawed) error) constraint.ConstraintSystem {
	t.Helper()
	s, err := frontend.Compile(ecc.BN254.ScalarField(), builder, &flawed{define: define}, frontend.IgnoreUnconstrainedInputs())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFindsInputsWithoutConstraint(t *testing.T) {
	for form, builder := range map[string]frontend.NewBuilder{"R1CS": r1cs.NewBuilder[constraint.U64], "PLONK": scs.NewBuilder[constraint.U64]} {
		r := analyse(t, compiled(t, builder, func(api frontend.API, c *flawed) error {
			api.AssertIsEqual(api.Mul(c.X, c.Y, c.Z), c.A)
			api.AssertIsEqual(c.B, api.Mul(0, c.W))
			return nil
		}))
		if len(r.Unbound) != 1 || r.Unbound[0].Name != "W" || r.Unbound[0].Origin != "private input" || r.Sound() {
			t.Errorf("%s: %+v", form, r.Unbound)
		}
		r = analyse(t, compiled(t, builder, func(api frontend.API, c *flawed) error {
			api.AssertIsEqual(api.Mul(c.X, c.Y, c.Z, c.W), c.A)
			return nil
		}))
		if len(r.Unbound) != 1 || r.Unbound[0].Name != "B" || r.Unbound[0].Origin != "public input" || r.Unbound[0].Constraint != -1 {
			t.Errorf("%s: %+v", form, r.Unbound)
		}
	}
}

// The rank at a solution sees what can be moved a little; a freed bit whose
// neighbours are bits can only jump, which the analysis alone sees.
func TestFindsDeficiency(t *testing.T) {
	for _, c := range []struct {
		name   string
		define func(api frontend.API, c *flawed) error
		want   int
	}{
		{"bits", hinted(8, 8, all), 0},
		{"a freed bit", hinted(8, 8, func(i int) bool { return i != 3 }), 0},
		{"two freed bits", hinted(8, 8, func(i int) bool { return i != 3 && i != 5 }), 1},
		{"no booleans at all", hinted(8, 8, func(int) bool { return false }), 7},
		{"a hint without constraint", func(api frontend.API, c *flawed) error {
			must(api.Compiler().NewHint(low, 3, c.X))
			return nil
		}, 3},
		{"an IsZero's inverse at 0", func(api frontend.API, c *flawed) error {
			api.IsZero(api.Sub(c.X, c.Y))
			return nil
		}, 1},
		{"wires that must move together", func(api frontend.API, c *flawed) error {
			h := must(api.Compiler().NewHint(low, 2, c.X))
			api.AssertIsEqual(api.Add(h[0], h[1]), api.Add(c.Z, 1))
			api.AssertIsEqual(api.Add(api.Mul(2, h[0]), api.Mul(h[1], 2)), api.Add(2, api.Mul(2, c.Z)))
			return nil
		}, 1},
	} {
		for form, builder := range map[string]frontend.NewBuilder{"R1CS": r1cs.NewBuilder[constraint.U64], "PLONK": scs.NewBuilder[constraint.U64]} {
			s := compiled(t, builder, c.define)
			values := solution(t, s, &flawed{A: 5, B: 5, X: 5, Y: 5, Z: 0, W: 5}, solver.WithHints(low))
			got, err := freewires.Deficiency(s, values)
			if err != nil || got != c.want {
				t.Errorf("%s, %s: %d, %v, want %d", c.name, form, got, err, c.want)
			}
			values[len(values)-1].SetUint64(1000)
			if _, err := freewires.Deficiency(s, values); err == nil && strings.HasPrefix(c.name, "bits") {
				t.Errorf("%s, %s: values that solve nothing are taken", c.name, form)
			}
			if _, err := freewires.Deficiency(s, values[1:]); err == nil {
				t.Errorf("%s, %s: a value too few is taken", c.name, form)
			}
		}
	}
}

func TestCheckNamesWhatIsFree(t *testing.T) {
	s := compiled(t, r1cs.NewBuilder[constraint.U64], hinted(8, 7, all))
	var free *freewires.FreeError
	if r, err := freewires.Check(s); !errors.As(err, &free) || r == nil || len(free.Wires) != len(r.Unbound)+1 ||
		!strings.Contains(err.Error(), free.Wires[0].Name) {
		t.Errorf("got %v", err)
	}
	s = compiled(t, r1cs.NewBuilder[constraint.U64], func(api frontend.API, c *flawed) error {
		api.Mul(c.A, c.B, c.X, c.Y, c.Z, c.W)
		return nil
	})
	if _, err := freewires.Check(s); err != nil {
		t.Error(err)
	}
}

func TestRefusesOtherSystems(t *testing.T) {
	s, err := frontend.Compile(ecc.BLS12_381.ScalarField(), r1cs.NewBuilder, &flawed{define: hinted(8, 8, all)}, frontend.IgnoreUnconstrainedInputs())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := freewires.Analyse(s); err == nil {
		t.Error("another field is taken")
	}
	committed := compiled(t, r1cs.NewBuilder[constraint.U64], func(api frontend.API, c *flawed) error {
		_, err := api.(frontend.Committer).Commit(c.X)
		return err
	})
	r, err := freewires.Analyse(committed)
	if err == nil && r.Sound() {
		t.Error("a commitment's value is not free")
	}
}
