package ledger

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

// decodes reads an entry of CometBFT's state database.
func decodes(key, value []byte) error {
	prefix, number, _ := strings.Cut(string(key), ":")
	height, _ := strconv.ParseInt(number, 10, 64)
	switch prefix {
	case "validatorsKey":
		var v cmtstate.ValidatorsInfo
		err := v.Unmarshal(value)
		return own(height, err, v.ValidatorSet != nil, v.LastHeightChanged)
	case "consensusParamsKey":
		var p cmtstate.ConsensusParamsInfo
		err := p.Unmarshal(value)
		return own(height, err, !p.ConsensusParams.Equal(&cmtproto.ConsensusParams{}), p.LastHeightChanged)
	case "abciResponsesKey":
		return new(abci.ResponseFinalizeBlock).Unmarshal(value)
	case "lastABCIResponseKey":
		return new(cmtstate.ABCIResponsesInfo).Unmarshal(value)
	case "stateKey":
		return new(cmtstate.State).Unmarshal(value)
	}
	return nil
}

// checkpoint is how often CometBFT writes out validators that have not changed.
const checkpoint = 100_000

// own holds the height at which validators or parameters changed last against
// the height of their entry: an entry has its own where they changed, and else
// points back to one that has.
func own(height int64, err error, has bool, changed int64) error {
	switch {
	case err != nil:
		return err
	case has && changed != height && height%checkpoint != 0, !has && changed >= height:
		return fmt.Errorf("it says that it changed last at height %d", changed)
	}
	return nil
}

// chain checks the blocks from the oldest to the newest, and what stands at
// their end.
func (c *homeCheck) chain() (err error) {
	if c.state, err = c.states.Load(); err != nil {
		return damaged("data/state.db", "%v", err)
	}
	base, top := c.blocks.Base(), c.blocks.Height()
	c.report.Base, c.report.Top = uint64(base), uint64(top)
	if s := c.state; !s.IsEmpty() && (s.ChainID != c.doc.ChainID || s.InitialHeight != c.doc.InitialHeight || s.Version.Consensus.App != s.ConsensusParams.Version.App) {
		return damaged("data/state.db", "it is of another chain, or of another version")
	}
	if top == 0 {
		if err := c.noBlocks(); err != nil {
			return err
		}
		if c.view != nil && c.report.Height > 0 && c.state.LastBlockHeight == int64(c.report.Height) {
			// Restored from a backup and not started since: the next block is to come.
			if d := c.view.State.Digest(); bytes.Equal(d[:], c.state.AppHash) {
				return c.window(seam{height: c.state.LastBlockHeight, id: c.state.LastBlockID})
			}
		}
		if c.report.Height > 0 || c.state.LastBlockHeight > 0 {
			return damaged("data/blockstore.db", "the state stands at block %d, and there are no blocks", max(int64(c.report.Height), c.state.LastBlockHeight))
		}
		return nil
	}
	if base < 1 || base > top {
		return damaged("data/blockstore.db", "it says that it keeps blocks %d to %d", base, top)
	}
	var before *types.Block
	for h := base; h <= top; h++ {
		if h%64 == 0 {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			c.progress("blocks", uint64(h-base), uint64(top-base+1))
		}
		b, err := c.block(h, before)
		if err != nil {
			return err
		}
		before = b
	}
	c.progress("blocks", uint64(top-base+1), uint64(top-base+1))
	if err := c.window(below(&c.blocks.LoadBlockMeta(base).Header)); err != nil {
		return err
	}
	return c.end(before)
}

// window checks the headers below the blocks, by which evidence is judged, down
// to the first that is missing: with their votes and validators, each by the
// one above it. A node keeps those of blocks that it has pruned, and brings
// those of before a snapshot.
func (c *homeCheck) window(at seam) error {
	for n := uint64(0); at.height >= 1; n++ {
		if n%64 == 0 {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			c.progress("headers below the blocks", n, 0)
		}
		where := fmt.Sprintf("header %d", at.height)
		meta := c.blocks.LoadBlockMeta(at.height)
		if meta == nil {
			return nil
		}
		votes := c.blocks.LoadBlockCommit(at.height)
		vals, err := c.validators(at.height)
		if votes == nil || err != nil {
			return damaged(where, "its votes or its validators are missing: %v", err)
		}
		if !meta.BlockID.Equals(at.id) {
			return damaged(where, "it is not the one that the next names")
		}
		lb := &types.LightBlock{SignedHeader: &types.SignedHeader{Header: &meta.Header, Commit: votes}, ValidatorSet: vals}
		if err := at.holds(c.genesis.ChainID, lb); err != nil {
			return damaged(where, "%v", err)
		}
		at = below(&meta.Header)
	}
	return nil
}

