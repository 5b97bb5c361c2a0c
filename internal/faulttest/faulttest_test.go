package faulttest

import (
	"fmt"
	"testing"
)

// probe is a TB that keeps what it is told.
type probe struct {
	testing.TB
	said string
}

func (p *probe) Helper()                           {}
func (p *probe) Logf(format string, values ...any) { p.said = fmt.Sprintf(format, values...) }

func TestRowIsALineOfTheTable(t *testing.T) {
	p := &probe{}
	Row(p, "pulled plugs", 9, Count{"recovered", 8}, Count{"lost", 1})
	if want := "FAULT | pulled plugs | 9 | 8 recovered, 1 lost"; p.said != want {
		t.Errorf("%q, want %q", p.said, want)
	}
}

func TestRoundsFollowTheRun(t *testing.T) {
	t.Setenv(Full, "")
	if n := Rounds(1, 2, 3); testing.Short() && n != 1 || !testing.Short() && n != 2 {
		t.Errorf("%d rounds", n)
	}
	t.Setenv(Full, "1")
	if n := Rounds(1, 2, 3); n != 3 {
		t.Errorf("%d rounds at full length", n)
	}
}
