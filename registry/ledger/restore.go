package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cometbft/cometbft/config"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// A Restoring says what [Restore] restores.
type Restoring struct {
	From     string             // the folder that [Node.Backup] wrote
	Home     Home               // with keys ([Home.Create]) and without a state
	Genesis  *directory.Genesis // trusted: from the other members, not from the backup
	Progress registry.Progress  // may be nil
}

// Restore builds a home's state from a backup and verifies all of it from the
// genesis, by the signatures in the backup: one that was forged or has rotted
// is refused, and leaves a home without a state. The node then starts like any
// other, and takes the blocks since the backup from its peers. What was
// committed after the backup and that no peer has is lost. A start with
// [Options.Join] brings it the headers of before as well; without them it stands
// still at a block that convicts a validator of then.
//
// A validator whose record of what it has signed is lost with its disk must not
// come back with its old key: the stewards remove that key and add a new one.
// The only validator of a ledger has signed every block since the backup and
// would sign others in their place, which every client that saw them refuses
// ([ErrOnlyValidator]).
func Restore(ctx context.Context, r Restoring) (err error) {
	p, m, err := r.read()
	if err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Home.Reset(), os.Remove(r.Home.TrailFile()), os.Remove(r.Home.joiningFile()))
		}
	}()
	kept, err := openTrail(r.Home, r.Genesis)
	if err != nil {
		return err
	}
	provider, err := newStateProvider(r.Genesis, kept, []Member{p})
	if err != nil {
		return err
	}
	provider.retry = 0
	state, commit, err := r.verify(ctx, provider, m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBackup, err)
	}
	if pub, err := r.Home.validator(); err != nil {
		return err
	} else if vals := state.Validators; vals.Size() == 1 && vals.HasAddress(pub.GetAddress()) {
		return ErrOnlyValidator
	}
	if err := r.fill(ctx, m); err != nil {
		return err
	}
	if err := bootstrap(r.Home, r.Genesis, state, commit); err != nil {
		return err
	}
	if err := os.WriteFile(r.Home.unfilledFile(), nil, 0o600); err != nil {
		return err
	}
	return errors.Join(syncFolder(r.Home.join("data")), os.Remove(r.Home.joiningFile()), syncFolder(string(r.Home)))
}

// read decodes what the backup says of itself.
func (r *Restoring) read() (*proof, *snapshot.Manifest, error) {
	f, err := os.Open(proofFile(r.From))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTrailFile+2<<20))
	if err != nil {
		return nil, nil, err
	}
	p, err := decodeProof(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	if p.genesis != directory.GenesisHash(r.Genesis) {
		return nil, nil, fmt.Errorf("%w: it is of the genesis %x", ErrBackup, p.genesis)
	}
	ms, err := snapshot.Folder(r.From).List()
	if err != nil || len(ms) != 1 || ms[0].Height != p.height {
		return nil, nil, fmt.Errorf("%w: it has %d manifests, and not the one of height %d: %v", ErrBackup, len(ms), p.height, err)
	}
	return p, ms[0], nil
}

// prepare refuses a home that is in use, and marks it as half done.
func (r *Restoring) prepare() error {
	home := r.Home
	if _, err := home.Create(); err != nil {
		return err
	}
	if err := home.WriteGenesis(r.Genesis); errors.Is(err, ErrHomeExists) {
		if g, err := home.Genesis(); err != nil || directory.GenesisHash(g) != directory.GenesisHash(r.Genesis) {
			return errors.Join(ErrHomeExists, err)
		}
	} else if err != nil {
		return err
	}
	if _, err := os.Stat(home.joiningFile()); err == nil {
		if err := home.Reset(); err != nil {
			return err
		}
	}
	used, err := os.ReadDir(home.StateDir())
	if err != nil {
		return err
	}
	for _, name := range databases {
		if _, err := os.Stat(home.join("data", name)); err == nil {
			return ErrHomeInUse
		}
	}
	if len(used) > 0 {
		return ErrHomeInUse
	}
	if err := os.WriteFile(home.joiningFile(), nil, 0o600); err != nil {
		return err
	}
	return syncFolder(string(home))
}

// verify holds the manifest against the signed headers.
func (r *Restoring) verify(ctx context.Context, p *stateProvider, m *snapshot.Manifest) (s sm.State, c *types.Commit, err error) {
	if s, err = p.State(ctx, m.Height); err != nil {
		return s, nil, err
	}
	if c, err = p.Commit(ctx, m.Height); err != nil {
		return s, nil, err
	}
	if d := m.State.Digest(); string(d[:]) != string(s.AppHash) || m.Time != uint64(s.LastBlockTime.Unix()) {
		return s, nil, fmt.Errorf("the header of height %d signs another state", m.Height+1)
	}
	return s, c, nil
}

// fill restores the registry's state.
func (r *Restoring) fill(ctx context.Context, m *snapshot.Manifest) (err error) {
	state, err := registry.Open(r.Home.StateDir(), &registry.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	work, err := state.Restore(r.Genesis.Encode(), m)
	if err != nil {
		return err
	}
	for n := range m.Chunks {
		if r.Progress != nil {
			r.Progress("restore", uint64(n), uint64(len(m.Chunks)))
		}
		b, err := snapshot.Folder(r.From).Chunk(m, n)
		if err == nil {
			err = work.Apply(ctx, n, b)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBackup, err)
		}
	}
	return work.Finish(ctx)
}

// bootstrap writes what consensus keeps of a state that it has not executed,
// as it does itself after a state sync.
func bootstrap(home Home, g *directory.Genesis, s sm.State, commit *types.Commit) (err error) {
	c := configOf(home, g, &Options{})
	dbs := &stores{}
	defer func() { err = errors.Join(err, dbs.close()) }()
	blocks, err := dbs.open(&config.DBContext{ID: "blockstore", Config: c})
	if err != nil {
		return err
	}
	states, err := dbs.open(&config.DBContext{ID: "state", Config: c})
	if err != nil {
		return err
	}
	ss := sm.NewStore(states, sm.StoreOptions{})
	if err := ss.Bootstrap(s); err != nil {
		return err
	}
	if err := store.NewBlockStore(blocks).SaveSeenCommit(s.LastBlockHeight, commit); err != nil {
		return err
	}
	return ss.SetOfflineStateSyncHeight(s.LastBlockHeight)
}
