package consent

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrAttribute is what an [AttributeError] unwraps to.
var ErrAttribute = errors.New("value has no 64-bit form")

// An AttributeError says why a value has no order-preserving 64-bit form. It
// does not quote the value, which may be a patient's.
type AttributeError struct {
	Type   Type
	Reason string
}

func (e *AttributeError) Error() string { return fmt.Sprintf("%s: %s", e.Type, e.Reason) }

func (e *AttributeError) Unwrap() error { return ErrAttribute }

func refuse(t Type, reason string) error { return &AttributeError{Type: t, Reason: reason} }

// offset moves signed integers into the order of unsigned ones.
const offset = 1 << 63

// EncodeInteger maps a signed integer to v + 2^63, which keeps the order.
func EncodeInteger(v int64) uint64 { return uint64(v) ^ offset }

// DecodeInteger is the inverse of [EncodeInteger].
func DecodeInteger(v uint64) int64 { return int64(v ^ offset) }

// decimalPlaces is how many places behind the point a decimal keeps.
const decimalPlaces = 6

// EncodeDecimal maps a decimal such as "-12.5" to v·10^6 + 2^63. Exponents, more
// than six places and overflow are refused, never rounded: a rounded value could
// cross the limit that a request tests.
func EncodeDecimal(s string) (uint64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, places, point := strings.Cut(digits, ".")
	switch {
	case whole == "" || point && places == "" || !onlyDigits(whole) || !onlyDigits(places):
		return 0, refuse(Decimal, "not of the form -12.5 (exponents are not taken)")
	case len(whole) > 1 && whole[0] == '0':
		return 0, refuse(Decimal, "a leading zero")
	case len(places) > decimalPlaces:
		return 0, refuse(Decimal, "more than six places behind the point; round it first and say so")
	}
	scaled := whole + places + strings.Repeat("0", decimalPlaces-len(places))
	if negative {
		scaled = "-" + scaled
	}
	v, err := strconv.ParseInt(scaled, 10, 64)
	if err != nil {
		return 0, refuse(Decimal, "beyond ±9.2·10^12")
	}
	return EncodeInteger(v), nil
}

