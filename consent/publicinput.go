package consent

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
)

// A publicInput is one row of the table in docs/spec.md §9.2.
type publicInput struct {
	name  string
	value fr.Element
}

// PublicInputNames lists the names of the circuit's public inputs in the order
// of docs/spec.md §9.2; nil for an unknown circuit. A group's names are those of
// its fields, numbered from 0: "ranges_0_mask".
func (c CircuitID) PublicInputNames() []string {
	if !c.Known() {
		return nil
	}
	blank := Statement{
		Circuit: c, Ranges: make([]Range, c.Ranges()), Sets: make([]SetRange, c.Sets()), Links: make([]Link, c.Links()),
	}
	var names []string
	for _, in := range blank.publicInputs() {
		names = append(names, in.name)
	}
	return names
}

// publicInputs is the table, for a statement of its circuit's shape.
func (s *Statement) publicInputs() (in []publicInput) {
	c := s.Circuit
	element := func(name string, v fr.Element) { in = append(in, publicInput{name, v}) }
	number := func(name string, v uint64) { element(name, field.Uint(v)) }
	if c.Enrols() {
		element("holder", s.Holder)
	} else {
		element("root", s.Root)
		number("now", uint64(s.Now))
		number("until", uint64(s.Until))
	}
	if c.ProvesConsent() {
		number("purpose", uint64(s.Purpose))
		number("accepted terms", uint64(s.Accepted))
		number("categories", uint64(s.Categories))
		number("qFrom", uint64(s.QFrom))
		number("qTo", uint64(s.QTo))
		element("grantee", s.Grantee)
		element("policy", s.Policy)
	}
	switch {
	case c.ProvesCredential():
		element("issuer trust root", s.TrustRoot)
		element("schema", s.Schema)
	case c.ProvesConsent():
		element("registrar trust root", s.TrustRoot)
	}
	for i, r := range s.Ranges {
		number(fmt.Sprintf("ranges_%d_mask", i), uint64(r.Mask))
		number(fmt.Sprintf("ranges_%d_lo", i), r.Lo)
		number(fmt.Sprintf("ranges_%d_hi", i), r.Hi)
	}
	for i, r := range s.Sets {
		number(fmt.Sprintf("sets_%d_mask", i), uint64(r.Mask))
		element(fmt.Sprintf("sets_%d_root", i), r.Root)
	}
	for i, l := range s.Links {
		flag := uint64(0)
		if l.On {
			flag = 1
		}
		number(fmt.Sprintf("links_%d_flag", i), flag)
		number(fmt.Sprintf("links_%d_off", i), uint64(l.Offset))
	}
	element("scope", s.Scope)
	element("challenge", s.Challenge)
	element("nullifier", s.Nullifier)
	if c.ProvesConsent() {
		element("watch", s.Watch)
	}
	element("rk.x", s.RkX)
	element("rk.y", s.RkY)
	return in
}
