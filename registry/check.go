package registry

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// Progress hears how far a check has come. It may be nil.
type Progress func(stage string, done, total uint64)

// Check reads the whole committed state and derives it anew from the logs up:
// their roots, every leaf from its commitment, the tree and each of its nodes,
// the root of every epoch, the indexes, the directory's counts, quotas and
// replay set. It returns a [DamageError] for the first thing that does not
// follow, and the number of the block that it checked.
//
// What Check cannot know is whether the newest block on disk is the newest one
// that was acknowledged: a disk that forgot its last writes holds an older and
// sound state. Consensus knows, and replays the missing blocks.
func (s *State) Check(ctx context.Context, progress Progress) (height uint64, err error) {
	defer func() {
		// The store panics on some kinds of damage.
		if r := recover(); r != nil {
			err = damaged("store", "%v", r)
		}
	}()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, err := s.current(); err != nil {
		return 0, err
	}
	snap := s.db.NewSnapshot()
	defer snap.Close()
	f, err := loadFrame(snap)
	if err != nil {
		return 0, err
	}
	if progress == nil {
		progress = func(string, uint64, uint64) {}
	}
	c := &checker{ctx: ctx, r: snap, f: f, progress: progress, live: map[fr.Element]uint64{}, used: map[fr.Element]uint64{}}
	return f.height, firstError(c.genesis, c.replay, c.withdrawals, c.commitments, c.locks, c.nodes, c.leaves, c.auxiliary, c.nothingElse, s.trouble.err)
}

type checker struct {
	ctx      context.Context
	r        *pebble.Snapshot
	f        *frame
	progress Progress
	seen     uint64 // keys that a rule has accounted for

	records journal.Replay
	logs    logs // as far as they were read
	tree    layers
	live    map[fr.Element]uint64 // leaves of each authority at the newest epoch
	used    map[fr.Element]uint64 // commits of each authority since then
}

// scan walks the keys of one prefix in order and counts them as accounted for.
func (c *checker) scan(prefix byte, total uint64, visit func(n uint64, key, value []byte) error) error {
	it, err := c.r.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	n := uint64(0)
	for it.First(); it.Valid(); it.Next() {
		if n%1024 == 0 {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			c.progress(stageOf(prefix), n, total)
		}
		if err := visit(n, it.Key()[1:], it.Value()); err != nil {
			return err
		}
		n++
	}
	if err := it.Error(); err != nil {
		return damaged(stageOf(prefix), "%v", err)
	}
	if n != total {
		return damaged(stageOf(prefix), "%d entries where %d belong", n, total)
	}
	c.seen += n
	c.progress(stageOf(prefix), n, total)
	return nil
}

func stageOf(prefix byte) string {
	return map[byte]string{
		keyRecord: "record log", keyWithdrawal: "withdrawal log", keyEpoch: "epoch log", keyLeaf: "leaf index", keyLock: "lock index",
		keyCommitment: "commitment index", keySecret: "withdrawal index", keyNode: "tree nodes", keyQuota: "quotas", keyExecuted: "replay set",
	}[prefix]
}

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