// noBlocks holds a block store that says that it is empty to being so. A home
// that was restored has the votes for the block of its backup, perhaps headers
// of before, and no block.
func (c *homeCheck) noBlocks() error {
	it, err := c.blockDB.Iterator(nil, nil)
	if err != nil {
		return err
	}
	defer it.Close()
	for ; it.Valid(); it.Next() {
		if kind, _, _ := strings.Cut(string(it.Key()), ":"); kind != "SC" && kind != "H" && kind != "C" {
			return damaged("data/blockstore.db", "it says that it is empty, and holds blocks")
		}
	}
	return it.Error()
}

// block checks one block: by itself, against the one before it, and by the
// votes for it.
func (c *homeCheck) block(h int64, before *types.Block) (*types.Block, error) {
	meta := c.blocks.LoadBlockMeta(h)
	if meta == nil {
		return nil, damaged(fmt.Sprintf("block %d", h), "its header is missing")
	}
	if err := c.parts(h, meta); err != nil {
		return nil, err
	}
	b := c.blocks.LoadBlock(h)
	if b == nil {
		return nil, damaged(fmt.Sprintf("block %d", h), "part of it is missing")
	}
	if err := b.ValidateBasic(); err != nil {
		return nil, damaged(fmt.Sprintf("block %d", h), "%v", err)
	}
	indexed := c.blocks.LoadBlockMetaByHash(meta.BlockID.Hash)
	if err := firstOf(h,
		step{b.Height == h && b.ChainID == c.genesis.ChainID, "it is another block"},
		step{bytes.Equal(b.Hash(), meta.BlockID.Hash) && bytes.Equal(meta.Header.Hash(), meta.BlockID.Hash), "its header is not the one that its hash names"},
		step{meta.BlockSize == b.Size() && meta.NumTxs == len(b.Txs), "its size is not what its header's record says"},
		step{indexed != nil && indexed.Header.Height == h, "the index does not lead from its hash to it"},
	); err != nil {
		return nil, err
	}
	vals, err := c.validators(h)
	if err != nil {
		return nil, damaged(fmt.Sprintf("block %d", h), "its validators: %v", err)
	}
	params, err := c.states.LoadConsensusParams(h)
	if err != nil {
		return nil, damaged(fmt.Sprintf("block %d", h), "its parameters: %v", err)
	}
	if err := firstOf(h,
		step{bytes.Equal(vals.Hash(), b.ValidatorsHash), "its validators are not those that its header names"},
		step{h > 1 || bytes.Equal(b.ValidatorsHash, c.doc.ValidatorHash()), "the first validators are not the genesis's"},
		step{bytes.Equal(params.Hash(), b.ConsensusHash), "its parameters are not those that its header names"},
	); err != nil {
		return nil, err
	}
	if before != nil {
		if err := c.follows(b, before); err != nil {
			return nil, err
		}
	}
	return b, c.votes(h, meta.BlockID, vals)
}

// parts puts a block together and proves each part to belong to it.
func (c *homeCheck) parts(h int64, meta *types.BlockMeta) error {
	if n := meta.BlockID.PartSetHeader.Total; n > types.MaxBlockPartsCount {
		return damaged(fmt.Sprintf("block %d", h), "it is said to have %d parts", n)
	}
	set := types.NewPartSetFromHeader(meta.BlockID.PartSetHeader)
	for i := range int(meta.BlockID.PartSetHeader.Total) {
		p := c.blocks.LoadBlockPart(h, i)
		if p == nil {
			return damaged(fmt.Sprintf("block %d", h), "part %d is missing", i)
		}
		if added, err := set.AddPart(p); err != nil || !added {
			return damaged(fmt.Sprintf("block %d", h), "part %d does not belong to it", i)
		}
	}
	if !set.IsComplete() {
		return damaged(fmt.Sprintf("block %d", h), "part of it is missing")
	}
	return nil
}

// follows checks what a header says about the block before it: its id, its
// votes, and what the application answered to it.
func (c *homeCheck) follows(b, before *types.Block) error {
	last := c.blocks.LoadBlockMeta(before.Height)
	commit := c.blocks.LoadBlockCommit(before.Height)
	if err := firstOf(b.Height,
		step{last != nil && b.LastBlockID.Equals(last.BlockID), "it does not follow the block before it"},
		step{commit != nil && bytes.Equal(commit.Hash(), b.LastCommitHash), "the votes for the block before it are not those that are kept"},
		step{bytes.Equal(b.ValidatorsHash, before.NextValidatorsHash), "its validators are not those that the block before it named"},
		step{!b.Time.Before(before.Time), "its time is before that of the block before it"},
	); err != nil {
		return err
	}
	// Answers of old blocks may have been pruned.
	answer, err := c.states.LoadFinalizeBlockResponse(before.Height)
	if err != nil {
		return nil
	}
	return firstOf(before.Height,
		step{bytes.Equal(answer.AppHash, b.AppHash), "the state that was answered is not the one that the next header signs"},
		step{bytes.Equal(sm.TxResultsHash(answer.TxResults), b.LastResultsHash), "the results that were answered are not those that the next header signs"},
	)
}

