package fhir

import (
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
)

// A denial is what a deny rule takes away, read as broadly as it can be: its
// codes reach to all below and all above them, its periods take their longest
// reading, and its actions do not limit it.
type denial struct {
	rule             rule
	document         int
	purposes         codes.Purposes
	categories       codes.Categories
	hasCategories    bool
	from, to         consent.Time
	dataFrom, dataTo consent.Time
}

func (r rule) denial(document int) denial {
	d := denial{rule: r, document: document, from: r.wideFrom, to: r.wideTo, dataFrom: r.wideDataFrom, dataTo: r.wideDataTo}
	purposes, categories := codes.PurposeTable(), codes.CategoryTable()
	reach := func(t *codes.Table, mask uint64) uint64 { return t.Down(mask) | t.Up(mask) }
	d.purposes = codes.Purposes(reach(purposes, uint64(r.namedPurposes)))
	// DUO's permissions are codes of their own, but mean uses too: whoever denies
	// a use denies the use without restriction, and whoever denies research
	// denies all that DUO calls so.
	if research := codes.Purposes(mustMask("HRESCH")).Closed(); d.purposes&research != 0 {
		d.purposes |= codes.Purposes(mustMask("NRES")).Closed()
	} else if d.purposes != 0 {
		d.purposes |= codes.Purposes(mustMask("NRES"))
	}
	// Data of a class and with a label is asked for with both bits, so taking
	// away the label's alone is enough and leaves the rest of the class.
	if r.hasLabels && !r.otherLabels {
		d.categories, d.hasCategories = codes.Categories(reach(categories, uint64(r.namedSensitive))), true
	} else if r.hasClasses {
		d.categories, d.hasCategories = codes.Categories(reach(categories, uint64(r.namedClasses))), true
	}
	return d
}

// subtract returns what is left of g: at most six grants, each a part of it.
func (d denial) subtract(g Grant) ([]Grant, error) {
	r, t := d.rule, g.Terms
	if r.othersOnly && d.document == g.Document {
		return []Grant{g}, nil
	}
	purposes, categories := t.Purposes, t.Categories
	if r.hasPurposes {
		purposes &= d.purposes
	}
	if d.hasCategories {
		categories &= d.categories
	}
	from, to := max(t.NotBefore, d.from), min(t.NotAfter, d.to)
	dataFrom, dataTo := max(t.DataFrom, d.dataFrom), min(t.DataTo, d.dataTo)
	if purposes == 0 || categories == 0 || from > to || dataFrom > dataTo {
		return []Grant{g}, nil
	}
	if r.hasActors && !r.otherRoles {
		hit := false
		for _, a := range r.actors {
			same, sure := sameActor(a, g.Actor)
			if !sure {
				return nil, &Error{Path: r.path + ".actor", Kind: ErrAmbiguous, Reason: "named by another kind of name than the recipients, so whether it is one of them is not known"}
			}
			hit = hit || same
		}
		if !hit {
			return []Grant{g}, nil
		}
	}
	// The rule has a condition that no grant can express, and touches this one.
	if len(r.beyond) > 0 {
		return nil, r.beyond[0]
	}
	var out []Grant
	part := func(change func(t *consent.Terms)) {
		p := g
		change(&p.Terms)
		if q := p.Terms; q.Purposes != 0 && q.Categories != 0 && q.NotBefore <= q.NotAfter && q.DataFrom <= q.DataTo {
			out = append(out, p)
		}
	}
	part(func(t *consent.Terms) { t.Purposes &^= purposes })
	part(func(t *consent.Terms) { t.Purposes, t.Categories = purposes, t.Categories&^categories })
	touched := func(t *consent.Terms) { t.Purposes, t.Categories = purposes, categories }
	if from > t.NotBefore {
		part(func(t *consent.Terms) { touched(t); t.NotAfter = from - 1 })
	}
	if to < t.NotAfter {
		part(func(t *consent.Terms) { touched(t); t.NotBefore = to + 1 })
	}
	if dataFrom > t.DataFrom {
		part(func(t *consent.Terms) { touched(t); t.NotBefore, t.NotAfter, t.DataTo = from, to, dataFrom-1 })
	}
	if dataTo < t.DataTo {
		part(func(t *consent.Terms) { touched(t); t.NotBefore, t.NotAfter, t.DataFrom = from, to, dataTo+1 })
	}
	return out, nil
}

// Denied tells which of the standing grants the documents deny, or deny a part
// of: those of documents that were compiled before, without these. A denial of
// which it cannot be told whether it touches a grant counts as one that does.
func Denied(documents [][]byte, standing []Grant, o Options) ([]int, error) {
	touched := map[int]bool{}
	for i, data := range documents {
		c, err := readConsent(data, o)
		if err != nil {
			return nil, err
		}
		digest := sha256.Sum256(data)
		for _, r := range c.denials {
			d := r.denial(i)
			for k, g := range standing {
				g.Document = -1
				if g.Source == digest {
					g.Document = i
				}
				rest, err := d.subtract(g)
				if err != nil || len(rest) != 1 || !rest[0].same(g) {
					touched[k] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(touched)), nil
}
