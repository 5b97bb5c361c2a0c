package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// A witness follows every member with a light client that never forgets, and
// holds all heads of one height against each other.
type witness struct {
	t    *testing.T
	end  context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	newest   []uint64 // height that each member has shown
	wiped    []bool   // members that begin anew, and show old heads until they have caught up
	headers  map[uint64][]byte
	compared int // heads that another member's was held against
	forks    int
}

func newWitness(c *cluster) *witness {
	ctx, end := context.WithCancel(context.Background())
	w := &witness{t: c.t, end: end, newest: make([]uint64, len(c.members)), wiped: make([]bool, len(c.members)), headers: map[uint64][]byte{}}
	for i, m := range c.members {
		l, err := light.Open(light.Config{Genesis: c.genesis, Source: m})
		if err != nil {
			c.t.Fatal(err)
		}
		w.done.Go(func() { w.follow(ctx, i, l) })
	}
	return w
}

func (w *witness) follow(ctx context.Context, i int, l *light.Client) {
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := l.Sync(call)
		cancel()
		if h, none := l.Head(); none == nil {
			w.see(i, h)
		}
		switch {
		case !errors.As(err, new(*light.LieError)), errors.Is(err, light.StaleHead), errors.Is(err, light.Backwards) && w.excused(i):
		default:
			w.fault("member %d: %v", i+1, err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// see keeps a verified head of a member.
func (w *witness) see(i int, h directory.Head) {
	header, err := headerOf(h)
	if err != nil {
		w.fault("member %d: %v", i+1, err)
		return
	}
	hash := header.Hash()
	w.mu.Lock()
	defer w.mu.Unlock()
	again := h.Height <= w.newest[i]
	w.newest[i] = max(w.newest[i], h.Height)
	switch known := w.headers[h.Height]; {
	case known == nil:
		w.headers[h.Height] = hash
	case bytes.Equal(known, hash):
		if !again {
			w.compared++
		}
	default:
		w.forks++
		w.t.Errorf("two headers of height %d", h.Height)
	}
}

func (w *witness) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forks++
	w.t.Errorf(format, args...)
}

// excuse says that a member lost all that it had.
func (w *witness) excuse(i int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wiped[i] = true
}

func (w *witness) excused(i int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wiped[i]
}

// rest ends the watch.
func (w *witness) rest() {
	w.end()
	w.done.Wait()
}

// of is the height that a member has shown.
func (w *witness) of(i int) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newest[i]
}

// height is the newest that anybody has shown.
func (w *witness) height() (h uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.newest {
		h = max(h, n)
	}
	return h
}

func (w *witness) counts() (compared, forks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.compared, w.forks
}

// headerOf takes the header out of a head.
func headerOf(h directory.Head) (*types.Header, error) {
	var pb cmtproto.LightBlock
	if err := pb.Unmarshal(h.SignedHeader); err != nil {
		return nil, err
	}
	lb, err := types.LightBlockFromProto(&pb)
	if err != nil {
		return nil, err
	}
	if lb.SignedHeader == nil || lb.Header == nil {
		return nil, fmt.Errorf("height %d: no header", h.Height)
	}
	return lb.Header, nil
}
