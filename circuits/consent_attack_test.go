package circuits_test

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

func recordOf(a frontend.Circuit) *circuits.ConsentPart {
	switch a := a.(type) {
	case *circuits.Consent:
		return &a.Record
	case *circuits.Claim:
		return &a.Record
	}
	panic("no consent")
}

func terms(c *circuittest.Case) *consent.Terms { return &c.Witness.Consent.Opening.Terms }

// wideLanes registers a consent whose purposes and categories are raw field
// elements: nobody checks what a wallet hashes into its cm.
func wideLanes(c *circuittest.Case, purposes, categories fr.Element) {
	c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
		if kind != consent.KindConsent {
			return leaf
		}
		o, r := &c.Witness.Consent.Opening, c.Witness.Consent
		cm := poseidon.Sum(poseidon.TagConsent, o.Holder, o.Grantee, purposes, field.Uint(uint64(o.Terms.Restrictions)), categories,
			field.Uint(uint64(o.Terms.NotBefore)), field.Uint(uint64(o.Terms.NotAfter)),
			field.Uint(uint64(o.Terms.DataFrom)), field.Uint(uint64(o.Terms.DataTo)), o.Policy, o.Source, o.W, o.Salt)
		return consent.Leaf(consent.KindConsent, r.Authority, cm, r.Lock)
	}
}

// beyond is v + 2^64: the same low 64 bits.
func beyond(v uint64) fr.Element {
	e, bit := fr.NewElement(v), consent.Attribute{}.Element()
	return *e.Add(&e, &bit)
}

func TestAttack_Consent(t *testing.T) { play(t, consentAttacks) }

