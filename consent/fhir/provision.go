package fhir

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
)

// A rule is one provision: its conditions, all of which must hold, each an
// alternative among what it lists.
type rule struct {
	path       string
	othersOnly bool // a root's deny that is only the base of its own nested permits

	actors      []string
	hasActors   bool
	actions     []string
	hasActions  bool
	purposes    codes.Purposes // HL7, closed downward
	hasPurposes bool
	duo         codes.Purposes // DUO permissions, closed downward

	restrictions codes.Restrictions
	classes      codes.Categories // closed downward
	hasClasses   bool
	normal       bool             // label N
	sensitive    codes.Categories // labels, closed downward
	hasLabels    bool
	otherLabels  bool // some label has no bit
	otherRoles   bool // some actor is not a recipient

	// As they are named, for denials.
	namedPurposes                codes.Purposes
	namedClasses, namedSensitive codes.Categories

	from, to                 consent.Time // narrow
	hasStart, hasEnd         bool
	dataFrom, dataTo         consent.Time
	wideFrom, wideTo         consent.Time
	wideDataFrom, wideDataTo consent.Time

	beyond []*Error // conditions that no grant can express
}

// conditioned tells whether the rule describes less than everything at some time.
func (r rule) conditioned() bool {
	return r.hasActors || r.hasActions || r.hasPurposes || r.duo != 0 || r.restrictions != 0 || r.hasClasses ||
		r.hasLabels || r.dataFrom != consent.Unstated || r.dataTo != consent.MaxTime || len(r.beyond) > 0
}

// The systems of the codes in provisions.
const (
	systemRole            = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	systemAction          = "http://terminology.hl7.org/CodeSystem/consentaction"
	systemConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
)

func readRule(n node, decision Decision) rule {
	r := rule{path: n.path, to: consent.MaxTime, dataTo: consent.MaxTime, wideTo: consent.MaxTime, wideDataTo: consent.MaxTime}
	n.only("type", "period", "actor", "action", "securityLabel", "purpose", "class", "code", "dataPeriod", "data", "provision")
	beyond := func(n node, format string, args ...any) {
		r.beyond = append(r.beyond, &Error{Path: n.path, Kind: ErrUnsupported, Reason: fmt.Sprintf(format, args...)})
	}
	if p := n.get("period"); p.present() {
		period := p.period()
		r.hasStart, r.hasEnd = period.hasStart, period.hasEnd
		r.wideFrom, r.wideTo = period.wide()
		if decision == Permit {
			r.from, r.to = period.narrow()
		}
	}
	if p := n.get("dataPeriod"); p.present() {
		period := p.period()
		r.wideDataFrom, r.wideDataTo = period.wide()
		if decision == Permit {
			r.dataFrom, r.dataTo = period.narrow()
		} else {
			r.dataFrom, r.dataTo = r.wideDataFrom, r.wideDataTo
		}
	}
	for _, a := range n.get("actor").list() {
		a.only("role", "reference")
		name := a.get("reference").need().actor()
		r.hasActors = true
		switch role := a.get("role").need().one(); {
		case role.system != systemRole:
			role.node.fail(ErrUnknown, "role %q of system %q", role.code, role.system)
		case role.code == "IRCP" || role.code == "PRCP":
			r.actors = append(r.actors, name)
		default:
			// The role says whose data, or by whose hand: a condition of another
			// kind than who receives it.
			r.otherRoles = true
			beyond(a.get("role"), "an actor in the role %s is not a recipient", role.code)
		}
	}
	for _, a := range n.get("action").list() {
		c := a.one()
		if c.system != systemAction || !slices.Contains([]string{"collect", "access", "use", "disclose", "correct"}, c.code) {
			a.fail(ErrUnknown, "action %q of system %q", c.code, c.system)
		}
		r.actions, r.hasActions = append(r.actions, c.code), true
	}
	for _, p := range n.get("purpose").list() {
		r.namedPurposes |= codes.Purposes(lookup(codes.PurposeTable(), p.coding(), codes.SystemPurpose))
		r.hasPurposes = true
	}
	r.purposes = r.namedPurposes.Closed()
	for _, c := range n.get("class").list() {
		r.namedClasses |= codes.Categories(lookup(codes.CategoryTable(), c.coding(), "")) &^ codes.Sensitivities
		r.hasClasses = true
	}
	r.classes = r.namedClasses.Closed()
	for _, l := range n.get("securityLabel").list() {
		c := l.coding()
		r.hasLabels = true
		switch {
		case c.system == systemConfidentiality && c.code == "N":
			if r.normal = true; decision == Deny {
				r.otherLabels = true
				beyond(l, "a denial of data of normal confidentiality")
			}
		case c.system == systemConfidentiality && slices.Contains([]string{"U", "L", "M", "R", "V"}, c.code):
			r.otherLabels = true
			beyond(l, "the level of confidentiality %s", c.code)
		default:
			r.namedSensitive |= codes.Categories(lookup(codes.CategoryTable(), c, codes.SystemSensitivity))
		}
	}
	r.sensitive = r.namedSensitive.Closed()
	for _, c := range n.get("code").list() {
		r.readCode(c, decision)
	}
	for _, d := range n.get("data").list() {
		if meaning := d.get("meaning"); meaning.need().text() != "instance" {
			meaning.fail(ErrUnsupported, "only the meaning instance could be read, and a grant names no single record")
		}
		beyond(d, "a grant names no single record")
	}
	return r
}

