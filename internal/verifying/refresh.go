package verifying

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// refreshWithin bounds how long a caller waits for a look.
const refreshWithin = 5 * time.Second

// errClosed reports a Ledger that looks no more.
var errClosed = errors.New("verifying: the ledger is not followed any more")

// looks tells the looks of a Ledger to those who wait for one.
type looks struct {
	mu           sync.Mutex
	begun, ended uint64
	over         chan struct{} // closed when the look that runs, or else the next one, ends
	closed       bool
}

func (x *looks) begin() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begun++
}

func (x *looks) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended = x.begun
	close(x.over)
	x.over = make(chan struct{})
}

func (x *looks) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		x.closed = true
		close(x.over)
	}
}

// next is the number of the first look that has not begun.
func (x *looks) next() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.begun + 1
}

// wait tells whether a look has ended, and otherwise what to wait for.
func (x *looks) wait(look uint64) (ended bool, over <-chan struct{}, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return false, nil, errClosed
	}
	return x.ended >= look, x.over, nil
}

// Refresh implements verifier.Refresher. However many callers there are, there
// is one look for all of them at a time, and a pause after each; while looks
// fail, nobody waits for the next one.
func (l *Ledger) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshWithin)
	defer cancel()
	for look := l.looks.next(); ; {
		if v := l.newest.Load(); v.look != nil {
			return fmt.Errorf("verifying: the last look failed: %w", v.look)
		}
		ended, over, err := l.looks.wait(look)
		if ended || err != nil {
			return err
		}
		l.ring()
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
