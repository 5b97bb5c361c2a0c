package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/snapshot"
)

// A SnapshotError reports a snapshot whose chunks are those of its manifest
// and do not make the state that it promises: whoever made it lies, or has a
// damaged state. No chunk of it is worth asking another sender for.
type SnapshotError struct {
	Where  string
	Reason string
}

func (e *SnapshotError) Error() string {
	return fmt.Sprintf("registry: the snapshot is not what its manifest promises: %s: %s", e.Where, e.Reason)
}

func untrue(where, format string, args ...any) error {
	return &SnapshotError{Where: where, Reason: fmt.Sprintf(format, args...)}
}

// A Restore builds a state from a snapshot (docs/spec.md §6.8). It takes the
// chunks in their order, derives everything that the snapshot leaves out, and
// holds all of it against the state message. Until [Restore.Finish] returns nil
// the state answers as an empty one; a store that was left in the middle says
// so and is emptied when it is opened again.
type Restore struct {
	s       *State
	m       *snapshot.Manifest
	places  []snapshot.Place
	next    int   // chunk
	failed  error // the first error but a wrong chunk
	genesis []byte
	out     *tables

	logs   logs
	dir    []byte
	replay *rebuild
	aux    setHash
	lastKV []byte // the newest auxiliary key
}

// Restore starts to build the state of a manifest in an empty State. That the
// state message is the ledger's, and that height and time are the block's, is
// for the caller to know from a verified header: nothing here is signed. The
// genesis message must be the one whose hash the state message holds.
func (s *State) Restore(genesis []byte, m *snapshot.Manifest) (*Restore, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.restore != nil {
		return nil, ErrRestoring
	}
	switch _, err := s.now(); {
	case err == nil:
		return nil, ErrNotEmpty
	case !errors.Is(err, ErrNoGenesis):
		return nil, err
	}
	if sha256.Sum256(genesis) != m.State.Genesis {
		return nil, ErrGenesis
	}
	if _, err := directory.DecodeGenesis(genesis); err != nil {
		return nil, err
	}
	if len(m.Chunks) != len(m.Places()) || m.Height == 0 || m.State.Records.Count > maxRestored || m.State.Withdrawals.Count > maxRestored {
		return nil, untrue("manifest", "height %d, %d chunks, %d records, %d withdrawals", m.Height, len(m.Chunks), m.State.Records.Count, m.State.Withdrawals.Count)
	}
	if err := s.db.Set([]byte{keyRestoring}, nil, pebble.Sync); err != nil {
		return nil, err
	}
	r := &Restore{s: s, m: m, places: m.Places(), genesis: bytes.Clone(genesis), out: newTables(s)}
	for _, k := range journal.Kinds() {
		r.logs[k] = journal.NewAccumulator()
	}
	r.replay = newRebuild(m.State.Records.Count, &r.logs, r.out.set)
	s.restore = r
	return r, nil
}

// maxRestored bounds the logs of a snapshot: what a full tree's commits and
// revocations make.
const maxRestored = 2 << (2 * journal.Depth)

// Next is the number of the chunk that Apply takes next, and how many there are.
func (r *Restore) Next() (next, chunks int) { return r.next, len(r.places) }

// Apply takes the next chunk. After a [snapshot.ChunkError] it takes the same
// chunk again, from somebody else. After any other error there is only Abort;
// a [SnapshotError] says that the snapshot is to blame.
func (r *Restore) Apply(ctx context.Context, chunk int, b []byte) error {
	return r.step(func() error {
		if chunk != r.next || chunk >= len(r.places) {
			return fmt.Errorf("%w: chunk %d, the next is %d", ErrRange, chunk, r.next)
		}
		if err := r.m.Check(chunk, b); err != nil {
			return err
		}
		p := r.places[chunk]
		content, err := p.Decode(b)
		if err != nil {
			return untrue(p.Section.String(), "%v", err)
		}
		if err := r.take(ctx, p, content); err != nil {
			return err
		}
		r.next++
		return nil
	})
}

// step runs one call of a restore that is still the state's.
func (r *Restore) step(do func() error) (err error) {
	r.s.apply.Lock()
	defer r.s.apply.Unlock()
	r.s.mu.RLock()
	closed := r.s.closed
	r.s.mu.RUnlock()
	switch {
	case closed:
		return ErrClosed
	case r.s.restore != r:
		return ErrRestoring
	case r.failed != nil:
		return r.failed
	}
	err = do()
	var wrong *snapshot.ChunkError
	if err != nil && !errors.As(err, &wrong) && !errors.Is(err, ErrRange) {
		r.failed = err
	}
	return err
}

func (r *Restore) take(ctx context.Context, p snapshot.Place, content []byte) error {
	lie := func(err error) error {
		if err == nil {
			return nil
		}
		return untrue(p.Section.String(), "%v", err)
	}
	switch p.Section {
	case snapshot.Directory:
		if len(content) != p.Count {
			return untrue("directory", "%d bytes, %d belong", len(content), p.Count)
		}
		r.dir = append(r.dir, content...)
		if p.First+uint64(p.Count) == r.m.Directory && sha256.Sum256(r.dir) != r.m.State.Directory {
			return untrue("directory", "its digest is not the state's")
		}
		return nil
	case snapshot.Records:
		records, err := p.Records(content)
		if err != nil {
			return lie(err)
		}
		return r.replay.records(ctx, records)
	case snapshot.Auxiliary:
		entries, err := p.Entries(content)
		if err != nil {
			return lie(err)
		}
		for _, e := range entries {
			if !auxiliary(e) || bytes.Compare(r.lastKV, e.Key) >= 0 {
				return untrue("auxiliary", "key %x does not belong, or not there", e.Key)
			}
			r.lastKV = e.Key
			r.aux.add(e.Key, e.Value)
			if err := r.out.set(e.Key, e.Value); err != nil {
				return err
			}
		}
		return nil
	}
	entries, err := p.Split(content)
	if err != nil {
		return lie(err)
	}
	for i, e := range entries {
		if err := r.entry(p.Section, p.First+uint64(i), e); err != nil {
			return err
		}
	}
	return nil
}

