package reference

import "math/big"

// integer is the element's value, 0 … r−1.
func integer(x Element) *big.Int { return x.BigInt(new(big.Int)) }

// fits reports x < 2^bits.
func fits(x Element, bits int) bool { return integer(x).BitLen() <= bits }

// atMost reports x ≤ y by their difference in the field, which must be below
// 2^bits; x and y themselves may be any elements.
func atMost(x, y Element, bits int) bool {
	var difference Element
	difference.Sub(&y, &x)
	return fits(difference, bits)
}

// subset reports that each of the low bits of x is one of y.
func subset(x, y Element, bits int) bool {
	a, b := integer(x), integer(y)
	for i := range bits {
		if a.Bit(i) == 1 && b.Bit(i) == 0 {
			return false
		}
	}
	return true
}

// isBit reports x ∈ {0, 1}.
func isBit(x Element) bool { return x.IsZero() || x.IsOne() }

// number is a small integer as an element; negative ones are below r.
func number(n int64) (e Element) { return *e.SetInt64(n) }
