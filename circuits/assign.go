package circuits

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/frontend"
	circuitmerkle "github.com/zkconsent/zkconsent/circuits/gadget/merkle"
	"github.com/zkconsent/zkconsent/circuits/gadget/rekey"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

// A WitnessError says which part of a witness is missing or of the wrong
// shape, and never what it holds.
type WitnessError struct {
	Circuit consent.CircuitID
	Field   string
	Reason  string
}

func (e *WitnessError) Error() string {
	return fmt.Sprintf("witness for %s: %s: %s", e.Circuit, e.Field, e.Reason)
}

// NewWitness returns a statement and a witness as values of the circuit's
// wires. It refuses what [Assign] refuses.
func NewWitness(s *consent.Statement, w *consent.Witness) (witness.Witness, error) {
	c, err := Assign(s, w)
	if err != nil {
		return nil, err
	}
	full, err := frontend.NewWitness(c, ecc.BN254.ScalarField())
	if err != nil {
		// gnark's error may quote a value.
		return nil, &WitnessError{s.Circuit, "witness", "not assignable to the circuit"}
	}
	return full, nil
}

// Assign puts a statement and a witness into the statement's circuit. It
// returns an error of the statement's or a *[WitnessError] if a part is
// missing, superfluous or of the wrong shape. It does not check that the
// witness satisfies the circuit.
func Assign(s *consent.Statement, w *consent.Witness) (frontend.Circuit, error) {
	in, err := s.PublicInputs()
	if err != nil {
		return nil, err
	}
	a := assigner{id: s.Circuit, public: in}
	c := a.circuit(w)
	if a.err == nil && len(a.public) != 0 {
		a.fail("statement", fmt.Sprintf("%d public inputs left over", len(a.public)))
	}
	if a.err != nil {
		return nil, a.err
	}
	return c, nil
}

// assigner fills a circuit's fields. The first error sticks.
type assigner struct {
	id     consent.CircuitID
	public []fr.Element
	err    error
}

func (a *assigner) fail(field, reason string) {
	if a.err == nil {
		a.err = &WitnessError{a.id, field, reason}
	}
}

// next takes the public inputs one by one, in the order of docs/spec.md §9.2,
// in which the circuits' structs name them.
func (a *assigner) next() variable {
	if len(a.public) == 0 {
		a.fail("statement", "too few public inputs")
		return 0
	}
	v := a.public[0]
	a.public = a.public[1:]
	return v
}

func (a *assigner) circuit(w *consent.Witness) frontend.Circuit {
	if w == nil {
		a.fail("witness", "missing")
		return nil
	}
	if a.need("consent", a.id.ProvesConsent(), w.Consent != nil); a.err != nil {
		return nil
	}
	if a.need("credential", a.id.ProvesCredential(), w.Credential != nil); a.err != nil {
		return nil
	}
	if w.Consent != nil {
		if a.need("consent.trust", a.id.ProvesConsentAlone(), w.Consent.Trust != nil); a.err != nil {
			return nil
		}
	}
	keys := a.holder(&w.Holder)
	switch {
	case a.id.Enrols():
		return &Enrol{
			Holder: a.next(), Scope: a.next(), Challenge: a.next(), Nullifier: a.next(), RkX: a.next(), RkY: a.next(),
			Keys: keys,
		}
	case a.id.ProvesConsentAlone():
		return &Consent{
			Root: a.next(), Now: a.next(), Until: a.next(),
			Purpose: a.next(), Accepted: a.next(), Categories: a.next(), QFrom: a.next(), QTo: a.next(),
			Grantee: a.next(), Policy: a.next(), TrustRoot: a.next(),
			Scope: a.next(), Challenge: a.next(), Nullifier: a.next(), Watch: a.next(), RkX: a.next(), RkY: a.next(),
			Keys: keys, Record: a.consent(w.Consent), Trust: a.path("consent.trust", *w.Consent.Trust, consent.TrustDepth),
		}
	case a.id.ProvesCredential() && !a.id.ProvesConsent():
		return &Eligibility{
			Root: a.next(), Now: a.next(), Until: a.next(), TrustRoot: a.next(), Schema: a.next(),
			Ranges: a.ranges(), Sets: a.sets(), Links: a.links(),
			Scope: a.next(), Challenge: a.next(), Nullifier: a.next(), RkX: a.next(), RkY: a.next(),
			Keys: keys, Credential: a.credential(w.Credential),
		}
	case a.id.ProvesCredential():
		return &Claim{
			Root: a.next(), Now: a.next(), Until: a.next(),
			Purpose: a.next(), Accepted: a.next(), Categories: a.next(), QFrom: a.next(), QTo: a.next(),
			Grantee: a.next(), Policy: a.next(), TrustRoot: a.next(), Schema: a.next(),
			Ranges: a.ranges(), Sets: a.sets(), Links: a.links(),
			Scope: a.next(), Challenge: a.next(), Nullifier: a.next(), Watch: a.next(), RkX: a.next(), RkY: a.next(),
			Keys: keys, Record: a.consent(w.Consent), Credential: a.credential(w.Credential),
		}
	}
	a.err = &CircuitError{a.id}
	return nil
}

