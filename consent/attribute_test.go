package consent_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"pgregory.net/rapid"
)

func TestEncodingVectors(t *testing.T) {
	slot := func(ty consent.Type) consent.Slot { return consent.Slot{Name: "s", Type: ty} }
	fold := slot(consent.Code)
	fold.Fold = true
	for _, c := range []struct {
		slot  consent.Slot
		value string
		want  uint64
		shown string
	}{
		{slot(consent.Integer), "0", 1 << 63, "0"},
		{slot(consent.Integer), "-1", 1<<63 - 1, "-1"},
		{slot(consent.Integer), "9223372036854775807", math.MaxUint64, "9223372036854775807"},
		{slot(consent.Integer), "-9223372036854775808", 0, "-9223372036854775808"},
		{slot(consent.Decimal), "6.5", 1<<63 + 6500000, "6.5"},
		{slot(consent.Decimal), "-0.000001", 1<<63 - 1, "-0.000001"},
		{slot(consent.Decimal), "-0", 1 << 63, "0"},
		{slot(consent.Decimal), "9223372036854.775807", math.MaxUint64, "9223372036854.775807"},
		{slot(consent.Date), "1970-01-01", 1 << 63, "1970-01-01"},
		{slot(consent.Date), "1969-12-31", 1<<63 - 1, "1969-12-31"},
		{slot(consent.Date), "2000-02-29", 1<<63 + 11016, "2000-02-29"},
		{slot(consent.Date), "0001-01-01", 1<<63 - 719162, "0001-01-01"},
		{slot(consent.Date), "9999-12-31", 1<<63 + 2932896, "9999-12-31"},
		{slot(consent.Instant), "1970-01-01T01:00:00+01:00", 1 << 63, "1970-01-01T00:00:00Z"},
		{slot(consent.Code), "E11", 6312951808000000000, "E11"},
		{slot(consent.Code), "////////////", 16777215999999999999, "////////////"},
		{fold, "us-ma", 0, "US-MA"},
		{slot(consent.ID), "39065001", 39065001, "39065001"},
		{slot(consent.ID), "18446744073709551615", math.MaxUint64, "18446744073709551615"},
		{slot(consent.Text), "abc", 0xba7816bf8f01cfea, "text:ba7816bf8f01cfea"},
	} {
		a, err := c.slot.Encode(c.value)
		if err != nil || !a.Present {
			t.Errorf("%s %q: %v", c.slot.Type, c.value, err)
			continue
		}
		if c.want != 0 && a.Value != c.want {
			t.Errorf("%s %q: %d, want %d", c.slot.Type, c.value, a.Value, c.want)
		}
		if got, err := c.slot.Decode(a.Value); err != nil || got != c.shown {
			t.Errorf("%s %q reads back as %q, %v", c.slot.Type, c.value, got, err)
		}
	}
}

func TestRefusesValues(t *testing.T) {
	for _, c := range []struct {
		ty     consent.Type
		value  string
		reason string
	}{
		{consent.Integer, "", "whole number"},
		{consent.Integer, "01", "whole number"},
		{consent.Integer, "-0", "whole number"},
		{consent.Integer, "+1", "whole number"},
		{consent.Integer, "9223372036854775808", "beyond"},
		{consent.Decimal, "1.0000001", "six places"},
		{consent.Decimal, "66.89999999999999", "six places"},
		{consent.Decimal, "1e3", "exponents"},
		{consent.Decimal, ".5", "form"},
		{consent.Decimal, "5.", "form"},
		{consent.Decimal, "--5", "form"},
		{consent.Decimal, "05", "leading zero"},
		{consent.Decimal, "9223372036854.775808", "beyond"},
		{consent.Decimal, "99999999999999999999", "beyond"},
		{consent.Date, "1962", "civil date"},
		{consent.Date, "1962-04", "civil date"},
		{consent.Date, "1962-02-29", "civil date"},
		{consent.Date, "0000-01-01", "civil date"},
		{consent.Date, "10000-01-01", "civil date"},
		{consent.Date, "1962-1-1", "civil date"},
		{consent.Date, "1962-01-01T00:00:00Z", "civil date"},
		{consent.Instant, "2026-01-01", "form"},
		{consent.Code, "", "1 to 12"},
		{consent.Code, "ABCDEFGHIJKLM", "1 to 12"},
		{consent.Code, "e11", "character 1"},
		{consent.Code, " E11", "space"},
		{consent.Code, "E11 ", "space"},
		{consent.Code, "E11_9", "character 4"},
		{consent.Code, "É11", "character 1"},
		{consent.ID, "", "digits"},
		{consent.ID, "007", "digits"},
		{consent.ID, "-7", "digits"},
		{consent.ID, "18446744073709551616", "beyond"},
		{consent.Text, "", "empty"},
		{consent.Text, "\xff", "UTF-8"},
		{consent.Type(0), "1", "unknown type"},
	} {
		_, err := consent.Slot{Name: "s", Type: c.ty}.Encode(c.value)
		if !errors.Is(err, consent.ErrAttribute) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s %q: %v, want %q", c.ty, c.value, err, c.reason)
		} else if len(c.value) > 3 && strings.Contains(err.Error(), c.value) {
			t.Errorf("%s: the error quotes the value: %v", c.ty, err)
		}
	}
}

