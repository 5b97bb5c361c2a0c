package wallet

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
)

// The limits from which on a wallet warns.
const (
	smallCrowd   = 1000 // leaves of all trusted issuers together
	highAge      = 90   // years: from here on an age alone singles people out
	narrowNumber = 5    // width of a range of numbers
	narrowDays   = 31   // width of a range of days
	fewCodes     = 3    // codes in a set
	narrowCode   = 40   // width of a range of codes in which all but the last character is fixed
	longStanding = 90   // days for which the answer may be relied upon
	oftenAsked   = 3    // earlier answers to the same verifier in a month
	clockOff     = 90   // seconds between the request's clock and the wallet's
	month        = 30 * 86400
)

// The codes of warnings.
const (
	WarnOneIssuer  = "one-issuer"
	WarnSmallCrowd = "small-crowd"
	WarnSingles    = "singles-out"
	WarnSensitive  = "sensitive"
	WarnFirst      = "first-request"
	WarnOften      = "often"
	WarnLong       = "long"
	WarnClock      = "clock"
)

func (v *Review) add(code, format string, args ...any) {
	v.Warnings = append(v.Warnings, Warning{code, fmt.Sprintf(format, args...)})
}

func (v *Review) warn(q *consent.Request, s *consent.Schema, live uint64, past []Disclosure, now time.Time) {
	v.Warnings = []Warning{}
	if v.PastRequests == 0 {
		v.add(WarnFirst, "You have not answered %s before.", v.Verifier)
	}
	if len(q.Trust.Authorities) == 1 {
		v.add(WarnOneIssuer, "The answer shows that you are known to %s: no other is accepted.", v.Trusted[0])
	}
	if live < smallCrowd {
		v.add(WarnSmallCrowd, "So few records stand behind this answer that it says more about you: %d, and yours is one of them.", live)
	}
	if c := q.Categories & codes.Sensitivities; c != 0 {
		v.add(WarnSensitive, "It concerns what the law protects specially: %s.", strings.Join(c.Describe(), ", "))
	}
	if days := uint64(q.Until-q.Issued) / 86400; days > longStanding {
		v.add(WarnLong, "The answer may be relied upon for %d days.", days)
	}
	if off := now.Unix() - int64(q.Issued); off > clockOff || off < -clockOff {
		v.add(WarnClock, "The request's clock and yours are %d seconds apart, or it has waited that long.", max(off, -off))
	}
	recent := 0
	for _, h := range past {
		if h.Signer.Equal(&q.Signer) && !h.Circuit.Enrols() && int64(h.At) > now.Unix()-month {
			recent++
		}
	}
	if recent >= oftenAsked {
		v.add(WarnOften, "%s was answered %d times in the last 30 days. Answers add up.", v.Verifier, recent)
	}
	if s == nil {
		return
	}
	for i, r := range q.Ranges {
		// Under the rule once the validator fixes range 0, and it holds for
		// everybody who was enrolled in time.
		if unusedRange(r.Range) || i == 0 && q.Rule == consent.Once {
			continue
		}
		if reason := singles(s, r.Mask, consent.Interval{Lo: r.Lo, Hi: r.Hi}, q.Issued); reason != "" {
			v.add(WarnSingles, "%q %s.", r.Label, reason)
		}
	}
	for _, t := range q.Sets {
		if unusedSet(t.Mask, t.Set.Intervals) {
			continue
		}
		if single, n := points(t.Set.Intervals); single && n <= fewCodes {
			v.add(WarnSingles, "%q tells one of %d exact values.", t.Label, n)
			continue
		}
		for _, in := range t.Set.Intervals {
			if reason := singles(s, t.Mask, in, q.Issued); reason != "" && len(t.Set.Intervals) <= fewCodes {
				v.add(WarnSingles, "%q %s.", t.Label, reason)
				break
			}
		}
	}
}

// points reports a set of single values, and their number.
func points(in []consent.Interval) (bool, int) {
	for _, i := range in {
		if i.Lo != i.Hi {
			return false, 0
		}
	}
	return true, len(in)
}

// singles says why an interval would leave few people, or "".
func singles(s *consent.Schema, mask uint16, in consent.Interval, now consent.Time) string {
	if in.Lo == in.Hi {
		return "asks for one exact value"
	}
	for i := range consent.Slots {
		slot, ok := s.Slot(i)
		if !ok || mask>>i&1 == 0 {
			continue
		}
		width := in.Hi - in.Lo
		bounded := in.Lo != 0 && in.Hi != math.MaxUint64
		name := strings.ToLower(slot.Name)
		switch slot.Type {
		case consent.Integer:
			if bounded && width < narrowNumber {
				return fmt.Sprintf("asks for a range of %d numbers", width+1)
			}
			if strings.Contains(name, "age") && in.Lo >= consent.EncodeInteger(highAge) {
				return fmt.Sprintf("asks for an age of %d or more", highAge)
			}
		case consent.Date:
			if bounded && width < narrowDays {
				return fmt.Sprintf("asks for a range of %d days", width+1)
			}
			if strings.Contains(name, "birth") && in.Hi <= consent.DayValue(uint64(now)/86400)-highAge*365 {
				return fmt.Sprintf("asks for an age of about %d or more", highAge)
			}
		case consent.Code, consent.ID, consent.Text:
			if width < narrowCode {
				return "asks for one exact value, or a few"
			}
		case consent.Instant:
			if bounded && width < narrowDays*86400 {
				return "asks for a range of less than a month"
			}
		}
	}
	return ""
}