func (a *assigner) need(part string, needed, given bool) {
	switch {
	case needed && !given:
		a.fail(part, "missing")
	case !needed && given:
		a.fail(part, "given, but the circuit has no such part")
	}
}

func (a *assigner) ranges() (r [rangeCount]Range) {
	for i := range r {
		r[i] = Range{Mask: a.next(), Lo: a.next(), Hi: a.next()}
	}
	return r
}

func (a *assigner) sets() []Set {
	s := make([]Set, a.id.Sets())
	for i := range s {
		s[i] = Set{Mask: a.next(), Root: a.next()}
	}
	return s
}

func (a *assigner) links() []Link {
	l := make([]Link, a.id.Links())
	for i := range l {
		l[i] = Link{Flag: a.next(), Off: a.next()}
	}
	return l
}

func (a *assigner) holder(h *consent.HolderWitness) HolderPart {
	alpha := new(big.Int).SetBytes(h.Alpha[:])
	if alpha.BitLen() > rekey.ScalarBits {
		a.fail("holder.alpha", fmt.Sprintf("more than %d bits", rekey.ScalarBits))
	}
	return HolderPart{AkX: h.AkX, AkY: h.AkY, Nk: h.Nk, Alpha: alpha}
}

func (a *assigner) consent(r *consent.ConsentWitness) ConsentPart {
	t := &r.Opening.Terms
	for _, v := range []consent.Time{t.NotBefore, t.NotAfter, t.DataFrom, t.DataTo} {
		if v > consent.MaxTime {
			a.fail("consent.terms", "a time beyond 2^40")
		}
	}
	return ConsentPart{
		Purposes: uint64(t.Purposes), Terms: uint64(t.Restrictions), Categories: uint64(t.Categories),
		NotBefore: uint64(t.NotBefore), NotAfter: uint64(t.NotAfter),
		DataFrom: uint64(t.DataFrom), DataTo: uint64(t.DataTo),
		Source: r.Opening.Source, W: r.Opening.W, Salt: r.Opening.Salt,
		Authority: r.Authority, Lock: r.Lock,
		Path: a.path("consent.path", r.Path, RecordDepth),
	}
}

func (a *assigner) credential(r *consent.CredentialWitness) CredentialPart {
	if r.Opening.Expires > consent.MaxTime {
		a.fail("credential.expires", "beyond 2^40")
	}
	if len(r.Ranges) != rangeCount {
		a.fail("credential.ranges", fmt.Sprintf("%d choices, the circuit has %d", len(r.Ranges), rangeCount))
		return CredentialPart{}
	}
	if len(r.Sets) != a.id.Sets() {
		a.fail("credential.sets", fmt.Sprintf("%d choices, the circuit has %d", len(r.Sets), a.id.Sets()))
		return CredentialPart{}
	}
	c := CredentialPart{
		Expires: uint64(r.Opening.Expires), Salt: r.Opening.Salt,
		Issuer: r.Authority, Lock: r.Lock,
		Path:  a.path("credential.path", r.Path, RecordDepth),
		Trust: a.path("credential.trust", r.Trust, consent.TrustDepth),
		Sets:  make([]SetPart, len(r.Sets)),
	}
	for i, v := range r.Opening.Attributes {
		c.Attributes[i] = v.Element()
	}
	for i, slot := range r.Ranges {
		c.RangeSlots[i] = a.slot("credential.ranges", slot)
	}
	for i, s := range r.Sets {
		c.Sets[i] = SetPart{
			Slot: a.slot("credential.sets", s.Slot),
			Lo:   field.Uint(s.Interval.Lo), Hi: field.Uint(s.Interval.Hi),
			Path: a.path("credential.sets.path", s.Path, a.id.SetDepth()),
		}
	}
	return c
}

func (a *assigner) slot(name string, slot int) (s slots) {
	if slot < 0 || slot >= consent.Slots {
		a.fail(name, "a slot outside the credential's")
		return s
	}
	for i := range s {
		s[i] = 0
	}
	s[slot] = 1
	return s
}

func (a *assigner) path(name string, p merkle.Path, depth int) circuitmerkle.Path {
	out := circuitmerkle.NewPath(depth)
	if len(p.Siblings) != depth {
		a.fail(name, fmt.Sprintf("%d levels, the tree has %d", len(p.Siblings), depth))
		return out
	}
	if p.Index >= merkle.Capacity(depth) {
		a.fail(name, "an index beyond the tree")
		return out
	}
	for i, s := range p.Siblings {
		for k := range s {
			out.Siblings[i][k] = s[k]
		}
		out.Positions[i] = [2]variable{p.Index >> (2 * i) & 1, p.Index >> (2*i + 1) & 1}
	}
	return out
}
