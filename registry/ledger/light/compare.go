package light

import (
	"context"
	"errors"
)

// takeOfSeveral synchronises from the first source that is good for it.
func (c *Client) takeOfSeveral(ctx context.Context, f *Failover) error {
	if err := f.exhausted(); err != nil {
		return err
	}
	for range f.sources {
		source := f.current()
		err := c.caught(source, c.synchronise(ctx))
		switch {
		case err == nil:
			return c.compare(ctx, f, source)
		case errors.Is(err, Fork):
			return c.divided(err)
		case c.broken != nil || ctx.Err() != nil || !f.next(source, err):
			return err
		}
	}
	return f.failure()
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
// behind says nothing; one that is ahead is held against what comes later. A
// lie retires its source, and the synchronisation stands.
func (c *Client) compare(ctx context.Context, f *Failover, from Source) error {
	for _, w := range f.others(from) {
		b, err := w.Checkpoint(ctx)
		if err != nil {
			continue
		}
		_, err = c.meet(ctx, w, b)
		if errors.Is(err, Backwards) {
			continue
		}
		var told *LieError
		if err = c.caught(w, shown(err, b)); !errors.As(err, &told) {
			continue
		}
		if told.Lie == Fork {
			return c.divided(err)
		}
		f.retire(w, told)
	}
	return ctx.Err()
}
