package identity

import (
	"fmt"
	"testing"
	"time"
)

func TestACallerWaitsForItsOwnCalls(t *testing.T) {
	l, now := newLimits(Rate{PerSecond: 10, Burst: 20}), time.Unix(1e9, 0)
	if wait := l.take("a", 20, now); wait != 0 {
		t.Fatalf("a full bucket: wait %v", wait)
	}
	for range 100 { // what was refused counts nothing
		if wait := l.take("a", 5, now); wait != 500*time.Millisecond {
			t.Fatalf("an empty bucket: wait %v", wait)
		}
	}
	if wait := l.take("b", 20, now); wait != 0 {
		t.Errorf("another caller: wait %v", wait)
	}
	if wait := l.take("a", 5, now.Add(500*time.Millisecond)); wait != 0 {
		t.Errorf("after the while that was named: wait %v", wait)
	}
	if wait := l.take("a", 21, now.Add(time.Hour)); wait == 0 {
		t.Error("more than the bucket holds was let through")
	}
}

func TestFailuresAreCharged(t *testing.T) {
	l, now := newLimits(Rate{PerSecond: 1, Burst: 25}), time.Unix(1e9, 0)
	for n := range 3 {
		if wait := l.empty("a", now); wait != 0 {
			t.Fatalf("after %d failures: wait %v", n, wait)
		}
		l.charge("a", failedWeight, now)
	}
	if wait := l.empty("a", now); wait != time.Second {
		t.Errorf("after three failures: wait %v", wait)
	}
	if wait := l.empty("b", now); wait != 0 || len(l.buckets) != 1 {
		t.Errorf("who did nothing: wait %v, %d buckets", wait, len(l.buckets))
	}
}

func TestARateBelowZeroBoundsNothing(t *testing.T) {
	l := newLimits(Rate{PerSecond: -1})
	l.charge("a", 1<<20, time.Now())
	if l.take("a", 1<<20, time.Now()) != 0 || l.empty("a", time.Now()) != 0 {
		t.Error("it bounds")
	}
}

// TestAttack_ForgottenRate: whoever has used up a rate does not get a new one by
// pushing itself out of the table, and the table does not grow.
func TestAttack_ForgottenRate(t *testing.T) {
	l, now := newLimits(Rate{PerSecond: 1, Burst: 100}), time.Unix(1e9, 0)
	if l.take("attacker", 100, now) != 0 {
		t.Fatal("the first call waits")
	}
	for i := range 3 * maxBuckets {
		l.take(fmt.Sprint("helper ", i), 1, now)
		if i%1000 == 0 {
			now = now.Add(10 * time.Millisecond)
		}
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d buckets", len(l.buckets))
	}
	if l.take("attacker", 100, now) == 0 {
		t.Error("the attacker's bucket was forgotten")
	}
	// Those who came too late share one bucket, which is bounded as well.
	if l.take("late", 100, now) == 0 && l.take("later", 100, now) == 0 {
		t.Error("without a place there is no bound")
	}
	// Full buckets make room.
	now = now.Add(2 * time.Minute)
	if l.take("new", 100, now) != 0 {
		t.Error("no bucket became free")
	}
	if len(l.buckets) != 1 {
		t.Errorf("%d buckets are kept", len(l.buckets))
	}
}

func TestWeights(t *testing.T) {
	table := Table()
	for method := range weights() {
		if len(table[method]) == 0 {
			t.Errorf("%s has a weight and does not exist", method)
		}
	}
	if Weight(prover+"Prove") <= Weight(registry+"GetLog") || Weight("/unknown") != 1 {
		t.Error("a proof costs no more than a page of a log")
	}
}
