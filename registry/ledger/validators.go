package ledger

import (
	abci "github.com/cometbft/cometbft/abci/types"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// misbehaving are the addresses of those whom a block's evidence convicts: of
// two votes at one height, or of signing a chain for a light client that is
// not the ledger's. Both are two signatures where there may be one.
func misbehaving(evidence []abci.Misbehavior) (out [][20]byte) {
	for _, e := range evidence {
		var a [20]byte
		if len(e.Validator.Address) == len(a) {
			copy(a[:], e.Validator.Address)
			out = append(out, a)
		}
	}
	return out
}

// powerUpdates tells consensus who signs from the block after next on.
func powerUpdates(changed []directory.Validator) (out []abci.ValidatorUpdate) {
	for _, v := range changed {
		out = append(out, abci.UpdateValidator(v.Key, int64(v.Power), cmted25519.KeyType))
	}
	return out
}
