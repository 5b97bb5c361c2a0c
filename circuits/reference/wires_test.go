package reference_test

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/circuits/reference"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

type element = reference.Element

// wires lists the inputs of a statement in the order of the circuit's
// witness, public ones first, as places that a test can write to.
func wires(c reference.Circuit, v *reference.Values) []*element {
	out := make([]*element, 0, 512)
	add := func(e ...*element) { out = append(out, e...) }
	path := func(p reference.Path) {
		for i := range p {
			add(&p[i].Siblings[0], &p[i].Siblings[1], &p[i].Siblings[2])
		}
		for i := range p {
			add(&p[i].Position[0], &p[i].Position[1])
		}
	}
	choice := func(e *reference.Choice) {
		for j := range e {
			add(&e[j])
		}
	}
	p := &v.Public
	if c.Name == "enrol" {
		add(&p.Holder)
	} else {
		add(&p.Root, &p.Now, &p.Until)
		if c.ProvesConsent() {
			add(&p.Purpose, &p.Accepted, &p.Categories, &p.QFrom, &p.QTo, &p.Grantee, &p.Policy)
		}
		add(&p.TrustRoot)
	}
	if c.ProvesCredential() {
		add(&p.Schema)
		for i := range p.Ranges {
			add(&p.Ranges[i].Mask, &p.Ranges[i].Lo, &p.Ranges[i].Hi)
		}
		for i := range p.Sets {
			add(&p.Sets[i].Mask, &p.Sets[i].Root)
		}
		for i := range p.Links {
			add(&p.Links[i].Flag, &p.Links[i].Off)
		}
	}
	add(&p.Scope, &p.Challenge, &p.Nullifier)
	if c.ProvesConsent() {
		add(&p.Watch)
	}
	add(&p.Rk.X, &p.Rk.Y)

	h := &v.Holder
	add(&h.Ak.X, &h.Ak.Y, &h.Nk, &h.Alpha)
	if c.ProvesConsent() {
		r := &v.Consent
		add(&r.Purposes, &r.Terms, &r.Categories, &r.NotBefore, &r.NotAfter, &r.DataFrom, &r.DataTo,
			&r.Source, &r.W, &r.Salt, &r.Authority, &r.Lock)
		path(r.Path)
	}
	if c.Name == "consent" {
		path(v.Registrar)
	}
	if c.ProvesCredential() {
		r := &v.Credential
		add(&r.Expires, &r.Salt)
		for j := range r.Attributes {
			add(&r.Attributes[j])
		}
		add(&r.Authority, &r.Lock)
		path(r.Path)
		path(r.Issuer)
		for i := range r.Ranges {
			choice(&r.Ranges[i])
		}
		for i := range r.Sets {
			choice(&r.Sets[i].Slot)
			add(&r.Sets[i].Lo, &r.Sets[i].Hi)
			path(r.Sets[i].Path)
		}
	}
	return out
}

// vector is a witness that was not walked together by reflection.
type vector struct {
	witness.Witness
	values fr.Vector
}

func (v vector) Vector() any { return v.values }

// A subject is a compiled circuit, and what its id says to the reference.
type subject struct {
	id      consent.CircuitID
	circuit reference.Circuit
	system  constraint.ConstraintSystem
}

func newSubject(t testing.TB, id consent.CircuitID) *subject {
	t.Helper()
	c, err := reference.ParseID(string(id))
	if err != nil {
		t.Fatal(err)
	}
	system, err := circuits.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return &subject{id, c, system}
}

func (s *subject) vector(v *reference.Values) fr.Vector {
	places := wires(s.circuit, v)
	out := make(fr.Vector, len(places))
	for i, p := range places {
		out[i] = *p
	}
	return out
}

// solves runs gnark's solver with its honest hints. The solver's error quotes
// the witness and is dropped.
func (s *subject) solves(v *reference.Values) bool {
	_, err := s.system.Solve(vector{values: s.vector(v)}, solver.WithNbTasks(1))
	return err == nil
}

