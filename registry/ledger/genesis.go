package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
)

const (
	appVersion = 1

	// maxBlockBytes leaves room for a dozen full batches in one block.
	maxBlockBytes = 4 << 20
)

// longestEvidence is how long a validator answers for two votes at one height:
// a node that was off over the holidays still brings what it saw, and the
// headers that are kept for it, a KiB each, do not fill a disk.
const longestEvidence = 14 * 24 * time.Hour

// evidenceAge says how old evidence may be. CometBFT lets it go when it is
// older than both the time and the number of blocks. The time is the ledger's
// trust period, for which a header vouches for later validators, but no more
// than two weeks; the number is that of an idle ledger in this time, so that
// evidence outlives a ledger that stood still. Whoever signed twice is then
// convicted also when the others were off.
func evidenceAge(p directory.Parameters) types.EvidenceParams {
	e := types.DefaultEvidenceParams()
	e.MaxAgeDuration = longestEvidence
	if p.TrustPeriod < uint64(longestEvidence/time.Second) {
		e.MaxAgeDuration = time.Duration(p.TrustPeriod) * time.Second
	}
	e.MaxAgeNumBlocks = max(1, int64(e.MaxAgeDuration/time.Second)/int64(p.Heartbeat))
	return e
}

// anyEvidence is the longest age that parameters can make of it.
func anyEvidence() types.EvidenceParams {
	return evidenceAge(directory.Parameters{TrustPeriod: uint64(longestEvidence / time.Second), Heartbeat: 1})
}

// genesisDoc derives CometBFT's genesis document from ours. It is a function
// of the genesis alone, so all nodes derive the same; app_state is the genesis
// message as a JSON string in base64.
func genesisDoc(g *directory.Genesis) (*types.GenesisDoc, error) {
	appState, err := json.Marshal(g.Encode())
	if err != nil {
		return nil, err
	}
	params := types.DefaultConsensusParams()
	params.Block.MaxBytes = maxBlockBytes
	params.Version.App = appVersion
	params.Evidence = evidenceAge(g.Directory.Parameters)
	doc := &types.GenesisDoc{
		GenesisTime:     time.Unix(int64(g.Time), 0).UTC(),
		ChainID:         g.ChainID,
		InitialHeight:   1,
		ConsensusParams: params,
		AppState:        appState,
	}
	for _, v := range g.Directory.Voting() {
		key := cmted25519.PubKey(v.Key)
		doc.Validators = append(doc.Validators, types.GenesisValidator{Address: key.Address(), PubKey: key, Power: int64(v.Power), Name: v.Name})
	}
	if err := doc.ValidateAndComplete(); err != nil {
		return nil, fmt.Errorf("ledger: genesis: %w", err)
	}
	return doc, nil
}
