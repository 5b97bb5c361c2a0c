package policy

import (
	"fmt"
	"math"
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// A test is a condition in the terms of the circuits.
type test struct {
	where  string
	label  string
	slots  []string
	mask   uint16
	set    consent.ValueSet // one interval where a range serves
	id     string
	linkTo string
}

// compile fills in ranges, sets and links. What is unused gets its one
// canonical form.
func (p *Policy) compile(r *consent.Request, now time.Time) error {
	unused := consent.RangeQuestion{Range: consent.Range{Mask: consent.AllSlots, Hi: math.MaxUint64}}
	r.Ranges = make([]consent.RangeQuestion, r.Circuit.Ranges())
	for i := range r.Ranges {
		r.Ranges[i] = unused
	}
	r.Sets = make([]consent.SetQuestion, r.Circuit.Sets())
	for i := range r.Sets {
		r.Sets[i] = consent.SetQuestion{Mask: consent.AllSlots, Set: consent.AnyValue()}
	}
	r.Links = make([]consent.Link, r.Circuit.Links())

	tests := make([]*test, len(p.doc.Where))
	for i := range p.doc.Where {
		t, err := p.test(i, now)
		if err != nil {
			return err
		}
		if missing := p.schema.SetCategories(t.mask, t.set.Intervals) &^ r.Categories; missing != 0 {
			return fault("categories", "%s tests %s, which they do not name", t.where, missing)
		}
		tests[i] = t
	}
	a := allotment{r: r, policy: p}
	if r.Rule == consent.Once {
		r.Ranges[0] = consent.RangeQuestion{
			Label: "known to the issuer since " + p.doc.Opened + " or earlier",
			Range: consent.Range{Mask: 1, Hi: consent.DayValue(r.Opened)},
		}
		a.ranges = 1
	}
	return a.place(tests)
}

// An allotment hands out a request's predicates.
type allotment struct {
	r            *consent.Request
	policy       *Policy
	ranges, sets int // used so far
}

// place puts the condition that others link to into range 0, since links start
// there, what needs a set into the sets, and the rest where there is room.
func (a *allotment) place(tests []*test) error {
	anchor, err := a.anchor(tests)
	if err != nil {
		return err
	}
	if anchor != nil {
		if _, err := a.asRange(anchor); err != nil {
			return err
		}
	}
	for _, needsSet := range []bool{true, false} {
		for _, t := range tests {
			if t == anchor || needsSet != (len(t.set.Intervals) > 1 || t.set.Name != "") {
				continue
			}
			link, err := a.one(t, needsSet)
			if err != nil {
				return err
			}
			if t.linkTo == "" {
				continue
			}
			offset, err := a.offset(anchor, t)
			if err != nil {
				return err
			}
			a.r.Links[link] = consent.Link{On: true, Offset: offset}
		}
	}
	return nil
}

// one places a test and returns the number of its link.
func (a *allotment) one(t *test, needsSet bool) (int, error) {
	if !needsSet && a.ranges < len(a.r.Ranges) {
		return a.asRange(t)
	}
	if a.sets == len(a.r.Sets) {
		return 0, fault(t.where, "too many conditions: %s has %d ranges (rule once takes one) and %d value sets, of which each list, notEquals and several prefixes take one",
			a.r.Circuit, len(a.r.Ranges), len(a.r.Sets))
	}
	if _, err := t.set.Tree(a.r.Circuit.SetDepth()); err != nil {
		return 0, fault(t.where, "%v; the profile wide has larger ones", err)
	}
	a.r.Sets[a.sets] = consent.SetQuestion{Label: t.label, Mask: t.mask, Set: t.set}
	a.sets++
	return len(a.r.Ranges) - 1 + a.sets - 1, nil
}

func (a *allotment) asRange(t *test) (int, error) {
	iv := t.set.Intervals[0]
	a.r.Ranges[a.ranges] = consent.RangeQuestion{Label: t.label, Range: consent.Range{Mask: t.mask, Lo: iv.Lo, Hi: iv.Hi}}
	a.ranges++
	return a.ranges - 2, nil // link 0 is that of range 1
}

// anchor finds the one condition that others link to.
func (a *allotment) anchor(tests []*test) (*test, error) {
	byID := map[string]*test{}
	for _, t := range tests {
		if t.id == "" {
			continue
		}
		if byID[t.id] != nil {
			return nil, fault(t.where+".id", "%q names two conditions", t.id)
		}
		byID[t.id] = t
	}
	var anchor *test
	for _, t := range tests {
		if t.linkTo == "" {
			continue
		}
		to := byID[t.linkTo]
		switch {
		case to == nil || to == t:
			return nil, fault(t.where+".linkTo", "no other condition has the id %q", t.linkTo)
		case to.linkTo != "":
			return nil, fault(t.where+".linkTo", "%q is linked itself: link both to the same condition", t.linkTo)
		case anchor != nil && to != anchor:
			return nil, fault(t.where+".linkTo", "all links lead to one condition, here to %q and %q", anchor.id, to.id)
		case a.r.Rule == consent.Once:
			return nil, fault(t.where+".linkTo", "rule once takes the range from which links start; use pseudonym")
		case len(to.set.Intervals) > 1 || to.set.Name != "":
			return nil, fault(to.where, "a condition that others link to must be one range of values, without a list")
		}
		anchor = to
	}
	return anchor, nil
}

// offset is the distance that makes t speak of the anchor's entry: equal for
// each pair of slots, which stand in one group each.
func (a *allotment) offset(anchor, t *test) (uint8, error) {
	where := t.where + ".linkTo"
	if len(anchor.slots) != len(t.slots) {
		return 0, fault(where, "%d slots here, %d there: list the slots of the same entries in the same order", len(t.slots), len(anchor.slots))
	}
	var distance int
	for i := range t.slots {
		d, err := a.policy.schema.Delta(anchor.slots[i], t.slots[i])
		if err != nil {
			return 0, fault(where, "%v", err)
		}
		if i > 0 && d != distance {
			return 0, fault(where, "%s and %s stand further apart than the pair before them", anchor.slots[i], t.slots[i])
		}
		distance = d
	}
	return uint8(distance + consent.LinkBias), nil
}

func at(i int, name string) string { return fmt.Sprintf("where[%d].%s", i, name) }