// votes verifies the signatures for a block: those that this node saw, where
// they are kept, and those that the next block has.
func (c *homeCheck) votes(h int64, id types.BlockID, vals *types.ValidatorSet) error {
	next := c.blocks.LoadBlockCommit(h)
	for what, commit := range map[string]*types.Commit{"that this node saw": c.blocks.LoadSeenCommit(h), "in the next block": next} {
		if commit == nil {
			if h == c.blocks.Height() && what == "that this node saw" {
				return damaged(fmt.Sprintf("block %d", h), "the votes for it are missing")
			}
			continue
		}
		if err := types.VerifyCommit(c.genesis.ChainID, vals, id, h, commit); err != nil {
			return damaged(fmt.Sprintf("block %d", h), "the votes %s: %v", what, err)
		}
	}
	if next == nil && h < c.blocks.Height() {
		return damaged(fmt.Sprintf("block %d", h), "the votes for it are missing")
	}
	return nil
}

// validators returns a block's, without their turns as proposers, which would
// be computed anew from the last change for each block.
func (c *homeCheck) validators(h int64) (*types.ValidatorSet, error) {
	if fast, ok := c.states.(interface {
		LoadValidatorsFast(int64) (*types.ValidatorSet, error)
	}); ok {
		return fast.LoadValidatorsFast(h)
	}
	return c.states.LoadValidators(h)
}

// end holds consensus's own state and the registry's against the newest block.
func (c *homeCheck) end(top *types.Block) error {
	const where = "data/state.db"
	at := c.state.LastBlockHeight
	if at != top.Height && at != top.Height-1 {
		return damaged(where, "it stands at block %d, the newest one is %d", at, top.Height)
	}
	hash := c.state.AppHash // of the state after block at
	if at == top.Height-1 {
		if !bytes.Equal(hash, top.AppHash) {
			return damaged(where, "its state is not the one that header %d signs", top.Height)
		}
	} else if id := c.blocks.LoadBlockMeta(at).BlockID; !c.state.LastBlockID.Equals(id) || !c.state.LastBlockTime.Equal(top.Time) {
		return damaged(where, "its newest block is another one")
	}
	vals, err := c.validators(at + 1)
	if err != nil || !bytes.Equal(vals.Hash(), c.state.Validators.Hash()) {
		return damaged(where, "the next block's validators are not those of its state")
	}
	params, err := c.states.LoadConsensusParams(at + 1)
	if err != nil || !bytes.Equal(params.Hash(), c.state.ConsensusParams.Hash()) {
		return damaged(where, "the next block's parameters are not those of its state")
	}
	return c.signed(top, hash)
}

// signed checks that a header signs the state, or, for the newest block, that
// the answer to it does.
func (c *homeCheck) signed(top *types.Block, after []byte) error {
	h := int64(c.report.Height)
	switch {
	case c.view == nil:
		if c.report.Base > 1 {
			return damaged("state", "there is none, and the blocks begin with %d", c.report.Base)
		}
		return nil // all blocks will be executed again
	case h > top.Height:
		return damaged("data/blockstore.db", "the state stands at block %d, the newest one is %d", h, top.Height)
	case h > 0 && h < int64(c.report.Base)-1:
		return damaged("state", "it stands at block %d, and the blocks begin with %d", h, c.report.Base)
	}
	var want []byte
	switch {
	case h < top.Height:
		b := c.blocks.LoadBlockMeta(max(h+1, 1))
		if b == nil {
			return damaged("state", "the block after %d is missing", h)
		}
		want = b.Header.AppHash
	case c.state.LastBlockHeight == h:
		want = after
	default: // committed, and consensus had not taken note
		answer, err := c.states.LoadLastFinalizeBlockResponse(h)
		if err != nil {
			return damaged("data/state.db", "the answer to block %d: %v", h, err)
		}
		want = answer.AppHash
	}
	if got := c.view.State.Digest(); !bytes.Equal(got[:], want) {
		return damaged("state", "the state at block %d is not the one that was signed", h)
	}
	return nil
}
