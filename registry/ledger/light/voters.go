package light

import (
	"crypto/ed25519"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// Voters returns the keys of the validators whose set signed a head, which the
// caller has verified. The directory of the same head already names those of
// the next blocks (docs/spec.md §6.7).
func Voters(h *directory.Head) ([]ed25519.PublicKey, error) {
	var pb cmtproto.LightBlock
	if err := pb.Unmarshal(h.SignedHeader); err != nil {
		return nil, lie(Malformed, "signed header: %v", err)
	}
	lb, err := types.LightBlockFromProto(&pb)
	if err != nil || lb.ValidatorSet == nil {
		return nil, lie(Malformed, "signed header: %v", err)
	}
	var keys []ed25519.PublicKey
	for _, v := range lb.ValidatorSet.Validators {
		keys = append(keys, ed25519.PublicKey(v.PubKey.Bytes()))
	}
	return keys, nil
}
