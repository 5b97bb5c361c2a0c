package ledger

import (
	"context"

	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/registry"
)

// Corrupt makes the node a lying member: what it serves of snapshots passes
// through change.
func (n *Node) Corrupt(change func([]byte) []byte) { n.app.corrupt = change }

// CheckState checks the node's state.
func (n *Node) CheckState(ctx context.Context) error {
	_, err := n.state.Check(ctx, nil)
	return err
}

// View is that of the newest block on disk.
func (n *Node) View() (registry.View, error) { return n.state.View() }

// AppHash is what the block of a height was built on, nil where the node does
// not have the block.
func (n *Node) AppHash(height uint64) []byte {
	if height < uint64(n.comet.BlockStore().Base()) {
		return nil // of which it has the header at most
	}
	if m := n.comet.BlockStore().LoadBlockMeta(int64(height)); m != nil {
		return m.Header.AppHash
	}
	return nil
}

// SignedBy says that the validator of another home signed a block.
func (n *Node) SignedBy(key []byte, height uint64) bool {
	b, err := n.chain.lightBlock(height)
	if err != nil || b == nil {
		return false
	}
	for i, s := range b.Commit.Signatures {
		if string(b.ValidatorSet.Validators[i].PubKey.Bytes()) == string(key) {
			return s.BlockIDFlag == types.BlockIDFlagCommit
		}
	}
	return false
}
