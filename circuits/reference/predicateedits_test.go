package reference_test

import (
	"fmt"

	"github.com/zkconsent/zkconsent/circuits/reference"
)

// chosen is the attribute that a predicate reads, Σ a_j·e_j.
func (d *draft) chosen(q predicate) (a element) {
	for j := range q.choice {
		var term element
		a = plus(a, *term.Mul(&q.choice[j], &d.v.Credential.Attributes[j]))
	}
	return a
}

// slotOf is a chosen slot of the predicate.
func slotOf(q predicate) int {
	for j := range q.choice {
		if !q.choice[j].IsZero() {
			return j
		}
	}
	return 0
}

// untie drops the links of predicate i: all of them for the first.
func (d *draft) untie(i int) {
	for k := range d.v.Public.Links {
		if i == 0 || k == i-1 {
			d.v.Public.Links[k].Flag.SetZero()
		}
	}
}

// rechoose sets a choice and lets mask, bounds and links follow it.
func (d *draft) rechoose(i int, e reference.Choice) {
	q := d.predicates()[i]
	*q.choice, *q.mask = e, number(1<<reference.Slots-1)
	a := d.chosen(q)
	*q.lo, *q.hi = a, a
	d.untie(i)
}

func (d *draft) twoSlots() (j, k int) {
	j = d.index(reference.Slots)
	return j, (j + 1 + d.index(reference.Slots-1)) % reference.Slots
}

func choiceEdits(i int) []edit {
	name := fmt.Sprintf("predicate %d: ", i)
	return []edit{
		before(name+"mask of 12 bits", func(d *draft) {
			q := d.predicates()[i]
			*q.mask = plus(*q.mask, power([]uint{11, 12, 64}[d.index(3)]))
		}),
		before(name+"mask at an edge", func(d *draft) { *d.predicates()[i].mask = d.edge() }),
		before(name+"empty mask", func(d *draft) { *d.predicates()[i].mask = number(0) }),
		before(name+"full mask", func(d *draft) { *d.predicates()[i].mask = number(1<<reference.Slots - 1) }),
		before(name+"slot outside the mask", func(d *draft) {
			q := d.predicates()[i]
			*q.mask = number((1<<reference.Slots - 1) &^ (1 << slotOf(q)))
		}),
		before(name+"twice one slot less another", func(d *draft) {
			j, k := d.twoSlots()
			var e reference.Choice
			e[j], e[k] = number(2), signed(-1)
			d.rechoose(i, e)
		}),
		before(name+"parts of two slots", func(d *draft) {
			j, k := d.twoSlots()
			var e reference.Choice
			e[j] = d.element()
			e[k] = minus(one(), e[j])
			d.rechoose(i, e)
		}),
		before(name+"no slot", func(d *draft) { d.rechoose(i, reference.Choice{}) }),
		before(name+"two slots", func(d *draft) {
			j, k := d.twoSlots()
			var e reference.Choice
			e[j], e[k] = one(), one()
			d.rechoose(i, e)
		}),
		before(name+"all slots", func(d *draft) {
			var e reference.Choice
			for j := range e {
				e[j] = one()
			}
			d.rechoose(i, e)
		}),
		after(name+"another slot", func(d *draft) {
			q := d.predicates()[i]
			*q.choice = reference.Choice{}
			q.choice[d.index(reference.Slots)] = one()
		}),
	}
}

