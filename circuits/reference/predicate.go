package reference

import "fmt"

const (
	valueBits = 64
	linkBias  = 10
)

// choice asserts that exactly one slot is chosen, and one of the mask.
func (l *list) choice(name string, e *Choice, mask Element) {
	l.assert(name+": mask of 11 bits", func() bool { return fits(mask, Slots) })
	l.assert(name+": each e is 0 or 1", func() bool {
		for _, x := range e {
			if !isBit(x) {
				return false
			}
		}
		return true
	})
	l.assert(name+": the e add up to 1", func() bool {
		var sum Element
		for _, x := range e {
			sum.Add(&sum, &x)
		}
		return sum.IsOne()
	})
	l.assert(name+": chosen inside the mask", func() bool {
		bits := integer(mask)
		for j, x := range e {
			if !x.IsZero() && bits.Bit(j) == 0 {
				return false
			}
		}
		return true
	})
}

// of is the chosen attribute, Σ a_j·e_j.
func (e *Choice) of(attributes [Slots]Element) (sum Element) {
	for j := range e {
		term := product(&attributes[j], &e[j])
		sum.Add(&sum, &term)
	}
	return sum
}

// slot is the chosen slot's number, Σ j·e_j.
func (e *Choice) slot() Element {
	var numbers [Slots]Element
	for j := range numbers {
		numbers[j] = number(int64(j))
	}
	return e.of(numbers)
}

// between asserts lo ≤ a ≤ hi.
func (l *list) between(name string, lo, a, hi Element) {
	l.assert(name+": lo ≤ a", func() bool { return atMost(lo, a, valueBits) })
	l.assert(name+": a ≤ hi", func() bool { return atMost(a, hi, valueBits) })
}

// link asserts flag·(k_i + 10 − k_0 − off) = 0.
func (l *list) link(i int, asked Link, slot, first Element) {
	name := fmt.Sprintf("link %d", i)
	l.assert(name+": flag is a bit", func() bool { return isBit(asked.Flag) })
	l.assert(name+": off", func() bool {
		difference := number(linkBias)
		difference.Add(&difference, &slot)
		difference.Sub(&difference, &first)
		difference.Sub(&difference, &asked.Off)
		return asked.Flag.IsZero() || difference.IsZero()
	})
}
