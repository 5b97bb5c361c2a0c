package fhir

import (
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// A span is all that a FHIR dateTime may mean: it has a precision, and without
// a time of day it has no zone either.
type span struct {
	from, to time.Time // first and last second, of the earliest and the latest zone
	day      bool      // precise to the day or better
}

// The zones in use reach from UTC-12 to UTC+14.
const (
	west = 12 * time.Hour
	east = 14 * time.Hour
)

// dateTime reads YYYY, YYYY-MM, YYYY-MM-DD or an instant with a zone.
func (n node) dateTime() span {
	s := n.text()
	if !n.present() || n.doc.err != nil {
		return span{}
	}
	var first, next time.Time
	var err error
	switch len(s) {
	case len("2006"):
		first, err = time.Parse("2006", s)
		next = first.AddDate(1, 0, 0)
	case len("2006-01"):
		first, err = time.Parse("2006-01", s)
		next = first.AddDate(0, 1, 0)
	case len("2006-01-02"):
		first, err = time.Parse(time.DateOnly, s)
		next = first.AddDate(0, 0, 1)
	default:
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || at.Year() < 1 {
			n.fail(ErrValue, "not a FHIR date or time with a zone")
			return span{}
		}
		return span{from: at, to: at, day: true}
	}
	if err != nil || first.Year() < 1 {
		n.fail(ErrValue, "not a FHIR date or time with a zone")
		return span{}
	}
	return span{from: first.Add(-east), to: next.Add(-time.Second).Add(west), day: len(s) == len("2006-01-02")}
}

// A period is a FHIR Period, each end present or not.
type period struct {
	start, end         span
	hasStart, hasEnd   bool
	startNode, endNode node
}

func (n node) period() period {
	n.only("start", "end")
	p := period{startNode: n.get("start"), endNode: n.get("end")}
	p.hasStart, p.hasEnd = p.startNode.present(), p.endNode.present()
	p.start, p.end = p.startNode.dateTime(), p.endNode.dateTime()
	// Read as it stands, a denial of such a period would deny nothing.
	if n.doc.err == nil && p.hasStart && p.hasEnd && p.end.to.Before(p.start.from) {
		n.fail(ErrValue, "it ends before it begins")
	}
	return p
}

// narrow is the period's shortest reading: it begins when the first day has
// begun everywhere, and ends when the last day ends anywhere. Bounds below
// consent.Unstated+1 are raised to it, as docs/spec.md §4.1 demands.
func (p period) narrow() (from, to consent.Time) {
	from, to = consent.Unstated, consent.MaxTime
	if p.hasStart {
		if !p.start.day {
			p.startNode.fail(ErrValue, "only a year or a month; a period needs its day")
		}
		at := p.start.from
		if p.start.from != p.start.to {
			at = p.start.from.Add(east).Add(west)
		}
		if at.Nanosecond() > 0 {
			at = at.Add(time.Second)
		}
		from = max(1, clamp(at))
	}
	if p.hasEnd {
		if !p.end.day {
			p.endNode.fail(ErrValue, "only a year or a month; a period needs its day")
		}
		at := p.end.to
		if p.end.from != p.end.to {
			at = p.end.to.Add(-west).Add(-east)
		}
		if at.Unix() < 1 {
			p.endNode.fail(ErrValue, "ends before 1970")
		}
		to = clamp(at)
	}
	return from, to
}

// wide is the period's longest reading, for what is denied.
func (p period) wide() (from, to consent.Time) {
	from, to = consent.Unstated, consent.MaxTime
	if p.hasStart {
		from = clamp(p.start.from)
	}
	if p.hasEnd {
		at := p.end.to
		if at.Nanosecond() > 0 {
			at = at.Add(time.Second)
		}
		to = clamp(at)
	}
	return from, to
}

func clamp(t time.Time) consent.Time {
	switch v := t.Unix(); {
	case v < 0:
		return 0
	case v > int64(consent.MaxTime):
		return consent.MaxTime
	default:
		return consent.Time(v)
	}
}