func TestPartialDates(t *testing.T) {
	for _, c := range []struct {
		value string
		how   consent.Precision
		want  string // empty: refused
		used  bool
	}{
		{"1962", consent.Exact, "", false},
		{"1962-02", consent.Exact, "", false},
		{"1962", consent.Youngest, "1962-12-31", true},
		{"1962", consent.Oldest, "1962-01-01", true},
		{"1964-02", consent.Youngest, "1964-02-29", true},
		{"1964-12", consent.Youngest, "1964-12-31", true},
		{"1964-02", consent.Oldest, "1964-02-01", true},
		{"1964-02-03", consent.Youngest, "1964-02-03", false},
		{"9999", consent.Youngest, "9999-12-31", true},
		{"1962-13", consent.Youngest, "", false},
		{"0000", consent.Youngest, "", false},
		{"62", consent.Youngest, "", false},
		{"+962", consent.Youngest, "", false},
	} {
		v, used, err := consent.EncodePartialDate(c.value, c.how)
		if c.want == "" {
			if !errors.Is(err, consent.ErrAttribute) {
				t.Errorf("%q: %v", c.value, err)
			}
			continue
		}
		got, derr := consent.DecodeDate(v)
		if err != nil || derr != nil || got != c.want || used != c.used {
			t.Errorf("%q: %s, %v, %v, %v", c.value, got, used, err, derr)
		}
	}
}

func TestCodePrefixIsOneInterval(t *testing.T) {
	lo, hi, err := consent.CodePrefix("E11")
	if err != nil {
		t.Fatal(err)
	}
	for code, inside := range map[string]bool{
		"E11": true, "E11.9": true, "E119": true, "E11.65": true, "E11/////////": true, "E11 X": true,
		"E10": false, "E12": false, "E1": false, "E10.9": false, "F11": false, "E": false,
	} {
		v, err := consent.EncodeCode(code, false)
		if err != nil {
			t.Fatal(err)
		}
		if (lo <= v && v <= hi) != inside {
			t.Errorf("%s in E11*: %v", code, !inside)
		}
	}
	if _, _, err := consent.CodePrefix(""); err == nil {
		t.Error("an empty prefix is every code")
	}
}

