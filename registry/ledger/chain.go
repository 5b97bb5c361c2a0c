package ledger

import (
	"bytes"
	"fmt"

	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// chain is what consensus has on disk of headers, votes and validators.
type chain struct {
	blocks *store.BlockStore
	states sm.Store
}

func (c *chain) header(height uint64) *types.Header {
	if m := c.blocks.LoadBlockMeta(int64(height)); m != nil {
		return &m.Header
	}
	return nil
}

// validators are those of a height. No header signs whose turn it is to
// propose, so it is not computed.
func (c *chain) validators(height uint64) (*types.ValidatorSet, error) {
	type quick interface {
		LoadValidatorsFast(int64) (*types.ValidatorSet, error)
	}
	if q, ok := c.states.(quick); ok {
		return q.LoadValidatorsFast(int64(height))
	}
	return c.states.LoadValidators(int64(height))
}

// lightBlock is a header with its validators and the votes that the next
// block has for it: those every node has, and has checked one by one. The
// newest header's votes are the ones that this node saw.
func (c *chain) lightBlock(height uint64) (*types.LightBlock, error) {
	commit := c.blocks.LoadBlockCommit(int64(height))
	if commit == nil {
		commit = c.blocks.LoadSeenCommit(int64(height))
	}
	h := c.header(height)
	if h == nil || commit == nil {
		return nil, nil
	}
	vals, err := c.validators(height)
	if err != nil {
		return nil, err
	}
	return &types.LightBlock{SignedHeader: &types.SignedHeader{Header: h, Commit: commit}, ValidatorSet: vals}, nil
}

// signed is the newest header's light block in its canonical form, nil when
// there is none whose votes are all good: a node that took the block from
// another one has checked no more of them than it needed.
func (c *chain) signed(height uint64) (*types.Header, []byte, error) {
	lb, err := c.lightBlock(height)
	if err != nil || lb == nil {
		return nil, nil, err
	}
	if types.VerifyCommit(lb.ChainID, lb.ValidatorSet, lb.Commit.BlockID, lb.Height, lb.Commit) != nil {
		return nil, nil, nil
	}
	raw, err := light.EncodeLink(lb)
	return lb.Header, raw, err
}

// link keeps the light block before a height, if it is one around a change.
func (c *chain) link(t *trail, before uint64) error {
	h := c.header(before - 1)
	if h == nil || !t.wants(h) {
		return nil
	}
	lb, err := c.lightBlock(before - 1)
	if err != nil || lb == nil {
		return fmt.Errorf("ledger: the light block of height %d cannot be kept: %w", before-1, err)
	}
	return t.keep(lb)
}

// mend adds what a crash left out of the trail, as far as there are blocks.
func (c *chain) mend(t *trail) error {
	height := uint64(c.blocks.Height())
	h := c.header(height)
	if h == nil || t.leadsTo(h) == nil {
		return nil
	}
	if t.newest() >= height && bytes.Equal(h.ValidatorsHash, t.validatorsAt(height)) {
		return nil // a node that joined was shown changes that it has not come to
	}
	from := uint64(c.blocks.Base())
	if n := len(t.kept); n > 0 {
		from = max(from, t.kept[n-1].height)
	}
	for ; from < height; from++ {
		if err := c.link(t, from+1); err != nil {
			return err
		}
	}
	return t.leadsTo(h)
}
