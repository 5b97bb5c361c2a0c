package ledger

import (
	stded25519 "crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/zkconsent/zkconsent/internal/durable"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
)

// ValidatorKey returns the public part of the validator's key. The error is
// fs.ErrNotExist where the home has none; see [Home.Create].
func (h Home) ValidatorKey() (stded25519.PublicKey, error) {
	pv, err := h.validator()
	if err != nil {
		return nil, err
	}
	return stded25519.PublicKey(pv.Key.PubKey.Bytes()), nil
}

// NodeID returns the id under which other nodes know this one.
func (h Home) NodeID() (member.NodeID, error) {
	k, err := h.nodeKey()
	if err != nil {
		return member.NodeID{}, fmt.Errorf("ledger: node key: %w", err)
	}
	return member.ParseNodeID(string(k.ID()))
}

// Card completes and signs a card with this home's keys; authority is the
// steward's key, nil for a member that is none. Both keys stay where they are.
func (h Home) Card(c *member.Card, authority stded25519.PrivateKey) error {
	pv, err := h.validator()
	if err != nil {
		return err
	}
	if c.Node, err = h.NodeID(); err != nil {
		return err
	}
	c.Sign(stded25519.PrivateKey(pv.Key.PrivKey.Bytes()), authority)
	_, err = member.Decode(c.Encode())
	return err
}

// PeersFile lists the nodes that this one connects to, id@host:port, one to a
// line; # begins a comment.
func (h Home) PeersFile() string { return h.join("peers") }

// maxPeersFile bounds the list in bytes.
const maxPeersFile = 128 << 10

// Peers reads the list of peers; a home without one has none.
func (h Home) Peers() ([]member.Peer, error) {
	info, err := os.Stat(h.PeersFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxPeersFile {
		return nil, fmt.Errorf("ledger: %s: larger than %d bytes", h.PeersFile(), maxPeersFile)
	}
	b, err := os.ReadFile(h.PeersFile())
	if err != nil {
		return nil, err
	}
	peers, err := member.ParsePeers(string(b))
	if err != nil {
		return nil, fmt.Errorf("ledger: %s: %w", h.PeersFile(), err)
	}
	return peers, nil
}

// WritePeers replaces the list of peers. names are those of the members, or
// nil.
func (h Home) WritePeers(peers []member.Peer, names []string) error {
	var b strings.Builder
	b.WriteString("# The nodes that this one connects to: id@host:port, one to a line.\n")
	for i, p := range peers {
		if i < len(names) {
			b.WriteString("# " + names[i] + "\n")
		}
		b.WriteString(p.String() + "\n")
	}
	if _, err := member.ParsePeers(b.String()); err != nil {
		return err
	}
	return durable.ReplaceBytes(h.PeersFile(), 0o600, []byte(b.String()))
}
