package policy

import (
	"fmt"
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// maxAge bounds ages; nobody has been older than 122 years.
const maxAge = 150

// age turns a range of ages on a day into the range of birth dates. Somebody is
// n years old from the n-th birthday on; 29 February has its birthday on
// 1 March of years without that day.
func (b *builder) age(a *age, now time.Time) string {
	if b.slot.Type != consent.Date {
		return b.fail("slot %s holds no date", b.slot.Name)
	}
	if a.Min == nil && a.Max == nil {
		return b.fail("neither min nor max is named")
	}
	on := a.On
	if on == "" {
		on = now.UTC().Format(time.DateOnly)
	}
	day, err := time.Parse(time.DateOnly, on)
	if err != nil || day.Year() <= maxAge+1 {
		return b.fail("on: %q is not a day of the form YYYY-MM-DD", on)
	}
	for _, n := range []*int{a.Min, a.Max} {
		if n != nil && (*n < 0 || *n > maxAge) {
			return b.fail("an age of %d, allowed are 0 to %d", *n, maxAge)
		}
	}
	if a.Min != nil && a.Max != nil && *a.Min > *a.Max {
		return b.fail("min is above max")
	}
	least := 0
	if a.Min != nil {
		least = *a.Min
	}
	iv := consent.Interval{Hi: dateValue(lastBirth(day, least))}
	if a.Max != nil {
		iv.Lo = dateValue(lastBirth(day, *a.Max+1)) + 1
	}
	b.set.Intervals = []consent.Interval{iv}
	switch {
	case a.Max == nil:
		return fmt.Sprintf("shows an age of at least %d on %s", *a.Min, on)
	case a.Min == nil:
		return fmt.Sprintf("shows an age of at most %d on %s", *a.Max, on)
	}
	return fmt.Sprintf("shows an age of %d to %d on %s", *a.Min, *a.Max, on)
}

// lastBirth is the latest birth date of somebody who is at least n on a day.
func lastBirth(day time.Time, n int) time.Time {
	y, m, d := day.Date()
	birth := time.Date(y-n, m, d, 0, 0, 0, 0, time.UTC)
	if birth.Month() != m { // 29 February, n years before a leap year
		birth = time.Date(y-n, m+1, 0, 0, 0, 0, 0, time.UTC)
	}
	return birth
}

func dateValue(day time.Time) uint64 { return consent.EncodeInteger(day.Unix() / secondsOfDay) }
