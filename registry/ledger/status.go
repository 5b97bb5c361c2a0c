package ledger

import (
	stded25519 "crypto/ed25519"
	"errors"

	"github.com/cometbft/cometbft/p2p"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
)

// A Status is what a node's operator wants to see. It is the node's own word;
// clients take nothing from it.
type Status struct {
	Height     uint64 // of the newest block on disk
	Time       uint64 // unix seconds of that block
	Epoch      uint64
	Directory  *directory.Directory // after that block
	Validator  stded25519.PublicKey // this node's key, whether or not it votes
	CatchingUp bool                 // takes blocks or a snapshot of others, and does not vote yet
	Peers      []Connection
}

// A Connection is one to another node.
type Connection struct {
	ID       string // 40 hexadecimal digits
	Address  string
	Outbound bool // this node dialled
}

// Status returns the node's.
func (n *Node) Status() (*Status, error) {
	s := &Status{Time: n.genesis.Time, Directory: &n.genesis.Directory}
	v, err := n.state.View()
	switch {
	case errors.Is(err, registry.ErrNoGenesis): // before the first block
	case err != nil:
		return nil, err
	default:
		s.Height, s.Time, s.Epoch = v.Height, v.Time, v.State.Epoch
		if s.Directory, err = directory.DecodeDirectory(v.Directory); err != nil {
			return nil, err
		}
	}
	err = n.use(func() error {
		s.CatchingUp = n.comet.ConsensusReactor().WaitSync()
		if pub, err := n.comet.PrivValidator().GetPubKey(); err == nil {
			s.Validator = stded25519.PublicKey(pub.Bytes())
		}
		n.comet.Switch().Peers().ForEach(func(p p2p.Peer) {
			s.Peers = append(s.Peers, Connection{ID: string(p.ID()), Address: p.SocketAddr().DialString(), Outbound: p.IsOutbound()})
		})
		return nil
	})
	return s, err
}
