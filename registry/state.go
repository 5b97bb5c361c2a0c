package registry

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// Errors of a [State].
var (
	ErrNoGenesis  = errors.New("registry: the state has no genesis yet: initialise it first")
	ErrGenesis    = errors.New("registry: the state belongs to another genesis")
	ErrHeight     = errors.New("registry: not the next block")
	ErrTime       = errors.New("registry: block time runs backwards or is out of bounds")
	ErrNotStaged  = errors.New("registry: no block is staged")
	ErrBroken     = errors.New("registry: a write failed; close the state and open it again")
	ErrRange      = errors.New("registry: no such range of this log")
	ErrClosed     = errors.New("registry: the state is closed")
	ErrNotEmpty   = errors.New("registry: a snapshot is restored into an empty state alone")
	ErrRestoring  = errors.New("registry: a snapshot is being restored into this state")
	ErrUnfinished = errors.New("registry: the restore of a snapshot into this state did not come to its end; start the node, which begins it again")
	errBadOptions = errors.New("registry: Options is nil")
)

// Options configure a [State].
type Options struct {
	FS       vfs.FS       // the file system; nil means the operating system's
	Logger   *slog.Logger // for the store's own trouble; nil means none
	ReadOnly bool         // for Check beside a stopped node; Apply is refused
}

// A State is the ledger's state on disk. Its methods are safe for concurrent
// use; Apply and Commit are for one caller, the consensus engine.
type State struct {
	db      *pebble.DB // replaced under apply and mu by a restore that starts again
	dir     string
	options Options
	trouble *trouble
	restore *Restore // in progress; guarded by apply

	apply  sync.Mutex // held by Apply and Commit
	staged *staging
	broken bool

	mu     sync.RWMutex // guards what follows
	cur    *frame       // the newest committed block; nil before genesis
	closed bool
}

// A frame is what is kept in memory of the state after a block. A committed
// frame is never changed: staging works on a copy.
type frame struct {
	height    uint64
	time      uint64 // unix seconds of the block
	lastClose uint64 // unix seconds of the newest epoch's close
	closed    uint64 // entries of the record log that the newest epoch includes
	next      uint64 // index of the next leaf
	state     directory.State
	logs      logs
	dir       *directory.Directory
	dirBytes  []byte
	genesis   []byte  // the genesis message
	aux       setHash // of quotas and the replay set, which no log can restore
}

// Open opens or creates the state in dir.
func Open(dir string, o *Options) (*State, error) {
	if o == nil {
		return nil, errBadOptions
	}
	fs := o.FS
	if fs == nil {
		fs = vfs.Default
	}
	s := &State{dir: dir, options: *o, trouble: newTrouble(o.Logger)}
	s.options.FS = fs
	err := s.load()
	if errors.Is(err, ErrUnfinished) && !o.ReadOnly {
		// Nobody was ever told anything from it.
		if err = fs.RemoveAll(dir); err == nil {
			err = s.load()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("registry: opening %s: %w", dir, err)
	}
	return s, nil
}

// load opens the store and reads its newest frame.
func (s *State) load() (err error) {
	if s.db, err = openStore(s.dir, s.options.FS, &s.options, s.trouble); err != nil {
		return err
	}
	if s.cur, err = loadFrame(s.db); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// openStore opens the store, and gives up where it meets trouble on the way:
// the store itself goes on trying what fails, on a full disk without end.
func openStore(dir string, fs vfs.FS, o *Options, tr *trouble) (*pebble.DB, error) {
	type result struct {
		db  *pebble.DB
		err error
	}
	opened := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			// The store reports some damaged files by a panic.
			if p := recover(); p != nil {
				r = result{nil, fmt.Errorf("damaged store: %v", p)}
			}
			opened <- r
		}()
		po := storeOptions()
		po.FS, po.ReadOnly, po.Logger, po.EventListener = fs, o.ReadOnly, storeLogger{o.Logger}, tr.listener()
		r.db, r.err = pebble.Open(dir, po)
	}()
	select {
	case r := <-opened:
		return r.db, r.err
	case <-tr.met:
		go func() {
			if r := <-opened; r.db != nil {
				r.db.Close()
			}
		}()
		return nil, tr.err()
	}
}

// Close closes the state. A staged block is dropped.
func (s *State) Close() error {
	s.apply.Lock()
	defer s.apply.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.dropStaged()
	if s.restore != nil {
		s.restore.out.abandon()
	}
	return s.db.Close()
}

// now returns the newest committed frame.
func (s *State) now() (*frame, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current()
}

// current is now for a caller that holds mu. Whoever reads the store holds it
// until the end, so that Close waits for reads.
func (s *State) current() (*frame, error) {
	switch {
	case s.closed:
		return nil, ErrClosed
	case s.cur == nil:
		return nil, ErrNoGenesis
	}
	return s.cur, nil
}

// appHash is what the next header signs.
func (f *frame) appHash() [sha256.Size]byte { return f.state.Digest() }