func consentAttacks(testing.TB) (attacks, controls []attack) {
	attacks = []attack{
		{name: "another grantee", on: withConsent, after: func(c *circuittest.Case) { c.Statement.Grantee = c.Element() }},
		{name: "another policy", on: withConsent, after: func(c *circuittest.Case) { c.Statement.Policy = c.Element() }},
		{name: "another source", on: withConsent, after: func(c *circuittest.Case) { c.Witness.Consent.Opening.Source = c.Element() }},
		{name: "another salt", on: withConsent, after: func(c *circuittest.Case) { c.Witness.Consent.Opening.Salt = c.Element() }},
		{name: "another lock", on: withConsent, after: func(c *circuittest.Case) { c.Witness.Consent.Lock = c.Element() }},
		{name: "another registrar", on: withConsent, after: func(c *circuittest.Case) { c.Witness.Consent.Authority = c.Element() }},
		{name: "another root", on: withConsent, after: func(c *circuittest.Case) { c.Statement.Root = c.Element() }},
		{name: "another place in the tree", on: withConsent, after: func(c *circuittest.Case) { c.Witness.Consent.Path.Index ^= 1 << 17 }},
		{name: "terms changed after registration", on: withConsent, after: func(c *circuittest.Case) { terms(c).NotAfter++ }},
		{name: "purpose missing", on: withConsent, before: func(c *circuittest.Case) { terms(c).Purposes &^= c.Statement.Purpose }},
		{name: "no purposes at all", on: withConsent, before: func(c *circuittest.Case) { terms(c).Purposes = 0 }},
		{name: "one category of several missing", on: withConsent, before: func(c *circuittest.Case) {
			c.Statement.Categories |= 1 << 63
			terms(c).Categories |= c.Statement.Categories
			terms(c).Categories &^= 1 << 63
		}},
		{name: "a restriction that is not accepted", on: withConsent, before: func(c *circuittest.Case) {
			c.Statement.Accepted &^= 1 << 31
			terms(c).Restrictions |= 1 << 31
		}},
		{name: "now before notBefore", on: withConsent, before: func(c *circuittest.Case) { terms(c).NotBefore = c.Statement.Now + 1 }},
		{name: "until past notAfter", on: withConsent, before: func(c *circuittest.Case) { terms(c).NotAfter = c.Statement.Until - 1 }},
		{name: "qFrom before dataFrom", on: withConsent, before: func(c *circuittest.Case) { terms(c).DataFrom = c.Statement.QFrom + 1 }},
		{name: "qTo after dataTo", on: withConsent, before: func(c *circuittest.Case) {
			c.Statement.QTo++
			terms(c).DataTo = c.Statement.QTo - 1
		}},
		{name: "another watch tag", on: withConsent, after: func(c *circuittest.Case) { c.Statement.Watch = c.Element() }},
		{name: "a watch tag of another withdrawal key", on: withConsent, after: func(c *circuittest.Case) {
			c.Witness.Consent.Opening.W = c.Element()
			c.Statement.Watch = consent.Watch(c.Witness.Consent.Opening.W, c.Statement.Scope)
		}},
		{name: "a watch tag of another scope", on: withConsent, after: func(c *circuittest.Case) {
			c.Statement.Watch = consent.Watch(c.Witness.Consent.Opening.W, c.Element())
		}},
		{name: "revoked", on: withConsent, before: func(c *circuittest.Case) {
			c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
				if kind == consent.KindConsent {
					return fr.Element{}
				}
				return leaf
			}
		}},
		{name: "a credential's leaf as a consent's", on: withConsent, before: func(c *circuittest.Case) {
			c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
				r := c.Witness.Consent
				if kind == consent.KindConsent {
					return consent.Leaf(consent.KindCredential, r.Authority, r.Opening.Commitment(), r.Lock)
				}
				return leaf
			}
		}},
		{name: "another holder's consent", on: withConsent, before: func(c *circuittest.Case) {
			c.Register = func(kind consent.Kind, leaf fr.Element) fr.Element {
				if kind != consent.KindConsent {
					return leaf
				}
				r := *c.Witness.Consent
				r.Opening.Holder = c.Element()
				return consent.Leaf(kind, r.Authority, r.Opening.Commitment(), r.Lock)
			}
		}},
		{name: "registrar outside the list", on: []consent.CircuitID{consent.ConsentOnly}, after: func(c *circuittest.Case) { c.Statement.TrustRoot = c.Element() }},
		{name: "registrar at another's place", on: []consent.CircuitID{consent.ConsentOnly}, after: func(c *circuittest.Case) { c.Witness.Consent.Trust.Index ^= 3 }},
		{name: "nobody as registrar, at an empty place", on: []consent.CircuitID{consent.ConsentOnly}, before: func(c *circuittest.Case) {
			c.Witness.Consent.Authority = fr.Element{}
		}},
		{name: "a node of the list as registrar", on: []consent.CircuitID{consent.ConsentOnly}, after: func(c *circuittest.Case) {
			// Only the path is a level short: the record itself is registered
			// under the node's value, and the upper levels are true.
			r := c.Witness.Consent
			first := *r.Trust
			first.Siblings = first.Siblings[:1]
			r.Authority = first.Root(r.Authority)
			r.Trust.Siblings = append(r.Trust.Siblings[1:], r.Trust.Siblings[3])
			r.Trust.Index >>= 2
			c.Statement.Root = r.Path.Root(consent.Leaf(consent.KindConsent, r.Authority, r.Opening.Commitment(), r.Lock))
		}},
	}
	controls = []attack{
		{name: "touching every bound", on: withConsent, before: func(c *circuittest.Case) {
			s, o := &c.Statement, terms(c)
			s.Until = s.Now
			o.NotBefore, o.NotAfter, o.DataFrom, o.DataTo = s.Now, s.Now, s.QFrom, s.QTo
			o.Purposes, o.Categories, o.Restrictions = s.Purpose, s.Categories, s.Accepted
			if r := c.Witness.Credential; r != nil {
				r.Opening.Expires = s.Until
			}
		}},
		{name: "everything allowed for ever", on: withConsent, before: func(c *circuittest.Case) {
			s, o := &c.Statement, terms(c)
			s.Purpose, s.Categories, s.Accepted = 1<<63, 1<<64-1, 1<<32-1
			s.QFrom, s.QTo = 0, consent.MaxTime
			*o = consent.Terms{Purposes: 1<<64 - 1, Restrictions: 1<<32 - 1, Categories: 1<<64 - 1,
				NotAfter: consent.MaxTime, DataTo: consent.MaxTime}
		}},
		{name: "no restrictions, none accepted", on: withConsent, before: func(c *circuittest.Case) {
			c.Statement.Accepted, terms(c).Restrictions = 0, 0
		}},
	}
	return attacks, controls
}

