package ledger

import (
	"bytes"
	stded25519 "crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cometbft/cometbft/crypto"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// validator loads the validator's key with what it signed last. A key whose
// halves do not fit is damaged, and so is a last signature that
// does not verify or is not of the height, round and step beside it: what keeps
// a validator from signing twice stands there. CometBFT looks at none of this,
// and its loader ends the process on a file that it cannot read.
func (h Home) validator() (*privval.FilePV, error) {
	var key privval.FilePVKey
	var last privval.FilePVLastSignState
	for _, f := range []struct {
		file string
		to   any
	}{{h.keyFile(), &key}, {h.keyState(), &last}} {
		b, err := os.ReadFile(f.file)
		if err != nil {
			return nil, fmt.Errorf("ledger: validator key: %w", err)
		}
		if err := cmtjson.Unmarshal(b, f.to); err != nil {
			// Its contents are not repeated: one of the files holds a secret.
			return nil, fmt.Errorf("ledger: %s is damaged", filepath.Base(f.file))
		}
	}
	if !whole(key.PrivKey) || key.PubKey == nil || !key.PubKey.Equals(key.PrivKey.PubKey()) || !bytes.Equal(key.Address, key.PubKey.Address()) {
		return nil, fmt.Errorf("ledger: %s is damaged, or holds no Ed25519 key", filepath.Base(h.keyFile()))
	}
	if !signedLast(key.PubKey, &last) {
		return nil, fmt.Errorf("ledger: %s is damaged: it is not what this validator signed last", filepath.Base(h.keyState()))
	}
	return privval.LoadFilePV(h.keyFile(), h.keyState()), nil
}

// nodeKey loads the key by which other nodes know this one.
func (h Home) nodeKey() (*p2p.NodeKey, error) {
	k, err := p2p.LoadNodeKey(h.nodeKeyFile())
	if err != nil {
		return nil, fmt.Errorf("ledger: node key: %w", err)
	}
	if !whole(k.PrivKey) {
		return nil, fmt.Errorf("ledger: %s is damaged", filepath.Base(h.nodeKeyFile()))
	}
	return k, nil
}

// whole tells whether the public half of a private key belongs to its seed.
func whole(k crypto.PrivKey) bool {
	e, ok := k.(cmted25519.PrivKey)
	return ok && len(e) == stded25519.PrivateKeySize && bytes.Equal(e, stded25519.NewKeyFromSeed(e[:stded25519.SeedSize]))
}

// signedLast verifies what the validator signed last. A key that has signed
// nothing stands at zero.
func signedLast(by crypto.PubKey, s *privval.FilePVLastSignState) bool {
	if len(s.SignBytes) == 0 && len(s.Signature) == 0 {
		return s.Height == 0 && s.Round == 0 && s.Step == 0
	}
	if !by.VerifySignature(s.SignBytes, s.Signature) {
		return false
	}
	var height, round int64
	var kind cmtproto.SignedMsgType
	if s.Step == 1 {
		var p cmtproto.CanonicalProposal
		if protoio.UnmarshalDelimited(s.SignBytes, &p) != nil {
			return false
		}
		height, round, kind = p.Height, p.Round, p.Type
	} else {
		var v cmtproto.CanonicalVote
		if protoio.UnmarshalDelimited(s.SignBytes, &v) != nil {
			return false
		}
		height, round, kind = v.Height, v.Round, v.Type
	}
	step := map[cmtproto.SignedMsgType]int8{cmtproto.ProposalType: 1, cmtproto.PrevoteType: 2, cmtproto.PrecommitType: 3}[kind]
	return step != 0 && step == s.Step && height == s.Height && round == int64(s.Round)
}
