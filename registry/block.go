package registry

import (
	"crypto/sha256"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A Block is what consensus decided.
type Block struct {
	Height uint64 // from 1, without gaps
	Time   uint64 // unix seconds, never below the last block's
	Txs    [][]byte

	// Misbehaving are the addresses in consensus of validators of which the
	// block holds evidence that they signed two blocks of one height.
	Misbehaving [][20]byte
}

// Applied is what a block did.
type Applied struct {
	AppHash [sha256.Size]byte    // of the state after the block
	Results []transaction.Result // of its transactions, in their order

	// Validators are those whose power the block changed, ascending by key,
	// each with its power afterwards: 0 for one that was removed.
	Validators []directory.Validator

	Parameters directory.Parameters // the ledger's after the block
}

// Apply executes the next block and stages it: nothing is visible or durable
// before [State.Commit]. Staging another block drops the one before it.
func (s *State) Apply(b Block) (*Applied, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.broken {
		return nil, ErrBroken
	}
	if err := s.trouble.err(); err != nil {
		return nil, err
	}
	cur, err := s.now()
	if err != nil {
		return nil, err
	}
	switch {
	case b.Height != cur.height+1:
		return nil, fmt.Errorf("%w: %d after %d", ErrHeight, b.Height, cur.height)
	case b.Time < cur.time || b.Time > directory.MaxTime:
		return nil, fmt.Errorf("%w: %d after %d", ErrTime, b.Time, cur.time)
	}
	s.dropStaged()
	st := newStaging(s.db, cur.clone())
	out, err := st.run(b)
	if err != nil {
		st.close()
		return nil, fmt.Errorf("registry: block %d: %w", b.Height, err)
	}
	s.staged = st
	return out, nil
}

func (st *staging) run(b Block) (*Applied, error) {
	st.height, st.time = b.Height, b.Time
	before := st.dir
	if err := st.punish(b.Misbehaving); err != nil {
		return nil, err
	}
	out := &Applied{Results: make([]transaction.Result, len(b.Txs))}
	executed := 0
	for i, raw := range b.Txs {
		r, err := st.execute(raw)
		if err != nil {
			return nil, err
		}
		r.Height = b.Height
		out.Results[i] = r
		if r.Code == transaction.Executed {
			executed++
		}
	}
	p := st.dir.Parameters
	closes := b.Time >= st.lastClose+p.Epoch || p.EveryBlock && executed > 0
	if closes {
		if err := st.closeEpoch(); err != nil {
			return nil, err
		}
	}
	if closes || executed > 0 {
		if err := st.forget(executed); err != nil {
			return nil, err
		}
	}
	if err := st.seal(); err != nil {
		return nil, err
	}
	out.AppHash = st.appHash()
	out.Validators = changedPower(before, st.dir)
	out.Parameters = st.dir.Parameters
	return out, nil
}

// Commit makes the staged block durable: one batch, synced. When it returns
// nil, the block survives any crash.
func (s *State) Commit() error {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.broken {
		return ErrBroken
	}
	st := s.staged
	if st == nil {
		return ErrNotStaged
	}
	s.staged = nil
	if err := s.write(st); err != nil {
		return fmt.Errorf("registry: block %d: %w", st.height, err)
	}
	s.mu.Lock()
	s.cur = st.frame
	s.mu.Unlock()
	return st.close()
}

// write makes a block durable. Where it fails, whether the block reached the
// disk is unknown until the store is read again, and nothing is written before.
// The store panics when it cannot write its log.
func (s *State) write(st *staging) (err error) {
	s.broken = true
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrBroken, r)
		}
	}()
	b, err := st.finish()
	if err != nil {
		return err
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	s.broken = false
	return nil
}

func (s *State) dropStaged() {
	if s.staged != nil {
		s.staged.close()
		s.staged = nil
	}
}