// Masks that a wallet hashed as numbers above 64 bits do not alias into the
// masks that were asked.
func TestAttack_LaneAlias(t *testing.T) { play(t, laneAttacks) }

func laneAttacks(testing.TB) (attacks, controls []attack) {
	attacks = []attack{
		{name: "purposes above 64 bits", on: withConsent, before: func(c *circuittest.Case) {
			wideLanes(c, beyond(uint64(terms(c).Purposes)), field.Uint(uint64(terms(c).Categories)))
		}, raw: func(c *circuittest.Case, a frontend.Circuit) {
			recordOf(a).Purposes = beyond(uint64(terms(c).Purposes))
		}},
		{name: "categories above 64 bits", on: withConsent, before: func(c *circuittest.Case) {
			wideLanes(c, field.Uint(uint64(terms(c).Purposes)), beyond(uint64(terms(c).Categories)))
		}, raw: func(c *circuittest.Case, a frontend.Circuit) {
			recordOf(a).Categories = beyond(uint64(terms(c).Categories))
		}},
		{name: "purposes r - 1", on: withConsent, before: func(c *circuittest.Case) {
			wideLanes(c, minusOne(), field.Uint(uint64(terms(c).Categories)))
		}, raw: func(c *circuittest.Case, a frontend.Circuit) { recordOf(a).Purposes = minusOne() }},
	}
	controls = []attack{
		{name: "the same lanes within 64 bits", on: withConsent, before: func(c *circuittest.Case) {
			wideLanes(c, field.Uint(uint64(terms(c).Purposes)), field.Uint(uint64(terms(c).Categories)))
		}},
	}
	return attacks, controls
}

// A range that travelled packed, mask·2^128 + lo·2^64 + hi, would have a second
// opening: lo − 1 and hi + 2^64, which the two differences take for everything
// above hi, absent included. Here lo and hi are inputs of their own, so the
// opening is another statement, which no verifier forms.
func TestAttack_PackedRange(t *testing.T) {
	for _, id := range withAttribute {
		t.Run(string(id), func(t *testing.T) {
			for name, v := range map[string]consent.Attribute{"above hi": {Value: 10, Present: true}, "absent": {}} {
				c := circuittest.New(t, id, 3000)
				plain(c)
				*attribute(c, 1) = v
				c.Statement.Ranges[2] = consent.Range{Mask: 2, Lo: 7, Hi: 9}
				c.Witness.Credential.Ranges[2] = 1
				c.Seal()
				asked, err := c.Statement.PublicInputs()
				if err != nil {
					t.Fatal(err)
				}
				a := assign(t, c)
				if solves(t, id, a) {
					t.Fatalf("%s: the honest inputs are satisfied", name)
				}
				switch a := a.(type) {
				case *circuits.Eligibility:
					a.Ranges[2].Lo, a.Ranges[2].Hi = 6, beyond(9)
				case *circuits.Claim:
					a.Ranges[2].Lo, a.Ranges[2].Hi = 6, beyond(9)
				}
				if !solves(t, id, a) {
					t.Fatalf("%s: the second opening is no threat: this test would find nothing", name)
				}
				w, err := frontend.NewWitness(a, ecc.BN254.ScalarField(), frontend.PublicOnly())
				if err != nil {
					t.Fatal(err)
				}
				differ := 0
				for i, in := range w.Vector().(fr.Vector) {
					if !in.Equal(&asked[i]) {
						differ++
					}
				}
				if differ != 2 {
					t.Errorf("%s: the second opening differs in %d public inputs from what the verifier forms, want lo and hi", name, differ)
				}
			}
		})
	}
}

func minusOne() (e fr.Element) {
	e.SetBigInt(new(big.Int).Sub(fr.Modulus(), big.NewInt(1)))
	return e
}

func TestAttack_UntilBeforeNow(t *testing.T) { play(t, orderAttacks) }

// until before now, where both records would allow both.
func orderAttacks(testing.TB) (attacks, controls []attack) {
	return []attack{{name: "until before now", on: everywhere[1:], before: func(c *circuittest.Case) {
		c.Statement.Until = c.Statement.Now - 1
	}}}, nil
}
