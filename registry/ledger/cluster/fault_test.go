package cluster_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/internal/faulttest"
)

// Bounds of time, far above what a member needs on an idle machine.
const (
	keepsOn  = 30 * time.Second // until three of four have made some blocks
	catchUp  = 60 * time.Second // until a member that was away shows their head
	someTime = 2 * time.Second  // of writing, between two faults
)

// A breakage takes one member away from the others and brings it back.
type breakage struct {
	fault string
	away  func(c *cluster, i int)
	gone  time.Duration // for which it stays away
	back  func(c *cluster, i int)
}

func breakages() []breakage {
	return []breakage{
		{"member of four killed -9 under load", func(c *cluster, i int) { c.members[i].end(syscall.SIGKILL) }, time.Second, func(c *cluster, i int) { c.members[i].start() }},
		{"member of four paused under load", func(c *cluster, i int) { c.members[i].signal(syscall.SIGSTOP) }, 6 * time.Second, func(c *cluster, i int) { c.members[i].signal(syscall.SIGCONT) }},
		{"member of four cut off under load", func(c *cluster, i int) { c.part(i) }, 8 * time.Second, func(c *cluster, i int) { c.heal() }},
	}
}

// TestFault_OneMemberAway kills, pauses and cuts off one of four members while
// clients write through all of them, and at last restarts all of them in turn.
// The chain goes on meanwhile, the member catches up, nothing that was
// acknowledged is missing at any member, and no two contradict each other.
func TestFault_OneMemberAway(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes")
	}
	rounds := faulttest.Rounds(1, 1, 2)
	c := newCluster(t, 4)
	a := newTally()
	stop := c.load(a)
	defer stop()
	c.advance(3, keepsOn, c.all()...)
	type row struct {
		fault                string
		rounds, acknowledged int
		silent, back         time.Duration
	}
	var rows []row
	victim := 0
	for _, b := range breakages() {
		r := row{fault: b.fault, rounds: rounds}
		before := a.count()
		for range rounds {
			time.Sleep(someTime)
			a.silence()
			b.away(c, victim)
			began := time.Now()
			c.advance(3, keepsOn, c.others(victim)...)
			time.Sleep(b.gone - time.Since(began))
			b.back(c, victim)
			r.back = max(r.back, c.advance(0, catchUp, victim))
			r.silent = max(r.silent, a.silence())
			victim = (victim + 1) % len(c.members)
		}
		r.acknowledged = a.count() - before
		rows = append(rows, r)
	}
	r, before := row{fault: "all four restarted in turn under load", rounds: len(c.members)}, a.count()
	a.silence()
	for i, m := range c.members {
		m.end(syscall.SIGTERM)
		m.start()
		r.back = max(r.back, c.advance(1, catchUp, i))
	}
	r.acknowledged, r.silent = a.count()-before, a.silence()
	rows = append(rows, r)
	stop()
	f := c.audit(a)
	t.Logf("%d transactions acknowledged, %d sent again to another member; %d heads and %d blocks of two members compared", a.count(), a.retried, f.heads, f.blocks)
	for _, r := range rows {
		if r.acknowledged == 0 {
			t.Errorf("%s: nothing was acknowledged", r.fault)
		}
		faulttest.Row(t, r.fault, r.rounds,
			faulttest.Count{Outcome: "acknowledged", N: r.acknowledged}, faulttest.Count{Outcome: "lost", N: f.lost}, faulttest.Count{Outcome: "forks", N: f.forks},
			faulttest.Count{Outcome: "s at most without an answer", N: seconds(r.silent)}, faulttest.Count{Outcome: "s until it kept up", N: seconds(r.back)})
	}
}

// TestFault_MemberKilled is the short form: one kill under load.
func TestFault_MemberKilled(t *testing.T) {
	c := newCluster(t, 4)
	a := newTally()
	stop := c.load(a)
	defer stop()
	c.advance(2, keepsOn, c.all()...)
	a.silence()
	c.members[3].end(syscall.SIGKILL)
	c.advance(1, keepsOn, 0, 1, 2)
	c.members[3].start()
	back := c.advance(0, catchUp, 3)
	silent := a.silence()
	stop()
	f := c.audit(a)
	if a.count() == 0 {
		t.Error("nothing was acknowledged: the test shows nothing")
	}
	faulttest.Row(t, "member of four killed -9, once", 1,
		faulttest.Count{Outcome: "acknowledged", N: a.count()}, faulttest.Count{Outcome: "lost", N: f.lost}, faulttest.Count{Outcome: "forks", N: f.forks},
		faulttest.Count{Outcome: "s at most without an answer", N: seconds(silent)}, faulttest.Count{Outcome: "s until it kept up", N: seconds(back)})
}

// seconds rounds up: what took less than a second took one.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
