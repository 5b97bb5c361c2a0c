package circuits_test

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

func credentialOf(a frontend.Circuit) *circuits.CredentialPart {
	switch a := a.(type) {
	case *circuits.Eligibility:
		return &a.Credential
	case *circuits.Claim:
		return &a.Credential
	}
	panic("no credential")
}

func attribute(c *circuittest.Case, slot int) *consent.Attribute {
	return &c.Witness.Credential.Opening.Attributes[slot]
}

// plain makes every attribute 5 and every predicate unused, on slot 0.
func plain(c *circuittest.Case) {
	s, r := &c.Statement, c.Witness.Credential
	for i := range r.Opening.Attributes {
		r.Opening.Attributes[i] = consent.Attribute{Value: 5, Present: true}
	}
	for i := range s.Ranges {
		s.Ranges[i] = unused
		r.Ranges[i] = 0
	}
	for i := range s.Sets {
		s.Sets[i].Mask = consent.AllSlots
		r.Sets[i] = consent.SetWitness{Interval: consent.Interval{Lo: 0, Hi: 1<<64 - 1}}
	}
	for i := range s.Links {
		s.Links[i] = consent.Link{}
	}
}

var unused = consent.Range{Mask: consent.AllSlots, Lo: 0, Hi: 1<<64 - 1}

// then runs plain first.
func then(change func(c *circuittest.Case)) func(c *circuittest.Case) {
	return func(c *circuittest.Case) { plain(c); change(c) }
}

// value gives slot 1 a value and asks for it in a range.
func value(v uint64, lo, hi uint64) func(c *circuittest.Case) {
	return then(func(c *circuittest.Case) {
		*attribute(c, 1) = consent.Attribute{Value: v, Present: true}
		c.Statement.Ranges[2] = consent.Range{Mask: 2, Lo: lo, Hi: hi}
		c.Witness.Credential.Ranges[2] = 1
	})
}

// choose replaces the one-hot choice of range 2.
func choose(at map[int]int) func(c *circuittest.Case, a frontend.Circuit) {
	return func(_ *circuittest.Case, a frontend.Circuit) {
		slots := &credentialOf(a).RangeSlots[2]
		for i := range slots {
			slots[i] = at[i]
		}
	}
}

func TestAttack_Credential(t *testing.T) { play(t, credentialAttacks) }

func credentialAttacks(testing.TB) (attacks, controls []attack) {
	attacks = []attack{
		{name: "another schema", on: withAttribute, after: func(c *circuittest.Case) { c.Statement.Schema = c.Element() }},
		{name: "another salt", on: withAttribute, after: func(c *circuittest.Case) { c.Witness.Credential.Opening.Salt = c.Element() }},
		{name: "another lock", on: withAttribute, after: func(c *circuittest.Case) { c.Witness.Credential.Lock = c.Element() }},
		{name: "another root", on: withAttribute, after: func(c *circuittest.Case) { c.Statement.Root = c.Element() }},
		{name: "another place in the tree", on: withAttribute, after: func(c *circuittest.Case) { c.Witness.Credential.Path.Index ^= 2 << 20 }},
		{name: "an attribute changed after issue", on: withAttribute, before: plain, after: func(c *circuittest.Case) { attribute(c, 10).Value++ }},
		{name: "expiry changed after issue", on: withAttribute, after: func(c *circuittest.Case) { c.Witness.Credential.Opening.Expires++ }},
		{name: "until past expires", on: withAttribute, before: func(c *circuittest.Case) {
			c.Witness.Credential.Opening.Expires = c.Statement.Until - 1
		}},
		{name: "issuer outside the list", on: withAttribute, after: func(c *circuittest.Case) { c.Statement.TrustRoot = c.Element() }},
		{name: "issuer at another's place", on: withAttribute, after: func(c *circuittest.Case) { c.Witness.Credential.Trust.Index ^= 1 }},
		{name: "nobody as issuer, at an empty place", on: withAttribute, before: func(c *circuittest.Case) {
			c.Witness.Credential.Authority = fr.Element{}
		}},
		{name: "a trusted issuer's name on another's leaf", on: withAttribute, before: func(c *circuittest.Case) {
			c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
				r := c.Witness.Credential
				if kind == consent.KindCredential {
					return consent.Leaf(kind, c.Element(), r.Opening.Commitment(), r.Lock)
				}
				return leaf
			}
		}},
		{name: "revoked", on: withAttribute, before: func(c *circuittest.Case) {
			c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
				if kind == consent.KindCredential {
					return fr.Element{}
				}
				return leaf
			}
		}},
		{name: "a registrar mints a credential", on: withAttribute, before: func(c *circuittest.Case) {
			c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
				r := c.Witness.Credential
				if kind == consent.KindCredential {
					return consent.Leaf(consent.KindConsent, r.Authority, r.Opening.Commitment(), r.Lock)
				}
				return leaf
			}
		}},
		{name: "another holder's credential", on: withAttribute, before: func(c *circuittest.Case) {
			c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
				if kind != consent.KindCredential {
					return leaf
				}
				r := *c.Witness.Credential
				r.Opening.Holder = c.Element()
				return consent.Leaf(kind, r.Authority, r.Opening.Commitment(), r.Lock)
			}
		}},
	}
	return attacks, controls
}

