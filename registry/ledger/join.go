package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/config"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// ErrNotJoined reports a new node that found no snapshot it could restore.
var ErrNotJoined = errors.New("ledger: no member offers a snapshot that can be restored: see that Peers and Join reach members who follow this ledger, or start without Join, which takes every block since the genesis")

// A Member is another member's node, which a new one reads light blocks from.
// It is believed in nothing.
type Member interface {
	light.HeaderSource
	light.Trailer
	Checkpoint(ctx context.Context) ([]byte, error)
}

const (
	joinPatience  = 2 * time.Minute // without a chunk or a header taken
	discoveryTime = 5 * time.Second // CometBFT takes nothing shorter
)

// joining is a node's way from an empty home to a member that follows the
// ledger: it takes a snapshot over CometBFT's state sync, verifies it from the
// genesis and goes on with blocks. The file "joining" in the home says that it
// is not done: a node that was stopped on the way begins again.
type joining struct {
	home     Home
	genesis  []byte
	state    *registry.State
	provider *stateProvider
	board    *board
	stores   *stores
	life     context.Context // ends with the start that joins
	end      context.CancelFunc

	mu      sync.Mutex
	restore *registry.Restore
	height  uint64          // of the snapshot
	senders map[string]bool // of its chunks
	moved   time.Time       // when a chunk or a header was last taken
	lacks   error           // what it gives up with
	over    bool            // the home is that of a member
	done    chan struct{}   // closed when it is
}

func (h Home) joiningFile() string { return h.join("joining") }