func TestOrderIsPreserved(t *testing.T) {
	code := rapid.StringMatching(`[0-9A-Z./-][0-9A-Z./ -]{0,10}[0-9A-Z./-]`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		if (a < b) != (consent.EncodeInteger(a) < consent.EncodeInteger(b)) || consent.DecodeInteger(consent.EncodeInteger(a)) != a {
			t.Fatal("integers")
		}
		x, y := consent.DecodeDecimal(consent.EncodeInteger(a)), consent.DecodeDecimal(consent.EncodeInteger(b))
		ex, errX := consent.EncodeDecimal(x)
		ey, errY := consent.EncodeDecimal(y)
		if errX != nil || errY != nil || ex != consent.EncodeInteger(a) || (a < b) != (ex < ey) {
			t.Fatalf("decimals %s %s: %v %v", x, y, errX, errY)
		}
		day := rapid.Int64Range(-719162, 2932896)
		d, e := day.Draw(t, "d"), day.Draw(t, "e")
		ds, _ := consent.DecodeDate(consent.EncodeInteger(d))
		es, _ := consent.DecodeDate(consent.EncodeInteger(e))
		dv, errD := consent.EncodeDate(ds)
		ev, errE := consent.EncodeDate(es)
		if errD != nil || errE != nil || (ds < es) != (dv < ev) || dv != consent.EncodeInteger(d) {
			t.Fatalf("dates %s %s", ds, es)
		}
		c, f := code.Draw(t, "c"), code.Draw(t, "f")
		cv, errC := consent.EncodeCode(c, false)
		fv, errF := consent.EncodeCode(f, false)
		if errC != nil || errF != nil {
			t.Fatalf("codes %q %q: %v %v", c, f, errC, errF)
		}
		if (c == f) != (cv == fv) {
			t.Fatalf("codes %q and %q share %d", c, f, cv)
		}
		if got, err := consent.DecodeCode(cv); err != nil || got != c {
			t.Fatalf("code %q became %q, %v", c, got, err)
		}
		lo, hi, err := consent.CodePrefix(c)
		if err != nil || (lo <= fv && fv <= hi) != strings.HasPrefix(f, c) {
			t.Fatalf("prefix %q of %q: %v", c, f, err)
		}
	})
}

func TestInstantsKeepSeconds(t *testing.T) {
	at := time.Date(1969, 12, 31, 23, 59, 59, 5e8, time.UTC)
	if got := consent.DecodeInstant(consent.EncodeInstant(at)); !got.Equal(at.Truncate(time.Second)) {
		t.Errorf("%v", got)
	}
}

func FuzzAttributes(f *testing.F) {
	for _, s := range []string{"0", "-12.5", "2026-01-31", "E11.9", "39065001", "abc", "1e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for ty := consent.Integer; ty <= consent.Text; ty++ {
			s := consent.Slot{Name: "s", Type: ty}
			a, err := s.Encode(value)
			if err != nil || ty == consent.Text {
				continue
			}
			shown, err := s.Decode(a.Value)
			if err != nil {
				t.Fatalf("%s %q: %v", ty, value, err)
			}
			if again, err := s.Encode(shown); err != nil || again != a {
				t.Fatalf("%s %q became %q: %v", ty, value, shown, err)
			}
		}
	})
}

// FuzzPartialDate: the two readings of a date enclose it, and a full date has
// one.
func FuzzPartialDate(f *testing.F) {
	for _, s := range []string{"1980", "1980-02", "2024-02-29", "0001", "9999-12", "2023-02-29", "1980-2", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		oldest, read, err := consent.EncodePartialDate(s, consent.Oldest)
		youngest, again, err2 := consent.EncodePartialDate(s, consent.Youngest)
		if (err == nil) != (err2 == nil) || read != again {
			t.Fatalf("%q: %v and %v", s, err, err2)
		}
		exact, _, err3 := consent.EncodePartialDate(s, consent.Exact)
		if err != nil {
			if !errors.Is(err, consent.ErrAttribute) || err3 == nil {
				t.Fatalf("%q: %v, exactly %v", s, err, err3)
			}
			return
		}
		if oldest > youngest || read == (err3 == nil) || err3 == nil && (oldest != exact || youngest != exact) {
			t.Fatalf("%q is from %d to %d, exactly %d, %v", s, oldest, youngest, exact, err3)
		}
	})
}

// FuzzCodePrefix: a code lies in the intervals of its prefixes.
func FuzzCodePrefix(f *testing.F) {
	for _, s := range []string{"E11", "E11.9", "A B", "", " ", "e11", "ABCDEFGHIJKLM", "Z/-."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		lo, hi, err := consent.CodePrefix(s)
		if err != nil {
			if !errors.Is(err, consent.ErrAttribute) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if lo > hi {
			t.Fatalf("%q is from %d to %d", s, lo, hi)
		}
		code, err := consent.EncodeCode(s, false)
		if err != nil || code < lo || hi < code {
			t.Fatalf("%q: %d is not from %d to %d, %v", s, code, lo, hi, err)
		}
	})
}
