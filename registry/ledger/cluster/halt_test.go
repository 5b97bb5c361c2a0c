package cluster_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

const (
	headAge  = 6                // seconds, the ledger's maxHeadAge in these tests
	settling = 3 * time.Second  // for a block that had its votes when the members went
	halted   = 10 * time.Second // for which no block may come
)

// TestFault_TwoMembersAway takes two of four members away: killed, and cut off
// together from the other two. Nobody makes a block, and clients come to no
// decision once their head is too old. When the two are back, the chain goes
// on with all that was acknowledged, and never was there another one.
func TestFault_TwoMembersAway(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute")
	}
	c := newCluster(t, 4, func(g *directory.Genesis) { g.Directory.Parameters.MaxHeadAge = headAge })
	a := newTally()
	stop := c.load(a)
	defer stop()
	c.advance(3, keepsOn, c.all()...)
	faults := []struct {
		fault      string
		away, back func()
		left       []int // members that are watched meanwhile
	}{
		{"two of four killed", func() { c.members[2].signal(syscall.SIGKILL); c.members[3].end(syscall.SIGKILL) },
			func() { c.members[2].start(); c.members[3].start() }, []int{0, 1}},
		{"two of four cut off from two", func() { c.part(0, 1) }, c.heal, c.all()},
	}
	type row struct {
		blocks       int
		halt, resume time.Duration
	}
	var rows []row
	for _, f := range faults {
		var watching []*light.Client
		for _, i := range f.left {
			watching = append(watching, c.reader(i))
		}
		f.away()
		began := time.Now()
		time.Sleep(settling)
		height := map[int]uint64{}
		for _, i := range f.left {
			height[i] = c.witness.of(i)
		}
		time.Sleep(halted)
		var r row
		for k, i := range f.left {
			r.blocks += int(c.witness.of(i) - height[i])
			if err := watching[k].Fresh(); !errors.Is(err, light.StaleHead) {
				t.Errorf("%s: a client of %v decides by a head of before: %v", f.fault, c.members[i], err)
			}
			l, err := light.Open(light.Config{Genesis: c.genesis, Source: c.members[i]})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Sync(within(t, time.Second)); err == nil {
				t.Errorf("%s: a new client of %v has a head to decide by", f.fault, c.members[i])
			}
		}
		if r.blocks != 0 {
			t.Errorf("%s: %d blocks without two thirds of the power", f.fault, r.blocks)
		}
		f.back()
		r.resume = c.advance(1, catchUp, c.all()...)
		r.halt = time.Since(began)
		rows = append(rows, r)
		if err := freshen(watching[0], catchUp); err != nil {
			t.Errorf("%s: afterwards: %v", f.fault, err)
		}
	}
	before := a.count()
	c.advance(3, keepsOn, c.all()...)
	stop()
	if a.count() == before {
		t.Error("nothing was acknowledged afterwards")
	}
	found := c.audit(a)
	t.Logf("%d transactions acknowledged; %d heads and %d blocks of two members compared", a.count(), found.heads, found.blocks)
	for i, r := range rows {
		faulttest.Row(t, faults[i].fault, 1, faulttest.Count{Outcome: "blocks meanwhile", N: r.blocks}, faulttest.Count{Outcome: "forks", N: found.forks},
			faulttest.Count{Outcome: "lost", N: found.lost}, faulttest.Count{Outcome: "s halted", N: seconds(r.halt)}, faulttest.Count{Outcome: "s until it went on", N: seconds(r.resume)})
	}
}

// reader is a light client of a member, with a verified and fresh head.
func (c *cluster) reader(i int) *light.Client {
	c.t.Helper()
	l, err := light.Open(light.Config{Genesis: c.genesis, Source: c.members[i]})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := freshen(l, catchUp); err != nil {
		c.t.Fatal(err)
	}
	return l
}

// freshen synchronises until the head is fresh. The first blocks after a halt
// bear the time of votes from before.
func freshen(l *light.Client, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for {
		err := l.Sync(ctx)
		if !errors.Is(err, light.StaleHead) || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}