// Reset empties a home but for the genesis, the keys and the record of what
// the validator has signed, so that it can join again. Without that record a
// validator may sign a height twice and lose its power.
func (h Home) Reset() error {
	errs := []error{os.RemoveAll(h.StateDir())}
	names, err := os.ReadDir(h.join("data"))
	errs = append(errs, err)
	for _, n := range names {
		if path := h.join("data", n.Name()); path != h.keyState() {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	errs = append(errs, os.MkdirAll(h.StateDir(), 0o700))
	return errors.Join(errs...)
}

// begin decides how a node starts. It returns nil where there is nothing to
// join: the home has a state already, or the ledger is younger than its first
// snapshot.
func (o *Options) begin(ctx context.Context, home Home, g *directory.Genesis, kept *trail) (*joining, error) {
	half := true
	if _, err := os.Stat(home.joiningFile()); errors.Is(err, os.ErrNotExist) {
		half = false
	} else if err != nil {
		return nil, err
	}
	switch {
	case half && len(o.Join) == 0:
		return nil, fmt.Errorf("ledger: a join or a restore into this home did not come to its end: do it again, or empty the home (Home.Reset)")
	case half:
		if err := home.Reset(); err != nil {
			return nil, err
		}
	case len(o.Join) == 0:
		return nil, nil
	default:
		names, err := os.ReadDir(home.StateDir())
		if err != nil && !errors.Is(err, os.ErrNotExist) || len(names) > 0 {
			return nil, err
		}
	}
	p, err := newStateProvider(g, kept, o.Join)
	if err != nil {
		return nil, err
	}
	p.interval = o.snapshotInterval()
	newest, err := p.newest(ctx)
	if err != nil {
		return nil, err
	}
	if newest < o.snapshotInterval()+settledAfter {
		return nil, removeIfThere(home.joiningFile())
	}
	if err := os.WriteFile(home.joiningFile(), nil, 0o600); err != nil {
		return nil, err
	}
	j := &joining{home: home, genesis: g.Encode(), provider: p, moved: time.Now(), lacks: ErrNotJoined, done: make(chan struct{})}
	j.life, j.end = context.WithCancel(ctx)
	return j, syncFolder(string(home))
}

func removeIfThere(name string) error {
	if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncFolder(name string) error {
	d, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// newest is the height of the newest verified head, by the first member who
// answers with one.
func (p *stateProvider) newest(ctx context.Context) (uint64, error) {
	var errs error
	for _, m := range p.sources {
		ctx, cancel := context.WithTimeout(ctx, headerTimeout)
		height, err := p.headOf(ctx, m)
		cancel()
		if err == nil {
			return height, nil
		}
		errs = errors.Join(errs, err)
	}
	return 0, fmt.Errorf("%w: %w", ErrNotJoined, errs)
}

func (p *stateProvider) headOf(ctx context.Context, m Member) (uint64, error) {
	b, err := m.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	h, err := directory.DecodeHead(b)
	if err != nil {
		return 0, err
	}
	lb, err := p.verify(ctx, m, h.SignedHeader)
	if err != nil {
		return 0, err
	}
	return uint64(lb.Height), nil
}

// configure makes CometBFT look for snapshots.
func (j *joining) configure(c *config.StateSyncConfig) {
	c.Enable = true
	c.DiscoveryTime = discoveryTime
	c.ChunkRequestTimeout = 5 * time.Second
	c.MaxSnapshotChunks = snapshot.MaxChunks
	c.TempDir = j.home.join("data")
}

// await waits until the node has restored a snapshot and committed a block on
// top of it. It gives up when no chunk or header has been taken for
// joinPatience.
func (j *joining) await(ctx context.Context) error {
	defer j.end()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-j.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-j.board.broken:
			return j.board.failure()
		case <-tick.C:
		}
		j.mu.Lock()
		idle, lacks := time.Since(j.moved), j.lacks
		j.mu.Unlock()
		if idle > joinPatience {
			return lacks
		}
	}
}

// block hears of a committed block: consensus has its own state on disk, and
// the home is a member's.
func (j *joining) block() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over {
		return
	}
	if err := removeIfThere(j.home.joiningFile()); err != nil {
		j.board.fail(err)
		return
	}
	j.over = true
	close(j.done)
}

// OfferSnapshot takes a snapshot whose state is the one that a verified header
// signs, of this genesis and that block's time. A member who offers another
// one is not asked again.
func (a *application) OfferSnapshot(ctx context.Context, r *abci.RequestOfferSnapshot) (*abci.ResponseOfferSnapshot, error) {
	answer := func(x abci.ResponseOfferSnapshot_Result) (*abci.ResponseOfferSnapshot, error) {
		return &abci.ResponseOfferSnapshot{Result: x}, nil
	}
	j := a.joining
	switch {
	case j == nil || r.Snapshot == nil:
		return answer(abci.ResponseOfferSnapshot_ABORT)
	case r.Snapshot.Format != snapshot.Format:
		return answer(abci.ResponseOfferSnapshot_REJECT_FORMAT)
	}
	m, err := snapshot.Decode(r.Snapshot.Metadata)
	if err != nil {
		return answer(abci.ResponseOfferSnapshot_REJECT_SENDER)
	}
	at, err := j.provider.time(ctx, r.Snapshot.Height)
	if err != nil {
		return answer(abci.ResponseOfferSnapshot_REJECT)
	}
	name, signed := m.Digest(), m.State.Digest()
	if string(name[:]) != string(r.Snapshot.Hash) || string(signed[:]) != string(r.AppHash) ||
		m.Height != r.Snapshot.Height || m.Time != at || uint32(len(m.Chunks)) != r.Snapshot.Chunks {
		return answer(abci.ResponseOfferSnapshot_REJECT_SENDER)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.abort(); err != nil {
		return nil, a.board.fail(err)
	}
	if j.restore, err = a.state.Restore(j.genesis, m); err != nil {
		var lie *registry.SnapshotError
		if errors.As(err, &lie) || errors.Is(err, registry.ErrGenesis) {
			return answer(abci.ResponseOfferSnapshot_REJECT_SENDER)
		}
		return nil, a.board.fail(err)
	}
	j.height, j.senders, j.moved, j.lacks = m.Height, map[string]bool{}, time.Now(), ErrNotJoined
	return answer(abci.ResponseOfferSnapshot_ACCEPT)
}

// abort drops a restore that is under way.
func (j *joining) abort() error {
	r := j.restore
	j.restore = nil
	if r == nil {
		return nil
	}
	return r.Abort()
}

// ApplySnapshotChunk takes the next chunk. One that is not the manifest's is
// asked of somebody else; a snapshot that turns out to be a lie is dropped
// with all who sent of it. After the last chunk come the headers below the
// snapshot: consensus goes on when this returns.
func (a *application) ApplySnapshotChunk(ctx context.Context, r *abci.RequestApplySnapshotChunk) (*abci.ResponseApplySnapshotChunk, error) {
	j := a.joining
	if j == nil {
		return &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ABORT}, nil
	}
	restored, res, err := a.applyChunk(ctx, j, r)
	if err == nil && restored {
		if err := j.fill(ctx, j.stores, a.snapshots.log); err != nil {
			return nil, a.board.fail(err)
		}
	}
	return res, err
}

// applyChunk takes a chunk, and says whether the state is restored with it.
func (a *application) applyChunk(ctx context.Context, j *joining, r *abci.RequestApplySnapshotChunk) (restored bool, _ *abci.ResponseApplySnapshotChunk, _ error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.restore == nil {
		return false, &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ABORT}, nil
	}
	err := j.restore.Apply(ctx, int(r.Index), r.Chunk)
	var wrong *snapshot.ChunkError
	if errors.As(err, &wrong) {
		return false, &abci.ResponseApplySnapshotChunk{
			Result:        abci.ResponseApplySnapshotChunk_RETRY,
			RefetchChunks: []uint32{r.Index},
			RejectSenders: []string{r.Sender},
		}, nil
	}
	j.senders[r.Sender] = true
	if next, chunks := j.restore.Next(); err == nil && next == chunks {
		err = j.restore.Finish(ctx)
		if err == nil {
			j.restore = nil
			restored, err = true, a.publish()
		}
	}
	var lie *registry.SnapshotError
	switch {
	case errors.As(err, &lie):
		a.snapshots.complain(j.height, err)
		if err := j.abort(); err != nil {
			return false, nil, a.board.fail(err)
		}
		no := &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT}
		for s := range j.senders {
			no.RejectSenders = append(no.RejectSenders, s)
		}
		return false, no, nil
	case err != nil:
		return false, nil, a.board.fail(err)
	}
	j.moved = time.Now()
	return restored, &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ACCEPT}, nil
}
