package ledger

import (
	"crypto/sha256"
	"sync"

	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// keptViews is how many states a node keeps in memory, so that the newest
// header, which signs the state of the block before, finds its own.
const keptViews = 16

// board is where the consensus goroutine leaves what others wait for.
type board struct {
	mu      sync.Mutex
	views   []registry.View // of the newest states, oldest first
	changed uint64          // the last height after which the state was another one
	tick    chan struct{}   // closed at the next publication
	arrived bool            // a block of now was made since the start
	waiting map[[sha256.Size]byte][]*waiter
	failed  error
	broken  chan struct{} // closed when failed is set
}

// waiter waits for one transaction.
type waiter struct {
	expiry uint64
	done   chan transaction.Result // buffered: an answer never blocks a block
}

func newBoard() *board {
	return &board{tick: make(chan struct{}), waiting: map[[sha256.Size]byte][]*waiter{}, broken: make(chan struct{})}
}

// fail records the error that stopped the application. CometBFT stops on it;
// whoever waits is told instead of left waiting.
func (b *board) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = err
		close(b.broken)
	}
	return err
}

func (b *board) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

func (b *board) publish(v registry.View) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.views); n == 0 || b.views[n-1].State != v.State {
		b.views = append(b.views, v)
		b.changed = v.Height
		if len(b.views) > keptViews {
			b.views = b.views[1:]
		}
	} else {
		b.views[n-1].Height, b.views[n-1].Time = v.Height, v.Time
	}
	close(b.tick)
	b.tick = make(chan struct{})
}

// arrive says that the newest block is one of now.
func (b *board) arrive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.arrived {
		b.arrived = true
		close(b.tick)
		b.tick = make(chan struct{})
	}
}

func (b *board) present() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.arrived
}

// signed finds the state that a header with this AppHash signs.
func (b *board) signed(appHash []byte) (registry.View, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.views) - 1; i >= 0; i-- {
		if d := b.views[i].State.Digest(); string(d[:]) == string(appHash) {
			return b.views[i], true
		}
	}
	return registry.View{}, false
}

// newest returns the newest block's height, the last height that changed the
// state, and a channel that closes when there is another block.
func (b *board) newest() (height, changed uint64, tick <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.views); n > 0 {
		height = b.views[n-1].Height
	}
	return height, b.changed, b.tick
}

// settled says that the state has not changed since before the given height.
// A node that starts again learns it from its newest header.
func (b *board) settled(before uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = before
}

func (b *board) wait(raw []byte, expiry uint64) *waiter {
	w := &waiter{expiry: expiry, done: make(chan transaction.Result, 1)}
	key := sha256.Sum256(raw)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting[key] = append(b.waiting[key], w)
	return w
}

func (b *board) leave(raw []byte, w *waiter) {
	key := sha256.Sum256(raw)
	b.mu.Lock()
	defer b.mu.Unlock()
	ws := b.waiting[key]
	for i := range ws {
		if ws[i] == w {
			b.waiting[key] = append(ws[:i:i], ws[i+1:]...)
			break
		}
	}
	if len(b.waiting[key]) == 0 {
		delete(b.waiting, key)
	}
}

func (b *board) answer(raw []byte, r transaction.Result) {
	key := sha256.Sum256(raw)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.waiting[key] {
		w.done <- r
	}
	delete(b.waiting, key)
}

// expire answers those whose transaction no block can hold any more.
func (b *board) expire(next uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, ws := range b.waiting {
		if ws[0].expiry < next {
			for _, w := range ws {
				w.done <- transaction.Result{Code: transaction.Expired, Reason: "no block took it before its last height"}
			}
			delete(b.waiting, key)
		}
	}
}
