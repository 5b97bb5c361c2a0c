package cluster_test

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/crypto"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/conn"
	"github.com/cometbft/cometbft/privval"
	cmtcons "github.com/cometbft/cometbft/proto/tendermint/consensus"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// A twoFaced is a second machine with a validator's key, that knows nothing of
// what the first one signs. It speaks consensus to other members as any peer
// does, and in each round that they enter it votes for two blocks at once.
type twoFaced struct {
	p2p.BaseReactor
	t       *testing.T
	chain   string
	key     crypto.PrivKey
	address types.Address
	index   int32 // in the validator set
	network *p2p.Switch
	close   func()

	mu    sync.Mutex
	votes map[[2]int64][2]*cmtproto.Vote // by height and round
}

// newTwoFaced takes a member's key and connects to others.
func newTwoFaced(t *testing.T, c *cluster, member int, to ...int) *twoFaced {
	t.Helper()
	home := string(c.members[member].home)
	pv := privval.LoadFilePVEmptyState(filepath.Join(home, "config", "priv_validator_key.json"), "")
	f := &twoFaced{t: t, chain: c.genesis.ChainID, key: pv.Key.PrivKey, address: pv.Key.Address, votes: map[[2]int64][2]*cmtproto.Vote{}}
	f.index, _ = light.Validators(c.genesis).GetByAddressMut(f.address)
	f.BaseReactor = *p2p.NewBaseReactor("two-faced", f)

	node := p2p.NodeKey{PrivKey: cmted25519.GenPrivKey()}
	info := p2p.DefaultNodeInfo{
		ProtocolVersion: p2p.NewProtocolVersion(version.P2PProtocol, version.BlockProtocol, 1),
		DefaultNodeID:   node.ID(), ListenAddr: freePort(t), Network: f.chain, Version: version.TMCoreSemVer, Moniker: "second-machine",
	}
	for _, d := range f.GetChannels() {
		info.Channels = append(info.Channels, d.ID)
	}
	cfg := config.DefaultP2PConfig()
	cfg.AllowDuplicateIP = true
	transport := p2p.NewMultiplexTransport(info, node, p2p.MConnConfig(cfg))
	f.network = p2p.NewSwitch(cfg, transport)
	f.network.SetLogger(log.NewNopLogger())
	f.network.SetNodeInfo(info)
	f.network.SetNodeKey(&node)
	f.network.AddReactor("CONSENSUS", f)
	if err := f.network.Start(); err != nil {
		t.Fatal(err)
	}
	f.close = sync.OnceFunc(func() { transport.Close(); f.network.Stop() })
	t.Cleanup(f.close)
	for _, i := range to {
		m := c.members[i]
		a, err := p2p.NewNetAddressString(fmt.Sprintf("%s@%s", m.id, m.where()))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.network.DialPeerWithAddress(a); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// GetChannels names the channels of consensus.
func (f *twoFaced) GetChannels() (out []*conn.ChannelDescriptor) {
	for _, id := range []byte{consensus.StateChannel, consensus.DataChannel, consensus.VoteChannel, consensus.VoteSetBitsChannel} {
		out = append(out, &conn.ChannelDescriptor{ID: id, Priority: 5, SendQueueCapacity: 100, RecvMessageCapacity: 1 << 20, MessageType: &cmtcons.Message{}})
	}
	return out
}

// Receive hears that a member enters a round, and sends it both votes.
func (f *twoFaced) Receive(e p2p.Envelope) {
	step, ok := e.Message.(*cmtcons.NewRoundStep)
	if !ok {
		return
	}
	for _, v := range f.both(step.Height, step.Round) {
		e.Src.TrySend(p2p.Envelope{ChannelID: consensus.VoteChannel, Message: &cmtcons.Vote{Vote: v}})
	}
}

// both are the two votes of a round, the same ones for everybody.
func (f *twoFaced) both(height int64, round int32) [2]*cmtproto.Vote {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := [2]int64{height, int64(round)}
	if v, ok := f.votes[at]; ok {
		return v
	}
	var both [2]*cmtproto.Vote
	for i := range both {
		v := types.Vote{
			Type: cmtproto.PrevoteType, Height: height, Round: round, Timestamp: time.Now().UTC(),
			BlockID:          types.BlockID{Hash: random(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: random()}},
			ValidatorAddress: f.address, ValidatorIndex: f.index,
		}
		both[i] = v.ToProto()
		var err error
		if both[i].Signature, err = f.key.Sign(types.VoteSignBytes(f.chain, both[i])); err != nil {
			f.t.Error(err)
		}
	}
	f.votes[at] = both
	return both
}

// rounds is in how many rounds it voted twice.
func (f *twoFaced) rounds() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.votes)
}

func random() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}