// auxiliary says whether an entry has the form of a quota or of a transaction
// in the replay set. Their hash would tell at the end; until then a sender must
// not be able to write kilobytes for each.
func auxiliary(e snapshot.Entry) bool {
	switch {
	case len(e.Key) == len(quotaKey(0, fr.Element{})) && e.Key[0] == keyQuota:
		return len(e.Value) == 16
	case len(e.Key) == len(executedKey(0, [32]byte{})) && e.Key[0] == keyExecuted:
		return len(e.Value) == 1
	}
	return false
}

// entry takes an entry of a log other than the records'. Withdrawals and epochs
// enter their accumulators with the replay of the records, at the closes.
func (r *Restore) entry(s snapshot.Section, n uint64, entry []byte) error {
	var err error
	switch s {
	case snapshot.Epochs:
		err = r.replay.epoch(n, entry)
	case snapshot.Withdrawals:
		err = r.replay.withdrawal(n, entry)
	case snapshot.Spends:
		var x journal.Spend
		if x, err = journal.DecodeSpend(entry); err == nil {
			err = r.file(s.Log(), spentKey(x.Scope, x.Nullifier), entry)
		}
	case snapshot.Audits:
		var x journal.Audit
		if x, err = journal.DecodeAudit(entry); err == nil {
			err = r.file(s.Log(), anchoredKey(x.Authority, x.Epoch), entry)
		}
	}
	if err != nil {
		return untrue(s.String(), "entry %d: %v", n, err)
	}
	return r.out.set(logKey(s.Log(), n), entry)
}

// file appends an entry to a log and notes its position under key.
func (r *Restore) file(k journal.Kind, key, entry []byte) error {
	return firstError(
		func() error { return r.out.set(key, number(r.logs[k].Count())) },
		func() error { return r.logs[k].Append(entry) },
	)
}

// Finish holds everything against the state message and makes the state usable.
func (r *Restore) Finish(ctx context.Context) error {
	return r.step(func() error {
		if r.next != len(r.places) {
			return fmt.Errorf("%w: %d chunks of %d", ErrRange, r.next, len(r.places))
		}
		f, err := r.frame(ctx)
		if err != nil {
			return err
		}
		if err := r.replay.nodes(ctx); err != nil {
			return err
		}
		if err := r.out.close(); err != nil {
			return err
		}
		if err := r.replay.markRevoked(ctx, r.s.db); err != nil {
			return err
		}
		b := r.s.db.NewBatch()
		defer b.Close()
		if err := firstError(
			func() error { return b.Set([]byte{keyGenesis}, f.genesis, nil) },
			func() error { return b.Set([]byte{keyDirectory}, f.dirBytes, nil) },
			func() error { return b.Set([]byte{keyMeta}, f.encode(), nil) },
			func() error { return b.Delete([]byte{keyRestoring}, nil) },
			func() error { return b.Commit(pebble.Sync) },
			r.s.trouble.err,
		); err != nil {
			return err
		}
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		r.s.cur, r.s.restore = f, nil
		return nil
	})
}

// frame is that of the restored state, if it follows from what was read.
func (r *Restore) frame(ctx context.Context) (*frame, error) {
	last, err := r.replay.done(ctx)
	if err != nil {
		return nil, err
	}
	f := &frame{
		height: r.m.Height, time: r.m.Time, lastClose: last.ClosedAt, closed: last.Records, next: r.replay.next,
		state: r.m.State, logs: r.logs, dirBytes: r.dir, genesis: r.genesis, aux: r.aux,
	}
	for _, k := range journal.Kinds() {
		if got, err := r.logs[k].Log(); err != nil || got != k.Of(&f.state) {
			return nil, untrue(k.String()+" log", "its root is not the state's")
		}
	}
	switch {
	case last.Root != f.state.Root || last.Number != f.state.Epoch:
		return nil, untrue("state", "its epoch is not the newest of the log")
	case r.aux.digest() != f.state.Auxiliary:
		return nil, untrue("auxiliary", "its hash is not the state's")
	case f.time < f.lastClose:
		return nil, untrue("manifest", "its block is older than its newest epoch")
	case sha256.Sum256(f.dirBytes) != f.state.Directory: // none at all
		return nil, untrue("directory", "its digest is not the state's")
	}
	if f.dir, err = directory.DecodeDirectory(f.dirBytes); err != nil {
		return nil, untrue("directory", "%v", err)
	}
	return f, nil
}

// Abort drops what was restored: the state is empty again, and takes another
// snapshot.
func (r *Restore) Abort() error {
	s := r.s
	s.apply.Lock()
	defer s.apply.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restore != r || s.closed {
		return nil
	}
	r.out.abandon()
	err := errors.Join(s.db.Close(), s.options.FS.RemoveAll(s.dir))
	if err == nil {
		err = s.load()
	}
	if err != nil {
		s.closed = true // there is no store behind it any more
		return fmt.Errorf("registry: emptying the state: %w", err)
	}
	s.restore = nil
	return nil
}