// DecodeDecimal writes the shortest form of an encoded decimal.
func DecodeDecimal(v uint64) string {
	signed := DecodeInteger(v)
	magnitude, sign := uint64(signed), ""
	if signed < 0 {
		magnitude, sign = -uint64(signed), "-"
	}
	s := fmt.Sprintf("%s%d.%06d", sign, magnitude/1e6, magnitude%1e6)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// EncodeDate maps a civil date YYYY-MM-DD to its days since 1970 + 2^63.
func EncodeDate(s string) (uint64, error) {
	days, err := dayNumber(s)
	if err != nil {
		return 0, err
	}
	return EncodeInteger(days), nil
}

// DecodeDate is the inverse of [EncodeDate].
func DecodeDate(v uint64) (string, error) {
	days := DecodeInteger(v)
	if days < minDay || days > maxDay {
		return "", refuse(Date, "not in the years 1 to 9999")
	}
	return time.Unix(days*86400, 0).UTC().Format(time.DateOnly), nil
}

// The first day of year 1 and the last of year 9999.
const (
	minDay = -719162
	maxDay = 2932896
)

func dayNumber(s string) (int64, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || len(s) != len(time.DateOnly) || t.Year() < 1 {
		return 0, refuse(Date, "not a civil date of the form YYYY-MM-DD")
	}
	return t.Unix() / 86400, nil
}

// Precision says how a date without a day, or without a month, is read.
type Precision int

// The readings of an imprecise date. Neither is always the careful one: the
// youngest reading protects a test for "at least 65", the oldest one a test
// for "at most 17". So nothing is assumed.
const (
	Exact    Precision = iota // refuse it
	Youngest                  // the last day that it may mean
	Oldest                    // the first day that it may mean
)

// EncodePartialDate maps YYYY, YYYY-MM or YYYY-MM-DD, the first two by the
// given reading. The second result tells that the reading was needed.
func EncodePartialDate(s string, p Precision) (uint64, bool, error) {
	layout := ""
	switch len(s) {
	case len("2006"):
		layout = "2006"
	case len("2006-01"):
		layout = "2006-01"
	default:
		v, err := EncodeDate(s)
		return v, false, err
	}
	first, err := time.Parse(layout, s)
	if err != nil || first.Year() < 1 {
		return 0, false, refuse(Date, "not of the form YYYY, YYYY-MM or YYYY-MM-DD")
	}
	switch p {
	case Oldest:
		return EncodeInteger(first.Unix() / 86400), true, nil
	case Youngest:
		next := first.AddDate(0, 1, 0)
		if layout == "2006" {
			next = first.AddDate(1, 0, 0)
		}
		return EncodeInteger(next.Unix()/86400 - 1), true, nil
	}
	return 0, false, refuse(Date, "only a year or a month; state whether its youngest or its oldest reading is meant")
}

// EncodeInstant maps an instant to its seconds since 1970 + 2^63, rounded down.
func EncodeInstant(t time.Time) uint64 { return EncodeInteger(t.Unix()) }

// DecodeInstant is the inverse of [EncodeInstant] for whole seconds.
func DecodeInstant(v uint64) time.Time { return time.Unix(DecodeInteger(v), 0).UTC() }

// alphabet orders the characters of codes; the space is also the padding, so a
// prefix stands before all that it begins.
const (
	alphabet   = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-./"
	codeLength = 12
)

// EncodeCode maps a code of 1 to 12 characters of [space 0-9 A-Z - . /] to a
// number of twelve base-40 digits, left-aligned. Lower case is refused unless
// the code's system does not tell case apart (fold).
func EncodeCode(s string, fold bool) (uint64, error) {
	lo, _, err := codeInterval(s, fold)
	return lo, err
}

// CodePrefix returns the one interval of all codes that begin with s.
func CodePrefix(s string) (lo, hi uint64, err error) { return codeInterval(s, false) }

func codeInterval(s string, fold bool) (lo, hi uint64, err error) {
	if s == "" || len(s) > codeLength {
		return 0, 0, refuse(Code, "a code has 1 to 12 characters")
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' {
		return 0, 0, refuse(Code, "a space at its start or end")
	}
	for i := range codeLength {
		digit, last := uint64(0), uint64(len(alphabet)-1)
		if i < len(s) {
			c := s[i]
			if fold && 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			at := strings.IndexByte(alphabet, c)
			if at < 0 {
				return 0, 0, refuse(Code, fmt.Sprintf("character %d is not one of space, 0-9, A-Z, '-', '.', '/'", i+1))
			}
			digit, last = uint64(at), uint64(at)
		}
		base := uint64(len(alphabet))
		lo, hi = lo*base+digit, hi*base+last
	}
	return lo, hi, nil
}

// DecodeCode is the inverse of [EncodeCode].
func DecodeCode(v uint64) (string, error) {
	var b [codeLength]byte
	rest := v
	for i := codeLength - 1; i >= 0; i-- {
		b[i] = alphabet[rest%uint64(len(alphabet))]
		rest /= uint64(len(alphabet))
	}
	s := strings.TrimRight(string(b[:]), " ")
	if again, err := EncodeCode(s, false); err != nil || again != v {
		return "", refuse(Code, "not the form of a code")
	}
	return s, nil
}

// EncodeID maps an identifier of decimal digits (SNOMED CT, RxNorm) to itself.
func EncodeID(s string) (uint64, error) {
	if s == "" || !onlyDigits(s) || len(s) > 1 && s[0] == '0' {
		return 0, refuse(ID, "not decimal digits without a leading zero")
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, refuse(ID, "beyond 64 bits")
	}
	return v, nil
}

// EncodeText maps any other text to the first 64 bits of its SHA-256. The order
// means nothing: only equality and sets of texts can be tested.
func EncodeText(s string) (uint64, error) {
	if s == "" || !utf8.ValidString(s) || len(s) > math.MaxUint16 {
		return 0, refuse(Text, "empty, not UTF-8 or longer than 65535 bytes")
	}
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:8]), nil
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
