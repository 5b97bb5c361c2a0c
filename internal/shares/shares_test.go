package shares_test

import (
	"testing"

	"github.com/zkconsent/zkconsent/internal/shares"
)

// TestAttack_EveryPlaceForOne: who takes places without end leaves some to
// others, and what is given back can be taken again.
func TestAttack_EveryPlaceForOne(t *testing.T) {
	p := shares.New(8, 2)
	take := func(who string, n int) (got int) {
		for range n {
			if p.Take(who) {
				got++
			}
		}
		return got
	}
	if got := take("a", 100); got != 2 {
		t.Errorf("one has %d", got)
	}
	if got := take("b", 1) + take("c", 2) + take("d", 2); got != 5 || p.Taken() != 7 {
		t.Errorf("others have %d", got)
	}
	if got := take("e", 2); got != 1 {
		t.Errorf("of the last, %d", got)
	}
	p.Give("a")
	if !p.Take("b") || p.Take("b") || p.Take("a") {
		t.Error("what is given back is one place, for who has fewer than a share")
	}
	for _, who := range []string{"a", "b", "b", "c", "c", "d", "d", "e"} {
		p.Give(who)
	}
	if p.Taken() != 0 {
		t.Errorf("%d are taken", p.Taken())
	}
}
