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
	params.Evidence = evidenceParams(g.Directory.Parameters)
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

// evidenceParams let a validator be convicted of signing twice for as long as a
// light client may believe what it signed. Beyond that, nobody would.
func evidenceParams(p directory.Parameters) types.EvidenceParams {
	e := types.DefaultEvidenceParams()
	e.MaxAgeDuration = max(e.MaxAgeDuration, time.Duration(p.TrustPeriod)*time.Second)
	return e
}
