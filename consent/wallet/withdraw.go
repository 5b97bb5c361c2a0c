package wallet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"github.com/zkconsent/zkconsent/consent"
)

// The waits between two attempts, in seconds.
const (
	firstRetry = 30
	lastRetry  = 3600
)

// A Task is a message to the ledger that a wallet still owes.
type Task struct {
	ID     ID
	Action string       // "withdraw" or "revoke"
	At     consent.Time // not before
}

// Withdraw takes a consent back. From the moment that it is saved the wallet
// proves nothing with it. The withdrawal is published at once, the revocation
// of the leaf after a random delay that begins when [Wallet.Sync] finds the
// withdrawal on the ledger, so that the two are not seen together however late
// the first one gets through; both are tried again until the ledger shows them
// (see [Wallet.Due]). The state is Withdrawn only when a verified head shows it.
//
// An error of the relay is returned, and the task stays in the queue. The
// ledger is not asked: a withdrawal must not wait for one that can be read. A
// nil relay only saves; [Wallet.Run] sends.
func (w *Wallet) Withdraw(ctx context.Context, relay Relay, id ID) error {
	w.work.Lock()
	defer w.work.Unlock()
	err := w.update(func(c *contents) error {
		r, err := c.consent(id)
		if err != nil {
			return err
		}
		switch r.state {
		case Draft:
			return fmt.Errorf("%w: a draft was never given; Forget removes it", ErrState)
		case Withdrawing, Withdrawn, Revoked:
			return nil
		}
		r.state, r.publishAt, r.attempts = Withdrawing, w.moment(), 0
		return nil
	})
	if err != nil || relay == nil {
		return err
	}
	return w.run(ctx, relay)
}

// Due lists what is to be sent now. The queue lies in the wallet's file.
func (w *Wallet) Due() ([]Task, error) {
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	return c.due(w.moment()), nil
}

// Pending lists everything that is still to be sent, now or later.
func (w *Wallet) Pending() ([]Task, error) {
	c, _, err := w.current()
	if err != nil {
		return nil, err
	}
	return c.due(consent.MaxTime), nil
}

// due lists the tasks of a moment. An attempt never lies more than lastRetry
// ahead by an honest clock: one that does was planned by a clock that was wrong
// and has been put back, and a withdrawal must not wait for that day.
func (c *contents) due(now consent.Time) (tasks []Task) {
	for _, r := range c.consents {
		if r.publishAt != 0 && (r.publishAt <= now || r.publishAt-now > lastRetry) {
			tasks = append(tasks, Task{r.id, "withdraw", r.publishAt})
		}
		if r.revokeAt != 0 && r.revokeAt <= now {
			tasks = append(tasks, Task{r.id, "revoke", r.revokeAt})
		}
	}
	return tasks
}

// Run sends what is due. Each task is sent again, at growing intervals, until
// [Wallet.Sync] finds it on the ledger: an accepted message is not a final one.
func (w *Wallet) Run(ctx context.Context, relay Relay) error {
	w.work.Lock()
	defer w.work.Unlock()
	return w.run(ctx, relay)
}

func (w *Wallet) run(ctx context.Context, relay Relay) error {
	c, k, err := w.current()
	if err != nil {
		return err
	}
	var failures []error
	for _, task := range c.due(w.moment()) {
		r, err := c.consent(task.ID)
		if err != nil {
			return err
		}
		if err := r.send(ctx, k, relay, task.Action); err != nil {
			failures = append(failures, fmt.Errorf("wallet: %s of %s, to be tried again: %w", task.Action, task.ID, err))
		}
		if err := w.update(func(c *contents) error { return c.again(task, w.moment()) }); err != nil {
			return err
		}
	}
	return errors.Join(failures...)
}

func (r *consentRecord) send(ctx context.Context, k *keys, relay Relay, action string) error {
	if action == "withdraw" {
		v, err := k.withdrawal(r.number)
		if err != nil {
			return err
		}
		return relay.Withdraw(ctx, v)
	}
	rs, err := k.revocation(r.number)
	if err != nil {
		return err
	}
	return relay.Revoke(ctx, r.index, rs)
}

func (c *contents) again(t Task, now consent.Time) error {
	r, err := c.consent(t.ID)
	if err != nil {
		return err
	}
	next := min(now+consent.Time(min(uint64(firstRetry)<<min(r.attempts, 10), lastRetry)), consent.MaxTime)
	r.attempts++
	if t.Action == "withdraw" {
		r.publishAt = next
	} else {
		r.revokeAt = next
	}
	return nil
}

// revokeTime is a uniformly random time from now+1 to now+most.
func revokeTime(now consent.Time, most uint64) (consent.Time, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).SetUint64(max(most, 1)))
	if err != nil {
		return 0, fmt.Errorf("wallet: drawing a delay: %w", err)
	}
	return min(now+1+consent.Time(n.Uint64()), consent.MaxTime), nil
}
