package registry

import (
	"bytes"
	"fmt"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// scanLog walks a log, holds its positions and root against the state's, and
// hands each entry on.
func (c *checker) scanLog(prefix byte, k journal.Kind, visit func(n uint64, entry []byte) error) error {
	acc, want := journal.NewAccumulator(), k.Of(&c.f.state)
	c.logs[k] = acc
	err := c.scan(prefix, want.Count, func(n uint64, key, value []byte) error {
		if !bytes.Equal(key, number(n)) {
			return damaged(k.String()+" log", "entry %d is missing", n)
		}
		if err := visit(n, value); err != nil {
			return damaged(k.String()+" log", "entry %d: %v", n, err)
		}
		return acc.Append(value)
	})
	if err != nil {
		return err
	}
	if got, err := acc.Log(); err != nil || got != want {
		return damaged(k.String()+" log", "its root is not the state's")
	}
	return nil
}

// replay reads the epoch log, and the record log along it, rebuilding the tree
// at each close and comparing its root.
func (c *checker) replay() error {
	var epochs []directory.Epoch
	if err := c.scanLog(keyEpoch, journal.Epochs, func(n uint64, entry []byte) error {
		e, err := directory.DecodeEpoch(entry)
		if err == nil && (e.Number != n || n > 0 && (e.Records < epochs[n-1].Records || e.ClosedAt < epochs[n-1].ClosedAt)) {
			err = fmt.Errorf("it does not follow the one before")
		}
		epochs = append(epochs, e)
		return err
	}); err != nil {
		return err
	}
	last := epochs[len(epochs)-1]
	switch {
	case last.Root != c.f.state.Root:
		return damaged("state", "its root is not the newest epoch's")
	case last.Records != c.f.closed || last.ClosedAt != c.f.lastClose:
		return damaged("meta", "the newest close is not the newest epoch's")
	}
	closes, err := c.closes()
	if err != nil {
		return err
	}
	defer closes.close()
	// The whole of it, once: growing as it comes would take twice the memory.
	leaves := min(c.f.next, merkle.Capacity(journal.Depth))
	c.records.Placed = make([]journal.Placed, 0, leaves)
	c.tree.reserve(leaves)
	next := 0
	closeUpTo := func(n uint64) error {
		for ; next < len(epochs) && epochs[next].Records == n; next++ {
			leaves := c.records.Take()
			root, err := merkle.Update(&c.tree, journal.Depth, leaves)
			if err != nil {
				return err
			}
			if root != epochs[next].Root {
				return fmt.Errorf("replayed up to here, the tree's root is not that of epoch %d", next)
			}
			if err := closes.check(epochs[next], leaves); err != nil {
				return err
			}
			c.leaved = append(c.leaved, uint64(len(c.records.Placed)))
		}
		return nil
	}
	if err := c.scanLog(keyRecord, journal.Records, func(n uint64, entry []byte) error {
		if err := closeUpTo(n); err != nil {
			return err
		}
		r, err := journal.DecodeRecord(entry)
		if err != nil {
			return err
		}
		c.count(n, r)
		return c.records.Apply(r)
	}); err != nil {
		return err
	}
	if err := closeUpTo(c.f.state.Records.Count); err != nil {
		return damaged("tree", "%v", err)
	}
	if next != len(epochs) {
		return damaged("epoch log", "epoch %d closes beyond the record log", next)
	}
	if err := closes.done(); err != nil {
		return err
	}
	if n := uint64(len(c.records.Placed)); n != c.f.next {
		return damaged("meta", "%d leaves, the next index is %d", n, c.f.next)
	}
	return nil
}

// count follows an entry that comes before the newest close into the counts
// of live leaves, and one after it into the quotas.
func (c *checker) count(n uint64, r journal.Record) {
	switch {
	case n >= c.f.closed && !r.Revoked:
		c.used[r.Authority]++
	case n < c.f.closed && !r.Revoked:
		c.live[r.Authority]++
	case n < c.f.closed && r.Index < uint64(len(c.records.Placed)):
		c.live[c.records.Placed[r.Index].Authority]--
	}
}
