package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/statesync"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

var _ statesync.StateProvider = (*stateProvider)(nil)

// stateProvider builds consensus's state at a height from light blocks that
// other members hand out and that are verified from the genesis. It asks one
// after the other: who lies, or does not answer, is passed over.
type stateProvider struct {
	genesis *directory.Genesis
	doc     *types.GenesisDoc
	trail   *trail // grows by what the sources show
	sources []Member
	retry   time.Duration // between rounds of asking; 0 asks once

	interval uint64 // of snapshots; 0 takes any height

	mu     sync.Mutex
	blocks map[uint64]*types.LightBlock // verified
	head   uint64                       // the greatest height that a source has shown
	looked time.Time                    // when all of them were asked for it
}

const (
	headerTimeout = 10 * time.Second
	keptBlocks    = 64              // of a few snapshots
	lookAgain     = 5 * time.Second // for a newer head
)

func newStateProvider(g *directory.Genesis, kept *trail, sources []Member) (*stateProvider, error) {
	doc, err := genesisDoc(g)
	if err != nil {
		return nil, err
	}
	return &stateProvider{genesis: g, doc: doc, trail: kept, sources: sources, retry: 500 * time.Millisecond, blocks: map[uint64]*types.LightBlock{}}, nil
}

// block returns the verified light block of a height.
func (p *stateProvider) block(ctx context.Context, height uint64) (*types.LightBlock, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.blocks[height]; b != nil {
		return b, nil
	}
	for {
		var errs error
		for _, s := range p.sources {
			b, err := p.ask(ctx, s, height)
			if err != nil {
				errs = errors.Join(errs, err)
				continue
			}
			if len(p.blocks) >= keptBlocks {
				clear(p.blocks)
			}
			p.blocks[height] = b
			return b, nil
		}
		if p.retry == 0 {
			return nil, errs
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("ledger: nobody has a verified header of height %d: %w", height, errors.Join(ctx.Err(), errs))
		case <-time.After(p.retry):
		}
	}
}

func (p *stateProvider) ask(ctx context.Context, m Member, height uint64) (*types.LightBlock, error) {
	ctx, cancel := context.WithTimeout(ctx, headerTimeout)
	defer cancel()
	raw, err := m.Header(ctx, height)
	if err != nil {
		return nil, err
	}
	b, err := p.verify(ctx, m, raw)
	if err == nil && uint64(b.Height) != height {
		err = fmt.Errorf("ledger: the light block of height %d for %d", b.Height, height)
	}
	return b, err
}

// verify reads a light block of a member and holds its validators against those
// of its height: the genesis's, or the ones to which the changes in its trail
// lead from there.
func (p *stateProvider) verify(ctx context.Context, m Member, raw []byte) (*types.LightBlock, error) {
	b, err := light.ReadLink(p.genesis, raw)
	if err != nil {
		return nil, err
	}
	for !bytes.Equal(b.ValidatorsHash, p.trail.validatorsAt(uint64(b.Height))) {
		links, err := m.Trail(ctx, p.trail.newest())
		if err != nil {
			return nil, err
		}
		if len(links) == 0 {
			return nil, fmt.Errorf("%w: the header of height %d has validators that nothing leads to", ErrTrail, b.Height)
		}
		if err := p.trail.extend(links); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// errNoSnapshot reports a height after which no member has taken a snapshot.
var errNoSnapshot = errors.New("ledger: no member takes a snapshot at this height, or the ledger has not come to it")

// reached says whether a source has shown a head of a height. It waits for
// none: a peer may offer snapshots of heights that never come, one after the
// other, and whoever waited for each would never join.
func (p *stateProvider) reached(ctx context.Context, height uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if height <= p.head || time.Since(p.looked) < lookAgain {
		return height <= p.head
	}
	var wait sync.WaitGroup
	heads := make([]uint64, len(p.sources))
	for i, m := range p.sources {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, lookAgain)
			defer cancel()
			heads[i], _ = p.headOf(ctx, m) // 0 of one that fails
		})
	}
	wait.Wait()
	for _, h := range heads {
		p.head = max(p.head, h)
	}
	p.looked = time.Now()
	return height <= p.head
}

// AppHash returns the hash of the state after the block of a height. The block
// two above it must be there too: [stateProvider.State] needs it.
func (p *stateProvider) AppHash(ctx context.Context, height uint64) ([]byte, error) {
	if p.interval != 0 && height%p.interval != 0 || height > math.MaxInt32 || !p.reached(ctx, height+settledAfter) {
		return nil, errNoSnapshot
	}
	if _, err := p.block(ctx, height+2); err != nil {
		return nil, err
	}
	b, err := p.block(ctx, height+1)
	if err != nil {
		return nil, err
	}
	return b.AppHash, nil
}

