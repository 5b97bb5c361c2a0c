package ledger

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"
)

// TestDirectoryIsTheCheckpoints asks for the directory just after a block that
// changed the state. A node that waits for the next block then hands out the
// next directory, whenever every block changes it, and a new client that took
// the checkpoint before calls the node a liar.
func TestDirectoryIsTheCheckpoints(t *testing.T) {
	n := governedNode(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for last, since := uint64(0), time.Now(); time.Since(since) < 200*time.Millisecond; time.Sleep(time.Millisecond) {
		if height, _, _ := n.board.newest(); height != last { // until a heartbeat was a while ago, and the next is not near
			last, since = height, time.Now()
		}
	}
	h, err := n.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n.board.settled(h.Height) // as if this block had changed the state
	soon, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	b, err := n.Directory(soon)
	if err != nil || sha256.Sum256(b) != h.State.Directory {
		t.Errorf("the directory is not the one of the checkpoint before, %v", err)
	}
}
