package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
)

// repeat makes attempts at a call until one succeeds, is refused for good, or
// the Config's bounds are reached. Each round tries every address once. The
// error is an *Error, or of do's own where it is no status.
func (c *Conn) repeat(ctx context.Context, method string, again bool, do func(context.Context, *line) error) error {
	started := time.Now()
	first := c.first()
	for attempt := 1; ; attempt++ {
		i := (first + attempt - 1) % len(c.lines)
		l := &c.lines[i]
		err := do(ctx, l)
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrAnswer) {
			return err
		}
		e := failed(ctx, method, l.address.text, err)
		e.Attempts = attempt
		if !again || e.ended != nil || !e.passing() {
			return e
		}
		c.left(i)
		if attempt >= c.c.Attempts*len(c.lines) {
			return e
		}
		wait := c.wait(e, attempt)
		if time.Since(started)+wait > c.c.Patience {
			return e
		}
		if !sleep(ctx, wait) {
			e.ended = ctx.Err()
			return e
		}
	}
}

// passing tells whether the same call may succeed a little later: the service
// was not reached, or said so itself.
func (e *Error) passing() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.ResourceExhausted:
		return e.RetryAfter > 0 // otherwise it was a message too large
	}
	return false
}

// wait is how long to wait before the next attempt. Another replica is asked at
// once, unless it would be asked to look away from a caller that calls too
// often.
func (c *Conn) wait(e *Error, attempt int) time.Duration {
	if attempt%len(c.lines) != 0 && e.Reason != TooMany {
		return 0
	}
	return max(e.RetryAfter, c.backoff(attempt/len(c.lines)))
}

// backoff is the wait before the nth repetition, counted from 1: doubling,
// bounded, and less a random part, so that clients that were refused together
// do not come back together.
func (c *Conn) backoff(n int) time.Duration {
	d := c.c.Backoff
	for range n - 1 {
		if d >= maxBackoff {
			break
		}
		d *= 2
	}
	d = min(d, maxBackoff)
	return d - rand.N(d/2+1)
}

// sleep waits, and tells whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