func TestAttack_Range(t *testing.T) { play(t, rangeAttacks) }

func rangeAttacks(testing.TB) (attacks, controls []attack) {
	attacks = []attack{
		{name: "below lo", on: withAttribute, before: value(6, 7, 9)},
		{name: "above hi", on: withAttribute, before: value(10, 7, 9)},
		{name: "below lo at 2^63", on: withAttribute, before: value(1<<63-1, 1<<63, 1<<64-1)},
		{name: "above hi at 2^63", on: withAttribute, before: value(1<<63+1, 0, 1<<63)},
		{name: "above 0", on: withAttribute, before: value(1, 0, 0)},
		{name: "below 2^64 - 1", on: withAttribute, before: value(1<<64-2, 1<<64-1, 1<<64-1)},
		{name: "lo above hi, between them", on: withAttribute, before: value(8, 9, 7)},
		{name: "lo above hi, outside", on: withAttribute, before: value(10, 9, 7)},
		{name: "lo above hi at the ends", on: withAttribute, before: value(0, 1<<64-1, 0)},
		{name: "absent in the full range", on: withAttribute, before: then(func(c *circuittest.Case) {
			*attribute(c, 1) = consent.Attribute{}
			c.Witness.Credential.Ranges[2] = 1
		})},
		{name: "2^64 + 5 in the full range", on: withAttribute, before: then(rawAttribute(beyond(5))), raw: putRaw(beyond(5))},
		{name: "r - 1 in the full range", on: withAttribute, before: then(rawAttribute(minusOne())), raw: putRaw(minusOne())},
		{name: "a slot outside the mask", on: withAttribute, before: then(func(c *circuittest.Case) {
			c.Statement.Ranges[2].Mask = consent.AllSlots &^ 2
			c.Witness.Credential.Ranges[2] = 1
		})},
		// The choice itself: with every attribute 5 and the full range, only
		// the shape of the choice can be wrong.
		{name: "no slot", on: withAttribute, before: plain, raw: choose(nil)},
		{name: "two slots", on: withAttribute, before: plain, raw: choose(map[int]int{3: 1, 4: 1})},
		{name: "two slots, one of them in the mask", on: withAttribute, before: then(func(c *circuittest.Case) {
			c.Statement.Ranges[2].Mask = 1 << 3
		}), raw: choose(map[int]int{3: 1, 4: 1})},
		{name: "twice one slot less another", on: withAttribute, before: plain, raw: choose(map[int]int{3: 2, 4: -1})},
		{name: "a mask of twelve bits", on: withAttribute, before: plain, raw: func(_ *circuittest.Case, a frontend.Circuit) {
			switch a := a.(type) {
			case *circuits.Eligibility:
				a.Ranges[2].Mask = 1<<consent.Slots + 1
			case *circuits.Claim:
				a.Ranges[2].Mask = 1<<consent.Slots + 1
			}
		}},
	}
	controls = []attack{
		{name: "0 in [0, 0]", on: withAttribute, before: value(0, 0, 0)},
		{name: "2^63 in [2^63, 2^63]", on: withAttribute, before: value(1<<63, 1<<63, 1<<63)},
		{name: "2^64 - 1 in [2^64 - 1, 2^64 - 1]", on: withAttribute, before: value(1<<64-1, 1<<64-1, 1<<64-1)},
		{name: "0 in the full range", on: withAttribute, before: value(0, 0, 1<<64-1)},
		{name: "2^64 - 1 in the full range", on: withAttribute, before: value(1<<64-1, 0, 1<<64-1)},
		{name: "everything unused, since alone present", on: withAttribute, before: then(func(c *circuittest.Case) {
			for i := 1; i < consent.Slots; i++ {
				*attribute(c, i) = consent.Attribute{}
			}
		})},
		{name: "the last slot", on: withAttribute, before: then(func(c *circuittest.Case) {
			c.Statement.Ranges[2] = consent.Range{Mask: 1 << 10, Lo: 5, Hi: 5}
			c.Witness.Credential.Ranges[2] = 10
		})},
	}
	return attacks, controls
}