// values writes a statement and a witness in the product's types as inputs of
// the reference.
func values(s *consent.Statement, w *consent.Witness, c reference.Circuit) *reference.Values {
	v := reference.New(c)
	n := func(i uint64) element { return field.Uint(i) }
	p := &v.Public
	p.Holder, p.Root, p.TrustRoot, p.Schema = s.Holder, s.Root, s.TrustRoot, s.Schema
	p.Now, p.Until, p.QFrom, p.QTo = n(uint64(s.Now)), n(uint64(s.Until)), n(uint64(s.QFrom)), n(uint64(s.QTo))
	p.Purpose, p.Accepted, p.Categories = n(uint64(s.Purpose)), n(uint64(s.Accepted)), n(uint64(s.Categories))
	p.Grantee, p.Policy, p.Scope, p.Challenge = s.Grantee, s.Policy, s.Scope, s.Challenge
	p.Nullifier, p.Watch, p.Rk = s.Nullifier, s.Watch, reference.Point{X: s.RkX, Y: s.RkY}
	for i, r := range s.Ranges {
		p.Ranges[i] = reference.Range{Mask: n(uint64(r.Mask)), Lo: n(r.Lo), Hi: n(r.Hi)}
	}
	for i, r := range s.Sets {
		p.Sets[i] = reference.Set{Mask: n(uint64(r.Mask)), Root: r.Root}
	}
	for i, l := range s.Links {
		if p.Links[i].Off = n(uint64(l.Offset)); l.On {
			p.Links[i].Flag.SetOne()
		}
	}
	h := &w.Holder
	v.Holder = reference.Holder{Ak: reference.Point{X: h.AkX, Y: h.AkY}, Nk: h.Nk}
	v.Holder.Alpha.SetBytes(h.Alpha[:])
	path := func(from merkle.Path) (to reference.Path) {
		for i, siblings := range from.Siblings {
			to = append(to, reference.Level{Siblings: siblings, Position: [2]element{n(from.Index >> (2 * i) & 1), n(from.Index >> (2*i + 1) & 1)}})
		}
		return to
	}
	if r := w.Consent; r != nil {
		t, o := &r.Opening.Terms, &r.Opening
		v.Consent = reference.Consent{
			Purposes: n(uint64(t.Purposes)), Terms: n(uint64(t.Restrictions)), Categories: n(uint64(t.Categories)),
			NotBefore: n(uint64(t.NotBefore)), NotAfter: n(uint64(t.NotAfter)), DataFrom: n(uint64(t.DataFrom)), DataTo: n(uint64(t.DataTo)),
			Source: o.Source, W: o.W, Salt: o.Salt, Authority: r.Authority, Lock: r.Lock, Path: path(r.Path),
		}
		if r.Trust != nil {
			v.Registrar = path(*r.Trust)
		}
	}
	if r := w.Credential; r != nil {
		d := &v.Credential
		d.Expires, d.Salt, d.Authority, d.Lock = n(uint64(r.Opening.Expires)), r.Opening.Salt, r.Authority, r.Lock
		d.Path, d.Issuer = path(r.Path), path(r.Trust)
		for j, a := range r.Opening.Attributes {
			d.Attributes[j] = a.Element()
		}
		for i, slot := range r.Ranges {
			d.Ranges[i][slot].SetOne()
		}
		for i, choice := range r.Sets {
			d.Sets[i].Slot[choice.Slot].SetOne()
			d.Sets[i].Lo, d.Sets[i].Hi, d.Sets[i].Path = n(choice.Interval.Lo), n(choice.Interval.Hi), path(choice.Path)
		}
	}
	return v
}

// What the product's own types assign is what this test assigns, wire for
// wire, and the reference holds it for true.
func TestWiresAreThoseOfTheWitness(t *testing.T) {
	for _, id := range consent.Circuits() {
		for seed := range uint64(3) {
			c := circuittest.New(t, id, seed)
			want, err := circuits.NewWitness(&c.Statement, &c.Witness)
			if err != nil {
				t.Fatal(err)
			}
			shape, err := reference.ParseID(string(id))
			if err != nil {
				t.Fatal(err)
			}
			v := values(&c.Statement, &c.Witness, shape)
			got, vec := wires(shape, v), want.Vector().(fr.Vector)
			if len(got) != len(vec) {
				t.Fatalf("%s: %d wires, want %d", id, len(got), len(vec))
			}
			for i := range got {
				if *got[i] != vec[i] {
					t.Fatalf("%s: wire %d differs", id, i)
				}
			}
			if err := reference.Evaluate(shape, v); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
	}
}
