package ledger

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
)

// unfilledFile says that a restored home has no headers of before its backup.
// It is beside CometBFT's databases, and goes with them.
func (h Home) unfilledFile() string { return h.join("data", "unfilled") }

// backfillOf makes a backfill of what the state's parameters say. The chain's
// name and the rest of now are those of the state's newest header.
func backfillOf(state *registry.State, sources []Member, dbs *stores, now types.Header) (*backfill, error) {
	v, err := state.View()
	if err != nil {
		return nil, err
	}
	d, err := directory.DecodeDirectory(v.Directory)
	if err != nil {
		return nil, err
	}
	return &backfill{
		chainID: now.ChainID, sources: sources, now: now, age: evidenceAge(d.Parameters), retry: 500 * time.Millisecond,
		store: windowStore{blocks: dbs.db("blockstore"), states: dbs.db("state")},
	}, nil
}

// tellShort logs that the members' own headers end within the window, and
// returns any other error.
func tellShort(log *slog.Logger, lowest int64, err error) error {
	if !errors.Is(err, errNotKept) {
		return err
	}
	if log != nil {
		log.Error("no member keeps all headers of which a validator may still be convicted: this node stands still if one is", "lowest", lowest, "err", err)
	}
	return nil
}

// fill brings the headers below the snapshot that was restored. It does not
// hold the lock, which the one who waits needs to see that it moves.
func (j *joining) fill(ctx context.Context, dbs *stores, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(j.life, cancel)()
	top, err := j.provider.block(ctx, j.height)
	if err != nil {
		return err
	}
	next, err := j.provider.block(ctx, j.height+1)
	if err != nil {
		return err
	}
	b, err := backfillOf(j.state, j.provider.sources, dbs, *top.Header)
	if err != nil {
		return err
	}
	b.moved = func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.moved, j.lacks = time.Now(), ErrNoWindow
	}
	b.moved()
	lowest, err := b.run(ctx, below(next.Header))
	b.moved()
	return tellShort(log, lowest, err)
}

// fill brings a restored home the headers below its backup, before consensus
// starts. It goes on where an earlier start was stopped.
func (n *Node) fill(ctx context.Context, home Home, o *Options) error {
	if _, err := os.Stat(home.unfilledFile()); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	s, err := n.chain.states.Load()
	if err != nil || s.IsEmpty() {
		return err
	}
	at, from := seam{height: s.LastBlockHeight, id: s.LastBlockID}, n.chain.blocks.Base()
	if from == 0 {
		from = s.LastBlockHeight + 1
	}
	for from > 1 && n.chain.header(uint64(from-1)) != nil {
		from--
	}
	if h := n.chain.header(uint64(from)); h != nil {
		at = below(h)
	}
	b, err := backfillOf(n.state, o.Join, n.stores, types.Header{ChainID: n.genesis.ChainID, Height: s.LastBlockHeight, Time: s.LastBlockTime})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	patience := time.AfterFunc(joinPatience, cancel)
	defer patience.Stop()
	b.moved = func() { patience.Reset(joinPatience) }
	lowest, err := b.run(ctx, at)
	if err := tellShort(o.Logger, lowest, err); err != nil {
		return err
	}
	return errors.Join(removeIfThere(home.unfilledFile()), syncFolder(home.join("data")))
}
