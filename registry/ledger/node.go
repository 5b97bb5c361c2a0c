package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// ErrStopped reports a call to a node that was stopped.
var ErrStopped = errors.New("ledger: the node is stopped")

// Options configure a [Node]. The zero Options are those of a ledger of one
// validator inside this process.
type Options struct {
	Logger *slog.Logger // nil means silence
	Listen string       // address for other nodes, "tcp://host:port", with a port of its own; empty means none but loopback, on a free port
	Peers  []string     // other nodes, "id@host:port"; empty for a ledger of one

	// RetainBlocks is how many of the newest blocks are kept; 0 keeps all. None
	// goes of which a validator may still be convicted (docs/spec.md §6.7), nor
	// one above the oldest snapshot that is kept.
	RetainBlocks uint64

	SnapshotInterval uint64 // blocks from one snapshot to the next, the same for all members; 0 means 1,000

	// Join makes a node with an empty home take a snapshot from its Peers
	// instead of every block since the genesis, and read light blocks from
	// these members to verify it. It brings a home that was restored from a
	// backup the headers of before, to judge evidence by, and has no effect on
	// any other home with a state.
	Join []Member
}

func (o *Options) snapshotInterval() uint64 {
	if o.SnapshotInterval == 0 {
		return defaultSnapshotInterval
	}
	return o.SnapshotInterval
}

// A Node is a ledger node inside this process.
type Node struct {
	genesis   *directory.Genesis
	state     *registry.State
	snapshots *snapshots
	app       *application
	trail     *trail
	board     *board
	comet     *node.Node
	chain     *chain // of comet; nil before it is there
	stores    *stores
	stop      sync.Once
	stopErr   error
	stopped   chan struct{}
	life      sync.RWMutex // held for reading by whoever uses comet, which must not be closed meanwhile
}

