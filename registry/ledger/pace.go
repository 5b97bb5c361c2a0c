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
// Blocks bear the time of the majority's clocks. A member whose own clock is
// fast never sees one of its now; when several blocks in a row have come no
// nearer, it stops hurrying, lest it fill everybody's disk with empty blocks.
//
// The interval is read by the consensus goroutine alone, which is the one that
// calls Commit and so block.
type pace struct {
	config    *config.ConsensusConfig
	heartbeat time.Duration
	board     *board
	last      time.Duration // age of the block before
	futile    int
}

func newPace(c *config.ConsensusConfig, g *directory.Genesis, b *board) *pace {
	p := &pace{config: c, heartbeat: time.Duration(g.Directory.Parameters.Heartbeat) * time.Second, board: b}
	p.reset()
	return p
}

// reset is for before the first block.
func (p *pace) reset() {
	p.config.CreateEmptyBlocksInterval = catchUpInterval
	p.last, p.futile = math.MaxInt64, 0
}

// block hears the time of a block that was committed just now, and the
// heartbeat, which a decision of the stewards may have changed in it.
func (p *pace) block(at time.Time, heartbeat time.Duration) {
	p.heartbeat = heartbeat
	age := time.Since(at)
	p.futile++
	if age < p.last-nearer {
		p.futile = 0
	}
	p.last = age
	p.config.CreateEmptyBlocksInterval = p.heartbeat
	switch {
	case age <= p.heartbeat:
		p.board.arrive()
	case p.futile < maxFutile:
		p.config.CreateEmptyBlocksInterval = catchUpInterval
	}
}
