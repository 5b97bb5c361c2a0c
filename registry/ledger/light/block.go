package light

import (
	"bytes"
	"context"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// A HeaderSource hands out light blocks by their height, for a new member who
// builds consensus's state from verified ones (docs/spec.md §6.8). It is
// believed in nothing.
type HeaderSource interface {
	// Header returns the light block of a height, CometBFT's LightBlock in
	// canonical protobuf: [ErrRange] if the node does not have it, or not yet.
	Header(ctx context.Context, height uint64) ([]byte, error)
}

// VerifyBlock reads the light block of a height and verifies it against a
// genesis that the caller trusts: chain, validators and signatures of more
// than two thirds of their power.
func VerifyBlock(g *directory.Genesis, message []byte, height uint64) (*types.LightBlock, error) {
	if len(message) > directory.MaxSignedHeader {
		return nil, lie(Malformed, "light block: %d bytes", len(message))
	}
	var pb cmtproto.LightBlock
	if err := pb.Unmarshal(message); err != nil {
		return nil, lie(Malformed, "light block: %v", err)
	}
	if again, err := pb.Marshal(); err != nil || !bytes.Equal(again, message) {
		return nil, lie(Malformed, "light block: not in its canonical form")
	}
	lb, err := types.LightBlockFromProto(&pb)
	if err != nil {
		return nil, lie(Malformed, "light block: %v", err)
	}
	if lb.SignedHeader == nil || lb.Header == nil || lb.Commit == nil || lb.ValidatorSet == nil || uint64(lb.Height) != height {
		return nil, lie(Malformed, "light block: incomplete, or not of height %d", height)
	}
	vals := Validators(g)
	if hash := vals.Hash(); !bytes.Equal(lb.ValidatorsHash, hash) || !bytes.Equal(lb.ValidatorSet.Hash(), hash) {
		return nil, lie(ForeignValidators, "height %d", lb.Height)
	}
	if err := lb.ValidateBasic(g.ChainID); err != nil {
		return nil, lie(BadSignatures, "height %d: %v", lb.Height, err)
	}
	if err := types.VerifyCommitLight(g.ChainID, vals, lb.Commit.BlockID, lb.Height, lb.Commit); err != nil {
		return nil, lie(BadSignatures, "height %d: %v", lb.Height, err)
	}
	return lb, nil
}
