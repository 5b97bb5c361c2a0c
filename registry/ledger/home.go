package ledger

import (
	stded25519 "crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// ErrHomeExists reports a home whose genesis another one would replace.
var ErrHomeExists = errors.New("ledger: this home has a genesis already")

// Home is a node's directory.
type Home string

func (h Home) join(parts ...string) string {
	return filepath.Join(append([]string{string(h)}, parts...)...)
}

// GenesisFile holds the genesis message; it is what clients are given.
func (h Home) GenesisFile() string { return h.join("genesis.zkconsent") }

// StateDir is where the registry's state lives; see [registry.State.Check].
func (h Home) StateDir() string { return h.join("state") }

// Snapshots is where a node keeps snapshots for members who join: the record
// log in compact form, about 70 bytes a leaf, beside a state of ten times that.
func (h Home) Snapshots() snapshot.Folder { return snapshot.Folder(h.join("snapshots")) }

func (h Home) keyFile() string     { return h.join("config", "priv_validator_key.json") }
func (h Home) keyState() string    { return h.join("data", "priv_validator_state.json") }
func (h Home) nodeKeyFile() string { return h.join("config", "node_key.json") }

// Create makes the directories and the node's keys where they are missing and
// returns the validator's public key, for the genesis.
func (h Home) Create() (stded25519.PublicKey, error) {
	for _, dir := range []string{h.join("config"), h.join("data"), h.StateDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if _, err := p2p.LoadOrGenNodeKey(h.nodeKeyFile()); err != nil {
		return nil, fmt.Errorf("ledger: node key: %w", err)
	}
	if _, err := os.Stat(h.keyFile()); errors.Is(err, os.ErrNotExist) {
		if err := h.newValidator(); err != nil {
			return nil, err
		}
	}
	pv, err := h.validator()
	if err != nil {
		return nil, err
	}
	return stded25519.PublicKey(pv.Key.PubKey.Bytes()), nil
}

// newValidator writes a new validator's key. CometBFT panics where it cannot.
func (h Home) newValidator() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("ledger: writing the validator's key: %v", r)
		}
	}()
	privval.GenFilePV(h.keyFile(), h.keyState()).Save()
	return nil
}

// WriteGenesis validates a genesis and puts it into the home, once: whole or,
// after a crash or on a full disk, not at all.
func (h Home) WriteGenesis(g *directory.Genesis) error {
	if err := g.Validate(); err != nil {
		return err
	}
	f, err := os.CreateTemp(string(h), "genesis.*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(g.Encode())
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, never replaces a genesis that is there.
	if err := os.Link(f.Name(), h.GenesisFile()); errors.Is(err, os.ErrExist) {
		return ErrHomeExists
	} else if err != nil {
		return err
	}
	d, err := os.Open(string(h))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Genesis reads the home's genesis.
func (h Home) Genesis() (*directory.Genesis, error) {
	b, err := os.ReadFile(h.GenesisFile())
	if err != nil {
		return nil, fmt.Errorf("ledger: this home has no genesis: %w", err)
	}
	return directory.DecodeGenesis(b)
}
