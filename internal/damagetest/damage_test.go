package damagetest

import (
	"strings"
	"testing"
)

// probe is a TB that counts failures.
type probe struct {
	testing.TB
	failed []string
}

func (p *probe) Helper()                        {}
func (p *probe) Errorf(format string, _ ...any) { p.failed = append(p.failed, format) }

var kept []byte

func TestCountsWhatBecomesOfDamage(t *testing.T) {
	p := &probe{TB: t}
	var tally Tally
	tally.Flip(p, []byte{0, 0}, 1, func(bit int, damaged []byte) string {
		switch {
		case bit == 3 && damaged[0] != 0x10, bit == 8 && damaged[1] != 0x80:
			t.Errorf("bit %d flipped is %x", bit, damaged)
		case bit == 3:
			return ""
		case bit == 5:
			panic("bit 5")
		case bit == 7:
			kept = make([]byte, MiB)
		}
		return "refused"
	})
	if tally.Tried != 16 || tally.Accepted != 1 || tally.Panics != 1 || tally.Reasons["refused"] != 14 || len(p.failed) != 2 {
		t.Errorf("%+v, failures %q", tally, p.failed)
	}
	if tally.Dearest < MiB || tally.Dearest > MiB+MiB/2 {
		t.Errorf("a call that took a mebibyte is counted as %d bytes", tally.Dearest)
	}
	if s := tally.String(); !strings.Contains(s, "refused 14") {
		t.Error(s)
	}
	sampled := Tally{}
	if sampled.Flip(p, make([]byte, 4), 17, func(int, []byte) string { return "refused" }); sampled.Tried != 2 {
		t.Errorf("%d of 32 bits with step 17", sampled.Tried)
	}
}
