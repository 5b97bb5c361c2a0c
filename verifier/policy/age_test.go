package policy

import (
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// ageOn counts birthdays, without any arithmetic on intervals.
func ageOn(birth, day time.Time) int {
	n := day.Year() - birth.Year()
	if day.Month() < birth.Month() || day.Month() == birth.Month() && day.Day() < birth.Day() {
		n--
	}
	return n
}

func TestAgesAreExactOnEveryDayAroundLeapDays(t *testing.T) {
	days := []string{"2024-02-28", "2024-02-29", "2024-03-01", "2025-02-28", "2025-03-01", "2026-11-21", "2000-02-29", "2100-02-28", "2100-03-01", "2024-12-31", "2025-01-01"}
	for _, on := range days {
		day, err := time.Parse(time.DateOnly, on)
		if err != nil {
			t.Fatal(err)
		}
		for _, bounds := range [][2]int{{0, 0}, {0, 1}, {1, 1}, {3, 4}, {4, 4}, {17, 18}, {18, 64}, {24, 24}, {99, 100}, {150, 150}} {
			lo, hi := bounds[0], bounds[1]
			b := builder{where: "age", slot: consent.Slot{Name: "birthDate", Type: consent.Date}}
			b.age(&age{Min: &lo, Max: &hi, On: on}, time.Time{})
			if b.err != nil {
				t.Fatal(b.err)
			}
			iv := b.set.Intervals[0]
			for birth := day.AddDate(-hi-2, 0, 0); !birth.After(day.AddDate(0, 0, 400)); birth = birth.AddDate(0, 0, 1) {
				n := ageOn(birth, day)
				v := dateValue(birth)
				if in := iv.Lo <= v && v <= iv.Hi; in != (lo <= n && n <= hi && !birth.After(day)) {
					t.Fatalf("born %s, on %s: %d years, but in the range of %d to %d: %v", birth.Format(time.DateOnly), on, n, lo, hi, in)
				}
				if birth.Before(day.AddDate(-lo+2, 0, 0)) && birth.After(day.AddDate(-hi+2, 0, 0)) && hi-lo > 4 {
					birth = birth.AddDate(0, 0, 29) // far from both ends
				}
			}
		}
	}
}

func TestOpenAges(t *testing.T) {
	eighteen := 18
	b := builder{where: "age", slot: consent.Slot{Type: consent.Date}}
	words := b.age(&age{Min: &eighteen}, time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC))
	born, err := consent.EncodeDate("2008-11-21")
	if err != nil || b.err != nil {
		t.Fatal(err, b.err)
	}
	if iv := b.set.Intervals[0]; iv.Lo != 0 || iv.Hi != born || words != "shows an age of at least 18 on 2026-11-21" {
		t.Errorf("%v, %s", iv, words)
	}
	b.age(&age{Max: &eighteen, On: "2026-11-21"}, time.Time{})
	first, _ := consent.EncodeDate("2007-11-22")
	last, _ := consent.EncodeDate("2026-11-21")
	if iv := b.set.Intervals[0]; iv.Lo != first || iv.Hi != last {
		t.Errorf("%v", iv)
	}
}
