package light

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// Hold tells a client of layers which leaves its user wants paths for. It asks
// nobody. Buckets that the log since the anchor has whole are there at once;
// others join, with decoys, the set that [Client.Tend] reads, and stay in it.
// A leaf of an epoch that is still open is passed over: tell it again later.
func (c *Client) Hold(indices ...uint64) error {
	c.sync.Lock()
	defer c.sync.Unlock()
	if c.layers == nil || c.head == nil {
		return nil
	}
	l, wanted := *c.layers, map[uint64]*bucket{}
	for _, index := range indices {
		n := index / journal.BucketSize
		if l.held[n] != nil || l.set.has(n) || n >= l.crown.buckets() {
			continue
		}
		if l.span.covers(n) {
			wanted[n] = &bucket{leaves: make([]fr.Element, journal.BucketSize), at: l.records.first}
			continue
		}
		var err error
		if l.set, err = l.set.want(n, l.span.bare(l.crown.buckets())); err != nil {
			return fmt.Errorf("light: drawing decoys: %w", err)
		}
		if len(l.set.buckets) > maxSet {
			return fmt.Errorf("light: more than %d buckets to read; take the ledger from its first entry", maxSet)
		}
	}
	return c.hold(&l, wanted)
}

// hold brings buckets to the newest epoch and keeps them among those that are
// held.
func (c *Client) hold(l *layers, some map[uint64]*bucket) error {
	some, err := advance(l.records, some, newest(c.epochs).Records)
	if err != nil {
		return c.signed(err)
	}
	for n, b := range some {
		if root, _ := l.crown.Get(0, n); b.tree.Root() != root {
			return c.signed(lie(ForgedRoot, "bucket %d: the records give another root", n))
		}
	}
	held := maps.Clone(l.held)
	maps.Copy(held, some)
	l.held = held
	if err := c.plan(l); err != nil {
		return err
	}
	// The set is on disk before anybody can act on it: a decoy that is drawn
	// twice is none.
	if err := c.cache.saveSet(&l.set); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.layers = l
	return nil
}

// Tend reads the buckets of the set if one of them is missing and the time has
// come that was drawn for it, and does nothing otherwise. It reads all of them
// in ascending order. Call it from a job of its own, never because of a
// presentation: who sees the reading would know of the presentation.
func (c *Client) Tend(ctx context.Context) error {
	c.sync.Lock()
	defer c.sync.Unlock()
	if c.layers == nil || c.head == nil {
		return nil
	}
	set := c.layers.set
	if set.next == 0 || uint64(c.clock().Unix()) < set.next {
		return nil
	}
	source, several := c.source, (*Failover)(nil)
	if f, ok := source.(*Failover); ok {
		source, several = f.current(), f
	}
	err := c.caught(source, c.readSet(ctx, set.buckets))
	if err != nil && several != nil {
		several.next(source, err) // the next reading is another node's
	}
	return err
}

// readSet reads the buckets of the set.
func (c *Client) readSet(ctx context.Context, numbers []uint64) error {
	read := map[uint64]*bucket{}
	for i, n := range numbers {
		b, err := c.tendBucket(ctx, n)
		if err != nil {
			return err
		}
		read[n] = b
		if c.progress != nil {
			c.progress("buckets", uint64(i+1), uint64(len(numbers)))
		}
	}
	l := *c.layers
	if err := c.hold(&l, read); err != nil {
		return err
	}
	return c.cache.saveBuckets(&l, newest(c.epochs).Number)
}

// tendBucket reads one bucket, and follows the ledger where it has moved on.
func (c *Client) tendBucket(ctx context.Context, n uint64) (*bucket, error) {
	for try := 1; ; try++ {
		b, err := c.readBucket(ctx, newPatch(c.layers.crown), n)
		if err == nil {
			b.at = newest(c.epochs).Records
			return b, nil
		}
		if !errors.Is(err, ErrReplaced) || try == attempts {
			return nil, err
		}
		if err := c.synchronise(ctx); err != nil {
			return nil, err
		}
	}
}