func (r *rule) readCode(n node, decision Decision) {
	c := n.one()
	if e, err := codes.PurposeTable().Lookup(c.system, c.code); err == nil && c.system == codes.SystemDUO {
		r.duo |= codes.Purposes(e.Mask()).Closed()
	} else if e, err := codes.RestrictionTable().Lookup(c.system, c.code); err == nil {
		r.restrictions |= codes.Restrictions(e.Mask())
	} else if c.system == codes.SystemDUO && strings.HasSuffix(c.code, "0000007") {
		n.fail(ErrUnsupported, "research on a named disease (DS) is refused in version 1")
	} else {
		n.fail(ErrUnknown, "code %q of system %q", c.code, c.system)
	}
	if decision == Deny {
		r.beyond = append(r.beyond, &Error{Path: n.path, Kind: ErrUnsupported, Reason: "a DUO code in a denial"})
	}
}

// lookup finds a code's bit; system, if given, is the only one allowed.
func lookup(t *codes.Table, c coding, system string) uint64 {
	e, err := t.Lookup(c.system, c.code)
	if err == nil && system != "" && c.system != system {
		err = &codes.UnknownCode{Table: t.Name, System: c.system, Code: c.code}
	}
	if err == nil && system == "" && codes.Categories(e.Mask())&codes.Sensitivities != 0 {
		err = errors.New("a sensitivity code is a label, not a class")
	}
	if err != nil {
		c.node.fail(ErrUnknown, "%s", err)
	}
	return e.Mask()
}

// within makes a nested permit: every condition that it leaves out is its
// parent's, and what both have is cut down to what they have in common.
func (r rule) within(p rule) rule {
	out := r
	out.beyond = append(slices.Clone(p.beyond), r.beyond...)
	out.actors, out.hasActors = common(p.actors, p.hasActors, r.actors, r.hasActors)
	out.actions, out.hasActions = common(p.actions, p.hasActions, r.actions, r.hasActions)
	out.hasPurposes = p.hasPurposes || r.hasPurposes
	switch {
	case p.hasPurposes && r.hasPurposes:
		out.purposes = p.purposes & r.purposes
	case p.hasPurposes:
		out.purposes = p.purposes
	}
	switch {
	case p.duo != 0 && r.duo != 0:
		if out.duo = p.duo & r.duo; out.duo == 0 {
			out.beyond = append(out.beyond, &Error{Path: r.path + ".code", Kind: ErrValue, Reason: "no DUO permission in common with its parent's"})
		}
	case p.duo != 0:
		out.duo = p.duo
	}
	out.restrictions = p.restrictions | r.restrictions
	out.hasClasses = p.hasClasses || r.hasClasses
	switch {
	case p.hasClasses && r.hasClasses:
		if out.classes = p.classes & r.classes; out.classes == 0 {
			out.beyond = append(out.beyond, &Error{Path: r.path + ".class", Kind: ErrValue, Reason: "no class in common with its parent's"})
		}
	case p.hasClasses:
		out.classes = p.classes
	}
	out.hasLabels = p.hasLabels || r.hasLabels
	switch {
	case p.hasLabels && r.hasLabels:
		out.normal, out.sensitive = p.normal && r.normal, p.sensitive&r.sensitive
	case p.hasLabels:
		out.normal, out.sensitive = p.normal, p.sensitive
	}
	out.from, out.to = max(p.from, r.from), min(p.to, r.to)
	out.hasStart, out.hasEnd = p.hasStart || r.hasStart, p.hasEnd || r.hasEnd
	out.dataFrom, out.dataTo = max(p.dataFrom, r.dataFrom), min(p.dataTo, r.dataTo)
	return out
}

func common(a []string, hasA bool, b []string, hasB bool) ([]string, bool) {
	switch {
	case hasA && hasB:
		return slices.DeleteFunc(slices.Clone(b), func(s string) bool { return !slices.Contains(a, s) }), true
	case hasA:
		return a, true
	}
	return b, hasB
}
