package registry

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// Progress hears how far a check has come. It may be nil.
type Progress func(stage string, done, total uint64)

// Check reads the whole committed state and derives it anew from the logs up:
// their roots, every leaf from its commitment, the tree and each of its nodes,
// the root of every epoch, the indexes, what the directory keeps of its genesis,
// its counts and distrusts, quotas and replay set, and the checksum of every
// block of the store's tables. It returns a [DamageError] for the first thing
// that does not follow, and the number of the block that it checked.
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
	return f.height, firstError(c.governed, c.replay, c.distrusted, c.withdrawals, c.spends, c.audits, c.leaves, c.commitments, c.locks, c.nodes,
		c.auxiliary, c.nothingElse, func() error { return checkTables(ctx, s.db, s.options.FS, s.dir, progress) }, s.trouble.err)
}

type checker struct {
	ctx      context.Context
	r        *pebble.Snapshot
	f        *frame
	progress Progress
	seen     uint64 // keys that a rule has accounted for

	records journal.Replay
	logs    logs     // as far as they were read
	leaved  []uint64 // leaves at the close of each epoch
	tree    layers
	live    map[fr.Element]uint64 // leaves of each authority at the newest epoch
	used    map[fr.Element]uint64 // commits of each authority since then
	known   map[fr.Element]bool   // authorities, once they are asked for
	cms     []fr.Element          // commitments by index
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
		keyCommitment: "commitment index", keySecret: "withdrawal index", keySpend: "spend log", keySpent: "spend index", keyAudit: "audit log", keyAnchored: "audit index",
		keyNode: "tree nodes", keyQuota: "quotas", keyExecuted: "replay set",
	}[prefix]
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
