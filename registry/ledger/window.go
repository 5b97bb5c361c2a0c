package ledger

import (
	"bytes"
	"fmt"

	dbm "github.com/cometbft/cometbft-db"
	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	"github.com/cometbft/cometbft/types"
)

// Keys of CometBFT v0.40's databases, which has no way to write a header
// without its block.
func metaKey(height int64) []byte       { return fmt.Appendf(nil, "H:%d", height) }
func votesKey(height int64) []byte      { return fmt.Appendf(nil, "C:%d", height) }
func validatorsKey(height int64) []byte { return fmt.Appendf(nil, "validatorsKey:%d", height) }

// A windowStore writes headers into consensus's databases as it does itself.
type windowStore struct{ blocks, states dbm.DB }

// write writes light blocks, which descend by one in height, to disk: the
// validators first, so that a header that is there has its own. Blocks
// themselves, and the index from their hashes, are not there, and nothing says
// that they are: the store's base stays where it is.
func (s windowStore) write(down []*types.LightBlock) error {
	if err := s.writeValidators(down); err != nil {
		return fmt.Errorf("ledger: writing validators: %w", err)
	}
	batch := s.blocks.NewBatch()
	defer batch.Close()
	for _, lb := range down {
		meta, err := (&types.BlockMeta{BlockID: lb.Commit.BlockID, Header: *lb.Header}).ToProto().Marshal()
		if err != nil {
			return err
		}
		votes, err := lb.Commit.ToProto().Marshal()
		if err != nil {
			return err
		}
		if err := batch.Set(metaKey(lb.Height), meta); err != nil {
			return err
		}
		if err := batch.Set(votesKey(lb.Height), votes); err != nil {
			return err
		}
	}
	if err := batch.WriteSync(); err != nil {
		return fmt.Errorf("ledger: writing headers: %w", err)
	}
	return nil
}

// writeValidators writes the whole set at the lowest height, where it changes,
// and where CometBFT looks for one; the others point to the nearest below. A
// set that stands there already stays: with it is whose turn it was to propose.
func (s windowStore) writeValidators(down []*types.LightBlock) error {
	batch := s.states.NewBatch()
	defer batch.Close()
	since, names := int64(0), []byte(nil)
	for i := len(down) - 1; i >= 0; i-- {
		lb := down[i]
		info := &cmtstate.ValidatorsInfo{}
		if since == 0 || lb.Height%checkpoint == 0 || !bytes.Equal(lb.ValidatorsHash, names) {
			set, err := lb.ValidatorSet.ToProto()
			if err != nil {
				return err
			}
			info.ValidatorSet, since, names = set, lb.Height, lb.ValidatorsHash
		}
		info.LastHeightChanged = since
		old, err := s.states.Get(validatorsKey(lb.Height))
		if err != nil {
			return err
		}
		var there cmtstate.ValidatorsInfo
		if err := there.Unmarshal(old); err != nil {
			return err
		}
		if there.ValidatorSet != nil {
			continue
		}
		b, err := info.Marshal()
		if err != nil {
			return err
		}
		if err := batch.Set(validatorsKey(lb.Height), b); err != nil {
			return err
		}
	}
	return batch.WriteSync()
}