func boundEdits(i int) []edit {
	name := fmt.Sprintf("predicate %d: ", i)
	bounds := func(what string, of func(d *draft, a element) (lo, hi element)) edit {
		return before(name+what, func(d *draft) {
			q := d.predicates()[i]
			*q.lo, *q.hi = of(d, d.chosen(q))
		})
	}
	attribute := func(what string, of func(d *draft) (a, lo, hi element)) edit {
		return before(name+what, func(d *draft) {
			q := d.predicates()[i]
			d.v.Credential.Attributes[slotOf(q)], *q.lo, *q.hi = of(d)
		})
	}
	return []edit{
		bounds("one below lo", func(d *draft, a element) (element, element) { return plus(a, one()), plus(a, number(2)) }),
		bounds("one above hi", func(d *draft, a element) (element, element) { return minus(a, number(2)), minus(a, one()) }),
		bounds("below lo", func(d *draft, a element) (element, element) {
			return plus(a, plus(one(), d.small(1<<32))), plus(a, power(63))
		}),
		bounds("above hi", func(d *draft, a element) (element, element) {
			return minus(a, power(63)), minus(a, plus(one(), d.small(1<<32)))
		}),
		bounds("lo above hi", func(d *draft, a element) (element, element) { return plus(a, d.small(3)), minus(a, d.small(3)) }),
		bounds("a point", func(d *draft, a element) (element, element) { return a, a }),
		bounds("lo 2^64 away", func(d *draft, a element) (element, element) { return minus(a, power(64)), a }),
		bounds("hi 2^64 away", func(d *draft, a element) (element, element) { return a, plus(a, power(64)) }),
		bounds("all values", func(d *draft, _ element) (element, element) { return number(0), number(1<<64 - 1) }),
		bounds("edges", func(d *draft, _ element) (element, element) { return d.edge(), d.edge() }),
		attribute("absent, all values", func(d *draft) (element, element, element) {
			return power(64), number(uint64(d.index(2))), number(1<<64 - 1)
		}),
		attribute("absent, and hi is absent too", func(d *draft) (element, element, element) { return power(64), one(), power(64) }),
		attribute("at an edge, all values", func(d *draft) (element, element, element) { return d.edge(), number(0), number(1<<64 - 1) }),
		attribute("at an edge, wrapped", func(d *draft) (element, element, element) {
			a := d.edge()
			return a, plus(a, one()), minus(a, one())
		}),
		attribute("a birthday and its day", func(d *draft) (element, element, element) {
			birth := d.birthday()
			return days(birth), days(birth.AddDate(0, 0, d.index(3)-1)), days(birth.AddDate(0, 0, d.index(3)-1))
		}),
		attribute("of age today, yesterday or tomorrow", func(d *draft) (element, element, element) {
			birth, years := d.birthday(), []int{1, 4, 16, 18, 21, 100}[d.index(6)]
			today := birth.AddDate(years, 0, d.index(3)-1)
			return days(birth), number(0), days(today.AddDate(-years, 0, 0))
		}),
		attribute("a birthday from before", func(d *draft) (element, element, element) {
			birth, years := d.birthday(), []int{1, 4, 16, 18, 65}[d.index(5)]
			today := birth.AddDate(years, 0, d.index(3)-1)
			return days(birth), days(today.AddDate(-years, 0, 0)), number(1<<64 - 1)
		}),
	}
}

func linkEdits(i int) []edit {
	name := fmt.Sprintf("link %d: ", i)
	link := func(d *draft) *reference.Link { return &d.v.Public.Links[i] }
	right := func(d *draft) element {
		q := d.predicates()
		return signed(int64(slotOf(q[i+1]) - slotOf(q[0]) + 10))
	}
	return []edit{
		before(name+"on", func(d *draft) { *link(d) = reference.Link{Flag: one(), Off: right(d)} }),
		before(name+"on and wrong by one", func(d *draft) {
			*link(d) = reference.Link{Flag: one(), Off: plus(right(d), signed(int64(2*d.index(2)-1)))}
		}),
		before(name+"on and at an edge", func(d *draft) {
			*link(d) = reference.Link{Flag: one(), Off: []element{number(0), number(20), number(21), signed(-1), d.edge()}[d.index(5)]}
		}),
		before(name+"off and at an edge", func(d *draft) {
			*link(d) = reference.Link{Off: []element{number(0), number(20), number(21), signed(-1), d.edge()}[d.index(5)]}
		}),
		before(name+"flag no bit", func(d *draft) {
			*link(d) = reference.Link{Flag: []element{number(2), signed(-1), power(64), d.edge()}[d.index(4)], Off: right(d)}
		}),
		before(name+"flag no bit, and wrong", func(d *draft) {
			*link(d) = reference.Link{Flag: []element{number(2), signed(-1)}[d.index(2)], Off: d.edge()}
		}),
	}
}

func setEdits(i int) []edit {
	name := fmt.Sprintf("set %d: ", i)
	return []edit{
		after(name+"another root", func(d *draft) { d.v.Public.Sets[i].Root = d.element() }),
		after(name+"another interval", func(d *draft) {
			s := &d.v.Credential.Sets[i]
			s.Lo, s.Hi = minus(s.Lo, one()), plus(s.Hi, one())
		}),
		after(name+"all values in place of the interval", func(d *draft) {
			s := &d.v.Credential.Sets[i]
			s.Lo, s.Hi = number(0), number(1<<64-1)
		}),
		after(name+"one interval alone", func(d *draft) {
			// Its siblings are said to be empty, and are not.
			for k := range d.v.Credential.Sets[i].Path {
				d.v.Credential.Sets[i].Path[k].Siblings = [3]element{}
			}
		}),
		before(name+"one interval alone, before", func(d *draft) {
			node := element{}
			for k := range d.v.Credential.Sets[i].Path {
				level := &d.v.Credential.Sets[i].Path[k]
				level.Siblings = [3]element{node, node, node}
				node = parent(level, node)
			}
		}),
	}
}
