package ledger

import (
	"testing"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/zkconsent/zkconsent/consent/directory"
)

var minute = rhythm{time.Minute, time.Minute}

func testPace() (*pace, *config.ConsensusConfig) {
	c := config.DefaultConsensusConfig()
	g := &directory.Genesis{}
	g.Directory.Parameters.Heartbeat, g.Directory.Parameters.MaxHeadAge = 60, 100
	return newPace(c, g, newBoard()), c
}

// TestAttack_FastClockMakesBlocksWithoutEnd has a member whose clock is hours
// ahead of the others'. All blocks look old to it, whatever it does.
func TestAttack_FastClockMakesBlocksWithoutEnd(t *testing.T) {
	p, c := testPace()
	hurried := 0
	for range 100 {
		p.block(time.Now().Add(-3*time.Hour), minute)
		if c.CreateEmptyBlocksInterval == catchUpInterval {
			hurried++
		}
	}
	if hurried == 0 || hurried > maxFutile {
		t.Errorf("%d empty blocks without a pause, want 1 to %d", hurried, maxFutile)
	}
	if p.board.present() {
		t.Error("a block of three hours ago counts as one of now")
	}
	// The clock is put right: a block of one heartbeat ago, then one of now.
	p.block(time.Now().Add(-61*time.Second), minute)
	if c.CreateEmptyBlocksInterval != catchUpInterval {
		t.Error("it does not hurry to the present")
	}
	p.block(time.Now(), minute)
	if c.CreateEmptyBlocksInterval != 60*time.Second || !p.board.present() {
		t.Errorf("at the present it makes a block each %v", c.CreateEmptyBlocksInterval)
	}
}

func TestHurriesAfterAPauseAndAfterReplay(t *testing.T) {
	p, c := testPace()
	for i := range 50 { // blocks of a busy day that consensus has and the state had not
		p.block(time.Now().Add(-24*time.Hour+time.Duration(i)*time.Millisecond), minute)
	}
	p.reset()
	if c.CreateEmptyBlocksInterval != catchUpInterval {
		t.Fatal("the first block after a replay waits for a heartbeat")
	}
	p.block(time.Now().Add(-24*time.Hour), minute) // the first one bears the time of the last votes
	if c.CreateEmptyBlocksInterval != catchUpInterval {
		t.Error("the second block waits for a heartbeat")
	}
	p.block(time.Now(), minute)
	if !p.board.present() {
		t.Error("it did not arrive")
	}
}

func TestPaceFollowsTheStewards(t *testing.T) {
	p, c := testPace()
	p.block(time.Now(), rhythm{5 * time.Second, 5 * time.Second})
	if c.CreateEmptyBlocksInterval != 5*time.Second {
		t.Errorf("a block each %v after the heartbeat became 5 s", c.CreateEmptyBlocksInterval)
	}
}

// TestIdleLedgerMakesOneBlockEachHeartbeat, unless a head of two heartbeats
// would be stale to clients, and never one that goes stale before the next.
func TestIdleLedgerMakesOneBlockEachHeartbeat(t *testing.T) {
	for _, x := range []struct{ heartbeat, maxHeadAge, blocks uint64 }{{60, 600, 1}, {60, 180, 1}, {60, 179, 2}, {60, 60, 2}, {1, 1, 2}} {
		r := rhythmOf(directory.Parameters{Heartbeat: x.heartbeat, MaxHeadAge: x.maxHeadAge})
		p, c := testPace()
		beat, blocks := r.heartbeat, uint64(0)
		for voted := beat; ; voted = 0 { // since the votes for the block before
			p.block(time.Now().Add(-voted-time.Millisecond), r)
			if blocks++; c.CreateEmptyBlocksInterval == beat {
				if most := time.Duration(x.maxHeadAge) * time.Second; voted+beat > most {
					t.Errorf("%+v: the head is %v old before the next block", x, voted+beat)
				}
				break
			}
		}
		if blocks != x.blocks {
			t.Errorf("%+v: %d blocks each heartbeat", x, blocks)
		}
	}
}