// Commit returns the votes for the block of a height.
func (p *stateProvider) Commit(ctx context.Context, height uint64) (*types.Commit, error) {
	b, err := p.block(ctx, height)
	if err != nil {
		return nil, err
	}
	return b.Commit, nil
}

// time is that of the block of a height, unix seconds.
func (p *stateProvider) time(ctx context.Context, height uint64) (uint64, error) {
	b, err := p.block(ctx, height)
	if err != nil {
		return 0, err
	}
	return uint64(b.Time.Unix()), nil
}

// State returns consensus's state after the block of a height. The block after
// next names the validators that the newest block may have changed.
func (p *stateProvider) State(ctx context.Context, height uint64) (sm.State, error) {
	var b [3]*types.LightBlock
	for i := range b {
		var err error
		if b[i], err = p.block(ctx, height+uint64(i)); err != nil {
			return sm.State{}, err
		}
	}
	last, current, next := b[0], b[1], b[2]
	if !current.LastBlockID.Equals(last.Commit.BlockID) || !next.LastBlockID.Equals(current.Commit.BlockID) {
		return sm.State{}, fmt.Errorf("ledger: the headers of heights %d to %d do not follow each other", height, height+2)
	}
	params := *p.doc.ConsensusParams
	if !bytes.Equal(params.Hash(), current.ConsensusHash) {
		return sm.State{}, fmt.Errorf("ledger: the header of height %d has other consensus parameters than this program", height+1)
	}
	// Nor is the age of evidence in that hash, and the stewards may have changed
	// it. The first block that this node executes says what it is; evidence in
	// that block was taken by those who signed it.
	params.Evidence = anyEvidence()
	s := sm.State{
		Version:         cmtstate.Version{Consensus: current.Version, Software: version.TMCoreSemVer},
		ChainID:         p.doc.ChainID,
		InitialHeight:   p.doc.InitialHeight,
		LastBlockHeight: last.Height,
		LastBlockTime:   last.Time,
		LastBlockID:     last.Commit.BlockID,
		AppHash:         current.AppHash,
		LastResultsHash: current.LastResultsHash,

		LastHeightValidatorsChanged:      next.Height,
		ConsensusParams:                  params,
		LastHeightConsensusParamsChanged: current.Height,
	}
	for _, x := range b[:2] { // the node will not have their blocks
		if p.trail.wants(x.Header) {
			if err := p.trail.keep(x); err != nil {
				return sm.State{}, err
			}
		}
	}
	for i, to := range []**types.ValidatorSet{&s.LastValidators, &s.Validators, &s.NextValidators} {
		set, err := p.validators(height + uint64(i))
		if err != nil {
			return sm.State{}, err
		}
		if !bytes.Equal(set.Hash(), b[i].ValidatorsHash) {
			return sm.State{}, fmt.Errorf("ledger: the validators of height %d are not the header's", b[i].Height)
		}
		*to = set
	}
	return s, nil
}

// validators are those of a height, with whose turn it is to propose. No header
// signs the turns: they follow from the genesis, one step for each block and
// what each change adds.
func (p *stateProvider) validators(height uint64) (*types.ValidatorSet, error) {
	if height == 0 || height > math.MaxInt32 {
		return nil, fmt.Errorf("ledger: height %d", height)
	}
	set, at := light.Validators(p.genesis), uint64(1)
	walk := func(to uint64) {
		if to > at {
			set.IncrementProposerPriority(int32(to - at))
			at = to
		}
	}
	for _, raw := range p.trail.sets(height) {
		b, err := light.ReadLink(p.genesis, raw)
		if err != nil {
			return nil, err
		}
		walk(uint64(b.Height) - 1)
		if err := set.UpdateWithChangeSet(changesOf(set, b.ValidatorSet)); err != nil {
			return nil, err
		}
		walk(uint64(b.Height))
	}
	walk(height)
	return set, nil
}

// changesOf are the changes that lead from one set to another.
func changesOf(from, to *types.ValidatorSet) (out []*types.Validator) {
	for _, v := range to.Validators {
		if _, old := from.GetByAddress(v.Address); old == nil || old.VotingPower != v.VotingPower {
			out = append(out, types.NewValidator(v.PubKey, v.VotingPower))
		}
	}
	for _, v := range from.Validators {
		if !to.HasAddress(v.Address) {
			out = append(out, types.NewValidator(v.PubKey, 0))
		}
	}
	return out
}