func (c *checker) genesis() error {
	g, err := directory.DecodeGenesis(c.f.genesis)
	if err != nil {
		return damaged("genesis", "%v", err)
	}
	if g.Directory.Parameters != c.f.dir.Parameters {
		return damaged("directory", "its parameters are not the genesis's")
	}
	c.seen += 3 // meta, genesis, directory
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
	for _, a := range c.f.dir.Authorities {
		if a.Live != c.live[a.ID] {
			return damaged("directory", "authority %s has %d live leaves, the record %d", field.Hex(a.ID), c.live[a.ID], a.Live)
		}
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

func (c *checker) withdrawals() error {
	var secrets []fr.Element
	if err := c.scanLog(keyWithdrawal, journal.Withdrawals, func(_ uint64, entry []byte) error {
		w, err := journal.DecodeWithdrawal(entry)
		secrets = append(secrets, w.V)
		return err
	}); err != nil {
		return err
	}
	return c.scan(keySecret, uint64(len(secrets)), func(_ uint64, key, value []byte) error {
		at, err := position(value, len(secrets))
		if err != nil || !bytes.Equal(key, elementKey(0, secrets[at])[1:]) {
			return damaged("withdrawal index", "an entry does not point to its withdrawal")
		}
		return nil
	})
}

func position(value []byte, n int) (uint64, error) {
	if len(value) != 8 || binary.BigEndian.Uint64(value) >= uint64(n) {
		return 0, fmt.Errorf("out of range")
	}
	return binary.BigEndian.Uint64(value), nil
}

// commitments derives each leaf from its authority, commitment and lock.
func (c *checker) commitments() error {
	return c.scan(keyCommitment, c.f.next, func(_ uint64, key, value []byte) error {
		at, err := position(value, len(c.records.Placed))
		if err != nil || len(key) != 2*field.Size {
			return damaged("commitment index", "an entry points to no leaf")
		}
		p := c.records.Placed[at]
		cm, err := field.Parse(key[field.Size:])
		if a := p.Authority.Bytes(); err != nil || !bytes.Equal(key[:field.Size], a[:]) || consent.Leaf(p.Kind, p.Authority, cm, p.Lock) != p.Leaf {
			return damaged("commitment index", "leaf %d is not that of its commitment", at)
		}
		return nil
	})
}

func (c *checker) locks() error {
	return c.scan(keyLock, c.f.next, func(_ uint64, key, value []byte) error {
		at, err := position(value, len(c.records.Placed))
		if err != nil || !bytes.Equal(key, elementKey(0, c.records.Placed[at].Authority, c.records.Placed[at].Lock)[1:]) {
			return damaged("lock index", "an entry does not point to its leaf")
		}
		return nil
	})
}

// nodes compares every stored node of the tree with the rebuilt one.
func (c *checker) nodes() error {
	// Each layer holds the ancestors of the leaves that the newest epoch
	// includes, and nothing else.
	total := uint64(0)
	for _, l := range c.tree {
		total += uint64(len(l))
	}
	return c.scan(keyNode, total, func(_ uint64, key, value []byte) error {
		if len(key) != 9 || int(key[0]) > journal.Depth {
			return damaged("tree nodes", "not a node's place")
		}
		h, i := int(key[0]), binary.BigEndian.Uint64(key[1:])
		if i >= uint64(len(c.tree[h])) {
			return damaged("tree nodes", "layer %d has no node %d", h, i)
		}
		if b := c.tree[h][i].Bytes(); !bytes.Equal(b[:], value) {
			return damaged("tree nodes", "node %d of layer %d is not the hash of its children", i, h)
		}
		return nil
	})
}

func (c *checker) leaves() error {
	return c.scan(keyLeaf, c.f.next, func(n uint64, key, value []byte) error {
		if !bytes.Equal(key, number(n)) || !bytes.Equal(value, encodePlaced(c.records.Placed[n])) {
			return damaged("leaf index", "record %d is not the log's", n)
		}
		return nil
	})
}

// auxiliary checks what no log holds: by its checksum, and the commit quotas
// of this epoch by the log besides.
func (c *checker) auxiliary() error {
	var sum checksum
	for _, prefix := range []byte{keyQuota, keyExecuted} {
		it, err := c.r.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
		if err != nil {
			return err
		}
		for it.First(); it.Valid(); it.Next() {
			c.seen++
			sum.toggle(it.Key(), it.Value())
		}
		if err := it.Close(); err != nil {
			return damaged(stageOf(prefix), "%v", err)
		}
	}
	if sum != c.f.aux {
		return damaged("quotas and replay set", "their checksum is not the state's")
	}
	for id, n := range c.used {
		v, err := get(c.r, quotaKey(quotaCommits, id))
		if err != nil || !bytes.Equal(v, append(number(c.f.state.Epoch), number(n)...)) {
			return damaged("quotas", "authority %s committed %d leaves in this epoch, its quota says otherwise", field.Hex(id), n)
		}
	}
	return nil
}

// nothingElse refuses keys that no rule has accounted for.
func (c *checker) nothingElse() error {
	it, err := c.r.NewIter(nil)
	if err != nil {
		return err
	}
	defer it.Close()
	n := uint64(0)
	for it.First(); it.Valid(); it.Next() {
		n++
	}
	if err := it.Error(); err != nil {
		return damaged("store", "%v", err)
	}
	if n != c.seen {
		return damaged("store", "%d keys, %d of them known", n, c.seen)
	}
	return nil
}