// rawAttribute registers a credential whose slot 1 holds any field element:
// an issuer that hashes what it should not.
func rawAttribute(v fr.Element) func(c *circuittest.Case) {
	return func(c *circuittest.Case) {
		c.Witness.Credential.Ranges[2] = 1
		c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
			if kind != consent.KindCredential {
				return leaf
			}
			r := c.Witness.Credential
			in := []fr.Element{r.Opening.Holder, r.Opening.Schema, field.Uint(uint64(r.Opening.Expires)), r.Opening.Salt}
			for _, a := range r.Opening.Attributes {
				in = append(in, a.Element())
			}
			in[4+1] = v
			return consent.Leaf(kind, r.Authority, poseidon.Sum(poseidon.TagCredential, in...), r.Lock)
		}
	}
}

func putRaw(v fr.Element) func(c *circuittest.Case, a frontend.Circuit) {
	return func(_ *circuittest.Case, a frontend.Circuit) { credentialOf(a).Attributes[1] = v }
}

func TestAttack_Set(t *testing.T) { play(t, setAttacks) }

func setAttacks(testing.TB) (attacks, controls []attack) {
	// second makes the attack on the wide profile's second set.
	inSet := func(i int, change func(c *circuittest.Case, s *consent.SetWitness)) func(c *circuittest.Case) {
		return then(func(c *circuittest.Case) { change(c, &c.Witness.Credential.Sets[i]) })
	}
	for i, on := range [][]consent.CircuitID{withAttribute, withTwoSets} {
		set := []string{"set 0: ", "set 1: "}[i]
		attacks = append(attacks,
			attack{name: set + "value below the interval", on: on, before: inSet(i, func(_ *circuittest.Case, s *consent.SetWitness) {
				s.Interval = consent.Interval{Lo: 6, Hi: 9}
			})},
			attack{name: set + "value above the interval", on: on, before: inSet(i, func(_ *circuittest.Case, s *consent.SetWitness) {
				s.Interval = consent.Interval{Lo: 1, Hi: 4}
			})},
			attack{name: set + "interval widened", on: on, before: inSet(i, func(_ *circuittest.Case, s *consent.SetWitness) {
				s.Interval = consent.Interval{Lo: 1, Hi: 4}
			}), after: func(c *circuittest.Case) { c.Witness.Credential.Sets[i].Interval.Hi = 5 }},
			attack{name: set + "interval begins earlier", on: on, before: inSet(i, func(_ *circuittest.Case, s *consent.SetWitness) {
				s.Interval = consent.Interval{Lo: 6, Hi: 9}
			}), after: func(c *circuittest.Case) { c.Witness.Credential.Sets[i].Interval.Lo = 5 }},
			attack{name: set + "another set", on: on, before: plain, after: func(c *circuittest.Case) { c.Statement.Sets[i].Root = c.Element() }},
			attack{name: set + "absent in the set of all values", on: on, before: inSet(i, func(c *circuittest.Case, s *consent.SetWitness) {
				*attribute(c, 4) = consent.Attribute{}
				s.Slot = 4
			})},
			attack{name: set + "a slot outside the mask", on: on, before: inSet(i, func(c *circuittest.Case, s *consent.SetWitness) {
				c.Statement.Sets[i].Mask = 1
				s.Slot = 4
			})},
			attack{name: set + "a slot off its link", on: on, before: inSet(i, func(c *circuittest.Case, s *consent.SetWitness) {
				c.Statement.Links[3+i] = consent.Link{On: true, Offset: consent.LinkBias}
				s.Slot = 4
			})},
			attack{name: set + "two slots", on: on, before: plain, raw: func(_ *circuittest.Case, a frontend.Circuit) {
				credentialOf(a).Sets[i].Slot[7] = 1
			}},
		)
	}
	controls = []attack{
		{name: "the interval's ends", on: withTwoSets, before: then(func(c *circuittest.Case) {
			c.Witness.Credential.Sets[0].Interval = consent.Interval{Lo: 5, Hi: 9}
			c.Witness.Credential.Sets[1].Interval = consent.Interval{Lo: 1, Hi: 5}
		})},
	}
	return attacks, controls
}