// Start opens the home and starts the node. It returns when the node runs;
// blocks that consensus had and the state had not are replayed by then, and a
// node that joins has restored a snapshot: minutes, at ten million leaves.
func Start(ctx context.Context, home Home, o *Options) (_ *Node, err error) {
	if o == nil {
		o = &Options{}
	}
	g, err := home.Genesis()
	if err != nil {
		return nil, err
	}
	doc, err := genesisDoc(g)
	if err != nil {
		return nil, err
	}
	pv, err := home.validator()
	if err != nil {
		return nil, err
	}
	nodeKey, err := home.nodeKey()
	if err != nil {
		return nil, err
	}
	kept, err := openTrail(home, g)
	if err != nil {
		return nil, err
	}
	join, err := o.begin(ctx, home, g, kept)
	if err != nil {
		return nil, err
	}
	state, err := registry.Open(home.StateDir(), &registry.Options{Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	n := &Node{genesis: g, state: state, trail: kept, board: newBoard(), stores: &stores{}, stopped: make(chan struct{})}
	defer func() {
		if err != nil {
			if n.snapshots != nil {
				n.snapshots.close()
			}
			err = errors.Join(err, state.Close(), n.stores.close())
		}
	}()
	if v, err := state.View(); err == nil {
		if v.State.Genesis != directory.GenesisHash(g) {
			return nil, registry.ErrGenesis
		}
		n.board.publish(v)
	} else if !errors.Is(err, registry.ErrNoGenesis) {
		return nil, err
	}
	// The state's lock is held: no other node writes what is read here.
	if _, err := home.journals(); err != nil {
		return nil, err
	}
	if n.snapshots, err = newSnapshots(state, home.Snapshots(), o.snapshotInterval(), o.Logger); err != nil {
		return nil, err
	}
	c := configOf(home, g, o)
	var extra []node.Option
	if join != nil {
		defer join.end()
		join.state, join.board, join.stores = state, n.board, n.stores
		join.configure(c.StateSync)
		extra = append(extra, node.StateProvider(join.provider))
	}
	pace := newPace(c.Consensus, g, n.board)
	n.app = &application{state: state, snapshots: n.snapshots, joining: join, genesis: g.Encode(), board: n.board, onBlock: pace.block, linked: n.link,
		retain: retention{blocks: o.RetainBlocks, evidence: uint64(doc.ConsensusParams.Evidence.MaxAgeNumBlocks), snapshot: n.snapshots.oldest}}
	n.comet, err = node.NewNodeWithContext(ctx, c, pv, nodeKey, proxy.NewConnSyncLocalClientCreator(n.app),
		func() (*types.GenesisDoc, error) { return doc, nil },
		n.stores.open, node.DefaultMetricsProvider(c.Instrumentation), newLogger(o.Logger), extra...)
	if err != nil {
		return nil, fmt.Errorf("ledger: starting: %w", errors.Join(err, n.board.failure()))
	}
	n.chain = &chain{n.comet.BlockStore(), sm.NewStore(n.stores.db("state"), sm.StoreOptions{})}
	if err := n.chain.mend(n.trail); err != nil {
		return nil, err
	}
	if join == nil && len(o.Join) > 0 {
		if err := n.fill(ctx, home, o); err != nil {
			return nil, err
		}
	}
	n.settle()
	pace.reset() // blocks that were replayed say nothing about the next
	if err := n.comet.Start(); err != nil {
		return nil, fmt.Errorf("ledger: starting: %w", errors.Join(err, n.board.failure()))
	}
	if join != nil {
		if err := join.await(ctx); err != nil {
			return nil, errors.Join(err, n.Stop())
		}
	}
	n.awaitPresent(ctx)
	return n, nil
}

// link keeps the light blocks around changes of validators. Blocks that are
// replayed before consensus is there are looked through afterwards.
func (n *Node) link(height uint64) error {
	if n.chain == nil {
		return nil
	}
	return n.chain.link(n.trail, height)
}

// use runs f while the node is certain not to be stopped.
func (n *Node) use(f func() error) error {
	n.life.RLock()
	defer n.life.RUnlock()
	select {
	case <-n.stopped:
		return ErrStopped
	default:
		return f()
	}
}

// awaitPresent waits until a node that makes its blocks alone has made one of
// now, a few milliseconds, so that the first reader finds a fresh head. It
// gives up when that takes long, as under a genesis that is still to come.
func (n *Node) awaitPresent(ctx context.Context) {
	if len(n.genesis.Directory.Validators) > 1 {
		return
	}
	patience := time.NewTimer(2 * time.Second)
	defer patience.Stop()
	for {
		_, _, tick := n.board.newest()
		if n.board.present() {
			return
		}
		select {
		case <-tick:
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		case <-n.board.broken:
			return
		}
	}
}

// settle finds out whether the newest header signs the newest state already:
// otherwise the next block, which comes at once, does.
func (n *Node) settle() {
	height, _, _ := n.board.newest()
	if height == 0 {
		return
	}
	if meta := n.comet.BlockStore().LoadBlockMeta(int64(height)); meta != nil {
		if v, ok := n.board.signed(meta.Header.AppHash); ok && v.Height == height {
			n.board.settled(height - 1)
		}
	}
}

// Stop stops the node and closes its state. What is on disk is whole at every
// moment; stopping only makes the next start faster.
func (n *Node) Stop() error {
	n.stop.Do(func() {
		close(n.stopped)
		n.life.Lock()
		defer n.life.Unlock()
		connected := n.comet.Switch().Peers().Size() > 0
		err := n.comet.Stop()
		n.comet.Wait()
		if connected || len(n.genesis.Directory.Validators) > 1 {
			time.Sleep(peerLinger)
		}
		n.snapshots.close()
		n.stopErr = errors.Join(err, n.stores.close(), n.state.Close())
	})
	return n.stopErr
}

// Genesis returns the ledger's genesis.
func (n *Node) Genesis() *directory.Genesis { return n.genesis }

// Failed closes when the node has stopped working by itself; Err says why.
func (n *Node) Failed() <-chan struct{} { return n.board.broken }

// Err is why the node failed, nil while it works.
func (n *Node) Err() error { return n.board.failure() }

// Address is the address under which other nodes reach this one, "id@host:port".
// The port is the one of Options.Listen, which therefore names one.
func (n *Node) Address() string {
	a, err := n.comet.NodeInfo().NetAddress()
	if err != nil {
		return ""
	}
	return a.String()
}

const (
	// peerQuerySleep is how often a peer is asked for votes that got lost.
	peerQuerySleep = 250 * time.Millisecond
	// gossipSleep is how often a node looks for something that a peer has not
	// seen. Every step of a round waits for it: with CometBFT's 100 ms four
	// members need three times as long for a block.
	gossipSleep = 10 * time.Millisecond
	// peerLinger is how long goroutines for peers go on after Stop: four of
	// those sleeps in a row at most, and some slack.
	peerLinger = 4*peerQuerySleep + 500*time.Millisecond
)

func configOf(home Home, g *directory.Genesis, o *Options) *config.Config {
	c := config.DefaultConfig()
	c.SetRoot(string(home))
	c.Moniker = g.ChainID
	c.DBBackend = "goleveldb"
	c.RPC.ListenAddress = ""
	c.TxIndex.Indexer = "null"
	c.Instrumentation.Prometheus = false
	c.StateSync.Enable = false

	c.P2P.ListenAddress = "tcp://127.0.0.1:0"
	if o.Listen != "" {
		c.P2P.ListenAddress = o.Listen
	}
	c.P2P.PexReactor = false // members know each other
	c.P2P.AddrBookStrict = false
	c.P2P.AllowDuplicateIP = true
	c.P2P.PersistentPeers = strings.Join(o.Peers, ",")
	// Members get in however many strangers hold the places for others.
	ids := make([]string, len(o.Peers))
	for i, p := range o.Peers {
		ids[i], _, _ = strings.Cut(p, "@")
	}
	c.P2P.UnconditionalPeerIDs = strings.Join(ids, ",")

	c.Mempool.MaxTxBytes = transaction.MaxEncoded
	c.Mempool.MaxTxsBytes = 64 << 20

	// With one validator all votes are there when its own is; with more the
	// votes that are missing are not worth a second's wait for every block.
	c.Consensus.TimeoutCommit = 0
	c.Consensus.SkipTimeoutCommit = true
	c.Consensus.PeerQueryMaj23SleepDuration = peerQuerySleep
	c.Consensus.PeerGossipSleepDuration = gossipSleep
	c.Consensus.CreateEmptyBlocks = true
	if len(g.Directory.Validators) == 1 {
		// Nobody's votes travel. What these bound is how long a validator
		// that was killed between its proposal and its vote, and will not
		// sign another proposal, waits for the next round. It may have been
		// killed so at one height many times over, and then has as many rounds
		// to wait out: they must not grow longer.
		c.Consensus.TimeoutPropose, c.Consensus.TimeoutProposeDelta = 100*time.Millisecond, time.Millisecond
		c.Consensus.TimeoutPrevote, c.Consensus.TimeoutPrevoteDelta = 50*time.Millisecond, time.Millisecond
		c.Consensus.TimeoutPrecommit, c.Consensus.TimeoutPrecommitDelta = 50*time.Millisecond, time.Millisecond
	}
	return c
}
