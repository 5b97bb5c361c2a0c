package ledger

import (
	"math"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/zkconsent/zkconsent/consent/directory"
)

const (
	catchUpInterval = time.Millisecond
	maxFutile       = 8                      // blocks in a row that came no nearer to now
	nearer          = 100 * time.Millisecond // what counts as coming nearer
)

// pace makes empty blocks one after the other until the newest one is of now,
// and every heartbeat from then on. A node that was off would otherwise show a
// stale head, which nobody may decide on, for a whole heartbeat.
//
// A block bears the time of the votes for the one before, so that on an idle
// ledger a good one is a heartbeat old when it is made, and twice that when the
// next one comes. Where clients would call that stale, two blocks are made each
// heartbeat.
//
// Blocks bear the time of the majority's clocks. A member whose own clock is
// fast never sees one of its now; when several blocks in a row have come no
// nearer, it stops hurrying, lest it fill everybody's disk with empty blocks.
//
// The interval is read by the consensus goroutine alone, which is the one that
// calls Commit and so block.
type pace struct {
	config *config.ConsensusConfig
	board  *board
	rhythm rhythm
	last   time.Duration // age of the block before
	futile int
}

// A rhythm is how often an idle ledger makes a block, and the age from which on
// a new one is of the past.
type rhythm struct{ heartbeat, old time.Duration }

// rhythmOf allows a block an age at which it is still fresh to clients when the
// next one comes: a heartbeat and a half, if that leaves them a heartbeat more.
func rhythmOf(p directory.Parameters) rhythm {
	beat, most := time.Duration(p.Heartbeat)*time.Second, time.Duration(p.MaxHeadAge)*time.Second
	r := rhythm{beat, beat}
	if most >= 3*beat {
		r.old += beat / 2
	}
	return r
}

func newPace(c *config.ConsensusConfig, g *directory.Genesis, b *board) *pace {
	p := &pace{config: c, rhythm: rhythmOf(g.Directory.Parameters), board: b}
	p.reset()
	return p
}

// reset is for before the first block.
func (p *pace) reset() {
	p.config.CreateEmptyBlocksInterval = catchUpInterval
	p.last, p.futile = math.MaxInt64, 0
}

// block hears the time of a block that was committed just now, and the rhythm,
// which a decision of the stewards may have changed in it.
func (p *pace) block(at time.Time, r rhythm) {
	p.rhythm = r
	age := time.Since(at)
	p.futile++
	if age < p.last-nearer {
		p.futile = 0
	}
	p.last = age
	p.config.CreateEmptyBlocksInterval = r.heartbeat
	switch {
	case age <= r.old:
		p.board.arrive()
	case p.futile < maxFutile:
		p.config.CreateEmptyBlocksInterval = catchUpInterval
	}
}