func TestAttack_MixedSlots(t *testing.T) { play(t, linkAttacks) }

func linkAttacks(testing.TB) (attacks, controls []attack) {
	// linked ties predicate i (of ranges 1 to 3) to range 0 at a distance, and
	// chooses slots.
	linked := func(i, distance, first, slot int) func(c *circuittest.Case) {
		return then(func(c *circuittest.Case) {
			c.Statement.Links[i-1] = consent.Link{On: true, Offset: uint8(distance + consent.LinkBias)}
			c.Witness.Credential.Ranges[0], c.Witness.Credential.Ranges[i] = first, slot
		})
	}
	flag := func(v int) func(*circuittest.Case, frontend.Circuit) {
		return func(_ *circuittest.Case, a frontend.Circuit) {
			switch a := a.(type) {
			case *circuits.Eligibility:
				a.Links[0].Flag, a.Links[0].Off = v, consent.LinkBias
			case *circuits.Claim:
				a.Links[0].Flag, a.Links[0].Off = v, consent.LinkBias
			}
		}
	}
	attacks = []attack{
		{name: "range 1, one slot too far", on: withAttribute, before: linked(1, 1, 2, 4)},
		{name: "range 2, one slot too near", on: withAttribute, before: linked(2, 3, 2, 4)},
		{name: "range 3, the other direction", on: withAttribute, before: linked(3, -2, 2, 4)},
		{name: "range 1, same slot where another is meant", on: withAttribute, before: linked(1, 1, 2, 2)},
		// Slots agree; the flag alone is wrong.
		{name: "a flag of 2", on: withAttribute, before: plain, raw: flag(2)},
		{name: "a flag of -1", on: withAttribute, before: plain, raw: flag(-1)},
	}
	controls = []attack{
		{name: "the largest distance", on: withAttribute, before: linked(1, 10, 0, 10)},
		{name: "the smallest distance", on: withAttribute, before: linked(2, -10, 10, 0)},
		{name: "the same slot", on: withAttribute, before: linked(3, 0, 4, 4)},
		{name: "flag 1", on: withAttribute, before: plain, raw: flag(1)},
		{name: "no link", on: withAttribute, before: then(func(c *circuittest.Case) {
			c.Witness.Credential.Ranges = []int{1, 3, 5, 7}
		})},
	}
	return attacks, controls
}
