package light

import (
	"context"
	"errors"
	"time"
)

// compareTime bounds the time that is spent on another source's newest header:
// one that is slow on purpose costs nobody the answer of the others.
const compareTime = 30 * time.Second

// takeOfSeveral synchronises from the first source that is good for it.
func (c *Client) takeOfSeveral(ctx context.Context, f *Failover) error {
	if err := f.exhausted(); err != nil {
		return err
	}
	for range f.sources {
		source := f.current()
		err := c.takeOfOne(ctx, f, source)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, Fork):
			return c.divided(err)
		case c.broken != nil || ctx.Err() != nil || !f.next(source, err):
			return err
		}
	}
	return f.failure()
}

// takeOfOne synchronises from one source and holds it against the others. Where
// another one shows a header that is two heartbeats younger, this one holds
// blocks back or has lost touch; it is asked once more, since the first
// synchronisation may have taken long.
func (c *Client) takeOfOne(ctx context.Context, f *Failover, source Source) error {
	for again := false; ; again = true {
		if err := c.caught(source, c.synchronise(ctx)); err != nil {
			return err
		}
		ahead, err := c.compare(ctx, f, source)
		if err != nil {
			return err
		}
		if ahead == nil || ahead.head.Time <= c.head.Time+2*c.dir.Parameters.Heartbeat {
			return nil
		}
		if again {
			return c.caught(source, lie(StaleHead, "%d seconds older than one that another node shows", ahead.head.Time-c.head.Time).showing(c.head.Encode(), ahead.head.Encode()))
		}
	}
}

// divided ends a session in which validators signed against themselves.
func (c *Client) divided(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken, c.head = err, nil
	return err
}

// compare holds what was adopted from one source against the newest headers of
// the others: at one height there is one header. A source that is silent or
// behind says nothing; one that is ahead is held against what comes later, and
// the newest of those is returned. A lie retires its source, and the
// synchronisation stands.
func (c *Client) compare(ctx context.Context, f *Failover, from Source) (ahead *sight, err error) {
	for _, w := range f.others(from) {
		s, err := c.glance(ctx, w)
		var told *LieError
		switch {
		case err == nil:
			if s.head.Height > c.head.Height && (ahead == nil || s.head.Time > ahead.head.Time) {
				ahead = s
			}
		case errors.Is(err, Backwards) || !errors.As(err, &told):
		case told.Lie == Fork:
			return nil, c.caught(w, err)
		default:
			_ = c.caught(w, err)
			f.retire(w, told)
		}
	}
	return ahead, ctx.Err()
}

// glance verifies a source's newest header.
func (c *Client) glance(ctx context.Context, w Source) (*sight, error) {
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	b, err := w.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	s, err := c.meet(ctx, w, b)
	return s, shown(err, b)
}
