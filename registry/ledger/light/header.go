package light

import (
	"bytes"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// Validators is CometBFT's form of a genesis's validators.
func Validators(g *directory.Genesis) *types.ValidatorSet {
	var vs []*types.Validator
	for _, v := range g.Directory.Voting() {
		vs = append(vs, types.NewValidator(cmted25519.PubKey(v.Key), int64(v.Power)))
	}
	return types.NewValidatorSet(vs)
}

// VerifyHead reads a checkpoint message and verifies it against a genesis that
// the caller trusts: chain, validators, signatures of more than two thirds of
// their power, and that the header signs the state. It looks at no clock and
// knows no other head: it also serves to check a kept record years later.
func VerifyHead(g *directory.Genesis, message []byte) (*directory.Head, error) {
	h, err := directory.DecodeHead(message)
	if err != nil {
		return nil, lie(Malformed, "%v", err)
	}
	var pb cmtproto.LightBlock
	if err := pb.Unmarshal(h.SignedHeader); err != nil {
		return nil, lie(Malformed, "signed header: %v", err)
	}
	// Unknown fields and other spellings would give one head many names.
	if again, err := pb.Marshal(); err != nil || !bytes.Equal(again, h.SignedHeader) {
		return nil, lie(Malformed, "signed header: not in its canonical form")
	}
	lb, err := types.LightBlockFromProto(&pb)
	if err != nil {
		return nil, lie(Malformed, "signed header: %v", err)
	}
	if lb.SignedHeader == nil || lb.Header == nil || lb.Commit == nil || lb.ValidatorSet == nil {
		return nil, lie(Malformed, "signed header: incomplete")
	}
	if want := directory.GenesisHash(g); lb.ChainID != g.ChainID || h.State.Genesis != want {
		return nil, lie(OtherChain, "chain %q, genesis %x; this client follows %q, %x", lb.ChainID, h.State.Genesis[:8], g.ChainID, want[:8])
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
	if d := h.State.Digest(); !bytes.Equal(d[:], lb.AppHash) {
		return nil, lie(ForgedState, "the header of height %d signs another state", lb.Height)
	}
	if h.Height != uint64(lb.Height) || h.Time != uint64(lb.Time.Unix()) {
		return nil, lie(ForgedState, "height %d and time %d are not the header's %d and %d", h.Height, h.Time, lb.Height, lb.Time.Unix())
	}
	return h, nil
}
