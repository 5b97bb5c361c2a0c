package ledger

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

const (
	// defaultSnapshotInterval is the number of blocks from one snapshot to the
	// next: a quarter of an hour under load, most of a day when only
	// heartbeats come. A new member takes the blocks since then one by one.
	defaultSnapshotInterval = 1000
	// keptSnapshots leaves a member who fetches the older one as long to
	// finish as the next one takes to come.
	keptSnapshots = 2
	// settledAfter is how many blocks above a snapshot's sign what a new member
	// needs to know of its height.
	settledAfter = 2
)

// snapshots takes a snapshot every so many blocks, beside consensus and one at
// a time, and keeps the newest ones in the home for members who join.
type snapshots struct {
	state    *registry.State
	folder   snapshot.Folder
	interval uint64
	log      *slog.Logger // nil means silence

	ctx  context.Context
	stop context.CancelFunc
	busy sync.Mutex // held by whoever writes into the folder
	done sync.WaitGroup

	mu   sync.Mutex
	list []*snapshot.Manifest // newest first
}

func newSnapshots(state *registry.State, folder snapshot.Folder, interval uint64, log *slog.Logger) (*snapshots, error) {
	if interval == 0 {
		interval = defaultSnapshotInterval
	}
	s := &snapshots{state: state, folder: folder, interval: interval, log: log}
	s.ctx, s.stop = context.WithCancel(context.Background())
	var err error
	s.list, err = folder.List()
	return s, err
}

// block hears of a committed block. All members take their snapshots after the
// same blocks, so that they are the same snapshots.
func (s *snapshots) block(height uint64) {
	if height%s.interval != 0 || !s.busy.TryLock() {
		return
	}
	x, err := s.state.Export()
	if err != nil {
		s.busy.Unlock()
		s.complain(height, err)
		return
	}
	s.done.Go(func() {
		defer s.busy.Unlock()
		if err := errors.Join(s.take(x), x.Close()); err != nil && !errors.Is(err, context.Canceled) {
			s.complain(height, err)
		}
	})
}

func (s *snapshots) complain(height uint64, err error) {
	if s.log != nil {
		s.log.Error("no snapshot was taken", "height", height, "err", err)
	}
}

func (s *snapshots) take(x *registry.Export) error {
	m, err := x.Write(s.ctx, s.folder, s.newest(), nil)
	if err != nil {
		return err
	}
	if err := errors.Join(s.folder.Add(m), s.folder.Keep(keptSnapshots)); err != nil {
		return err
	}
	list, err := s.folder.List()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
	return nil
}

func (s *snapshots) newest() *snapshot.Manifest {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 {
		return nil
	}
	return s.list[0]
}

// oldest is the height of the oldest snapshot that is kept, 0 before the first:
// whoever joins by it needs the blocks since.
func (s *snapshots) oldest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.list); n > 0 {
		return s.list[n-1].Height
	}
	return 0
}

func (s *snapshots) at(height uint64) *snapshot.Manifest {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.list {
		if m.Height == height {
			return m
		}
	}
	return nil
}

// close waits for a snapshot that is being taken, which gives up.
func (s *snapshots) close() {
	s.stop()
	s.done.Wait()
}

// ListSnapshots offers those whose height the newest headers sign.
func (a *application) ListSnapshots(context.Context, *abci.RequestListSnapshots) (*abci.ResponseListSnapshots, error) {
	v, err := a.state.View()
	if err != nil {
		return &abci.ResponseListSnapshots{}, nil
	}
	a.snapshots.mu.Lock()
	defer a.snapshots.mu.Unlock()
	r := &abci.ResponseListSnapshots{}
	for _, m := range a.snapshots.list {
		if m.Height+settledAfter > v.Height {
			continue
		}
		d := m.Digest()
		r.Snapshots = append(r.Snapshots, &abci.Snapshot{Height: m.Height, Format: snapshot.Format, Chunks: uint32(len(m.Chunks)), Hash: d[:], Metadata: m.Encode()})
	}
	return r, nil
}

// LoadSnapshotChunk hands out a chunk, and nothing where it has none or a
// damaged one: whoever asks goes to another member.
func (a *application) LoadSnapshotChunk(_ context.Context, r *abci.RequestLoadSnapshotChunk) (*abci.ResponseLoadSnapshotChunk, error) {
	m := a.snapshots.at(r.Height)
	if m == nil || r.Format != snapshot.Format {
		return &abci.ResponseLoadSnapshotChunk{}, nil
	}
	b, err := a.snapshots.folder.Chunk(m, int(r.Chunk))
	if err != nil {
		var damaged *snapshot.ChunkError
		if errors.As(err, &damaged) && int(r.Chunk) < len(m.Chunks) {
			err = errors.Join(err, a.snapshots.folder.Drop(m, int(r.Chunk)))
		}
		a.snapshots.complain(r.Height, err)
		return &abci.ResponseLoadSnapshotChunk{}, nil
	}
	if a.corrupt != nil {
		b = a.corrupt(b)
	}
	return &abci.ResponseLoadSnapshotChunk{Chunk: b}, nil
}
