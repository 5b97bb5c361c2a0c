package light

import (
	"context"
	"time"

	"github.com/zkconsent/zkconsent/registry/journal"
)

// A Feed rings when a ledger has something new. It is believed in nothing: one
// that rings for nothing costs a look, one that is silent is not waited for.
type Feed interface {
	// WatchWithdrawals calls ring for each new checkpoint until ctx ends or
	// the feed does. from is the withdrawal from which on its user reads.
	WatchWithdrawals(ctx context.Context, from uint64, ring func()) error
}

// Watch shows the withdrawals from a position of their log on, each when it
// stands under a checkpoint that this client verified, in order, until ctx ends
// or something fails. It takes the next one after deliver has returned. Who has
// kept the position after the last one that it dealt with takes up the feed
// from there: each withdrawal is shown at least once.
//
// A lie, [StaleHead] among them, ends it. Between two rings it looks by itself
// once in a heartbeat, so that a node cannot hold back what it has signed.
func (c *Client) Watch(ctx context.Context, feed Feed, from uint64, deliver func(position uint64, w journal.Withdrawal) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	bell, ended := make(chan struct{}, 1), make(chan error, 1)
	start := from
	go func() {
		ended <- feed.WatchWithdrawals(ctx, start, func() {
			select {
			case bell <- struct{}{}:
			default: // it rings already
			}
		})
	}()
	patience := time.NewTicker(time.Duration(max(c.genesis.Directory.Parameters.Heartbeat, 1)) * time.Second)
	defer patience.Stop()
	for {
		var err error
		if from, err = c.showWithdrawals(ctx, from, deliver); err != nil {
			return err
		}
		select {
		case <-bell:
		case <-patience.C:
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// showWithdrawals shows what a new synchronisation brought.
func (c *Client) showWithdrawals(ctx context.Context, from uint64, deliver func(uint64, journal.Withdrawal) error) (uint64, error) {
	if err := c.Sync(ctx); err != nil {
		return from, err
	}
	h, err := c.Head()
	if err != nil {
		return from, err
	}
	for count := h.State.Withdrawals.Count; from < count; {
		list, err := c.WithdrawalLog(from, min(count, from+batch))
		if err != nil {
			return from, err
		}
		for _, w := range list {
			if err := deliver(from, w); err != nil {
				return from, err
			}
			from++
		}
	}
	return from, nil
}
