// Package sample makes statements with witnesses that satisfy their circuit,
// without a ledger, a wallet or an issuer: random records in trees of their own
// (docs/spec.md §9.3). A prover proves one of each circuit before it says that
// it is ready; tests change them and seal them again.
//
// # Caveats
//
// Nothing here is anybody's, and what a sample's proof says is said of nobody.
// Its randomness is the caller's: from a seed it protects nothing.
package sample

import (
	"math/big"
	"math/rand/v2"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// A Case is a statement with a witness, and what they were made from.
type Case struct {
	Statement consent.Statement
	Witness   consent.Witness
	Ask       *big.Int // the holder's signing key

	// Register, if set, is what Seal writes to the record tree in place of a
	// record's leaf: a test's way to register what an honest wallet would not.
	Register func(kind consent.Kind, leaf fr.Element) fr.Element

	rng *rand.Rand
}

// New returns a random case that satisfies the circuit. The error is a
// *circuits.CircuitError, for an unknown circuit.
func New(id consent.CircuitID, rng *rand.Rand) (*Case, error) {
	c := &Case{rng: rng}
	if !id.Known() {
		return nil, &circuits.CircuitError{Circuit: id}
	}
	c.Statement = consent.Statement{Circuit: id, Scope: c.Element(), Challenge: c.Element()}
	c.holder()
	if !id.Enrols() {
		c.Statement.Now = consent.Time(1_700_000_000 + c.rng.Uint64N(1<<28))
		c.Statement.Until = c.Statement.Now + consent.Time(c.rng.Uint64N(1<<22))
	}
	if id.ProvesConsent() {
		c.consent()
	}
	if id.ProvesCredential() {
		c.credential()
	}
	c.Seal()
	return c, nil
}

// Element returns a random field element.
func (c *Case) Element() (e fr.Element) {
	var b [40]byte
	for i := range b {
		b[i] = byte(c.rng.Uint32())
	}
	return *e.SetBytes(b[:])
}

func (c *Case) scalar() *big.Int {
	e := c.Element()
	curve := twistededwards.GetEdwardsCurve()
	n := e.BigInt(new(big.Int))
	return n.Add(n.Mod(n, new(big.Int).Sub(&curve.Order, big.NewInt(1))), big.NewInt(1))
}

func (c *Case) holder() {
	curve := twistededwards.GetEdwardsCurve()
	c.Ask = c.scalar()
	var ak twistededwards.PointAffine
	ak.ScalarMultiplication(&curve.Base, c.Ask)
	h := &c.Witness.Holder
	h.AkX, h.AkY, h.Nk = ak.X, ak.Y, c.Element()
	c.scalar().FillBytes(h.Alpha[:])
}

// Rk is ak + [α]B of the witness.
func (c *Case) Rk() twistededwards.PointAffine {
	curve := twistededwards.GetEdwardsCurve()
	h := &c.Witness.Holder
	ak := twistededwards.PointAffine{X: h.AkX, Y: h.AkY}
	var rk twistededwards.PointAffine
	rk.ScalarMultiplication(&curve.Base, new(big.Int).SetBytes(h.Alpha[:]))
	return *rk.Add(&rk, &ak)
}

func (c *Case) consent() {
	s := &c.Statement
	s.Purpose = 1 << c.rng.UintN(64)
	s.Accepted = codes.Restrictions(c.rng.Uint32())
	s.Categories = codes.Categories(c.rng.Uint64() | 1)
	s.QFrom = consent.Time(c.rng.Uint64N(1 << 30))
	s.QTo = s.QFrom + consent.Time(c.rng.Uint64N(1<<30))
	s.Grantee, s.Policy = c.Element(), c.Element()
	c.Witness.Consent = &consent.ConsentWitness{
		Opening: consent.Consent{
			Terms: consent.Terms{
				Purposes:     s.Purpose | codes.Purposes(c.rng.Uint64()),
				Restrictions: s.Accepted & codes.Restrictions(c.rng.Uint32()),
				Categories:   s.Categories | codes.Categories(c.rng.Uint64()),
				NotBefore:    s.Now - consent.Time(c.rng.Uint64N(1<<20)),
				NotAfter:     s.Until + consent.Time(c.rng.Uint64N(1<<20)),
				DataFrom:     consent.Time(c.rng.Uint64N(uint64(s.QFrom) + 1)),
				DataTo:       s.QTo + consent.Time(c.rng.Uint64N(1<<20)),
			},
			Source: c.Element(), W: c.Element(), Salt: c.Element(),
		},
		Authority: c.Element(), Lock: c.Element(),
	}
}

// credential makes a credential and predicates of every sort: range 0 over
// one slot, range 1 linked to it, range 2 over several slots with bounds that
// touch, range 3 unused, and sets of which the first is linked.
func (c *Case) credential() {
	s := &c.Statement
	s.Schema = c.Element()
	r := &consent.CredentialWitness{
		Opening:   consent.Credential{Expires: s.Until + consent.Time(c.rng.Uint64N(1<<24)), Salt: c.Element()},
		Authority: c.Element(), Lock: c.Element(),
	}
	c.Witness.Credential = r
	attributes := &r.Opening.Attributes
	for i := range attributes {
		attributes[i] = consent.Attribute{Value: c.rng.Uint64(), Present: true}
	}
	first, second, third := int(c.rng.UintN(consent.Slots)), int(c.rng.UintN(consent.Slots)), int(c.rng.UintN(consent.Slots))
	r.Ranges = []int{first, second, third, 0}
	s.Ranges = []consent.Range{
		c.around(1<<first, attributes[first].Value),
		c.around(c.mask(second), attributes[second].Value),
		{Mask: c.mask(third), Lo: attributes[third].Value, Hi: attributes[third].Value},
		{Mask: consent.AllSlots, Lo: 0, Hi: 1<<64 - 1},
	}
	s.Links = make([]consent.Link, s.Circuit.Links())
	s.Links[0] = link(first, second)
	for i := range s.Circuit.Sets() {
		slot := int(c.rng.UintN(consent.Slots))
		r.Sets = append(r.Sets, consent.SetWitness{Slot: slot, Interval: c.interval(attributes[slot].Value)})
		s.Sets = append(s.Sets, consent.SetRange{Mask: c.mask(slot)})
		if i == 0 {
			s.Links[3] = link(first, slot)
		}
	}
	// A slot that no predicate chose is absent.
	chosen := map[int]bool{0: true, first: true, second: true, third: true}
	for _, set := range r.Sets {
		chosen[set.Slot] = true
	}
	for i := range attributes {
		if !chosen[i] {
			attributes[i] = consent.Attribute{}
			break
		}
	}
}

func link(first, slot int) consent.Link {
	return consent.Link{On: true, Offset: uint8(slot - first + consent.LinkBias)}
}

func (c *Case) mask(slot int) uint16 {
	return uint16(1<<slot | c.rng.UintN(consent.AllSlots+1))
}

func (c *Case) around(mask uint16, v uint64) consent.Range {
	iv := c.interval(v)
	return consent.Range{Mask: mask, Lo: iv.Lo, Hi: iv.Hi}
}

func (c *Case) interval(v uint64) consent.Interval {
	lo, hi := v, v
	if d := c.rng.Uint64(); d <= v {
		lo = v - d
	}
	if d := c.rng.Uint64(); v+d >= v {
		hi = v + d
	}
	return consent.Interval{Lo: lo, Hi: hi}
}

func (c *Case) leaf(kind consent.Kind, authority, cm, lock fr.Element) fr.Element {
	leaf := consent.Leaf(kind, authority, cm, lock)
	if c.Register != nil {
		leaf = c.Register(kind, leaf)
	}
	return leaf
}

// Seal registers the witness's records as they stand, in fresh trees, and
// writes what follows from the witness into the statement: holder, roots,
// nullifier, watch tag and rk.
func (c *Case) Seal() {
	s, w := &c.Statement, &c.Witness
	h := &w.Holder
	holder := consent.HolderOf(h.AkX, h.AkY, h.Nk)
	rk := c.Rk()
	s.RkX, s.RkY = rk.X, rk.Y
	s.Nullifier = consent.Nullifier(h.Nk, s.Scope)
	if s.Circuit.Enrols() {
		s.Holder = holder
	}
	records := newSparse(circuits.RecordDepth, c.rng)
	if r := w.Consent; r != nil {
		r.Opening.Holder, r.Opening.Grantee, r.Opening.Policy = holder, s.Grantee, s.Policy
		s.Watch = consent.Watch(r.Opening.W, s.Scope)
		r.Path.Index = records.put(c.leaf(consent.KindConsent, r.Authority, r.Opening.Commitment(), r.Lock))
		if s.Circuit.ProvesConsentAlone() {
			trust := newSparse(consent.TrustDepth, c.rng)
			index := trust.put(r.Authority)
			p := trust.path(index)
			r.Trust, s.TrustRoot = &p, trust.root()
		}
	}
	if r := w.Credential; r != nil {
		r.Opening.Holder, r.Opening.Schema = holder, s.Schema
		r.Path.Index = records.put(c.leaf(consent.KindCredential, r.Authority, r.Opening.Commitment(), r.Lock))
		trust := newSparse(consent.TrustDepth, c.rng)
		r.Trust = trust.path(trust.put(r.Authority))
		s.TrustRoot = trust.root()
		for i := range r.Sets {
			iv := r.Sets[i].Interval
			set := newSparse(s.Circuit.SetDepth(), c.rng)
			index := set.put(poseidon.Sum(poseidon.TagInterval, field.Uint(iv.Lo), field.Uint(iv.Hi)))
			r.Sets[i].Path, s.Sets[i].Root = set.path(index), set.root()
		}
	}
	if w.Consent != nil {
		w.Consent.Path = records.path(w.Consent.Path.Index)
	}
	if w.Credential != nil {
		w.Credential.Path = records.path(w.Credential.Path.Index)
	}
	if !s.Circuit.Enrols() {
		s.Root = records.root()
	}
}
