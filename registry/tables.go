package registry

import (
	"bytes"
	"context"
	"fmt"
	"sort"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tables writes a store's entries as sorted files that the store takes over
// whole, past its write-ahead log: several times as fast as batches, and what
// comes in order is never written twice. A goroutine of its own sorts and
// writes; the caller goes on deriving.
type tables struct {
	db   *pebble.DB
	fs   vfs.FS
	dir  string
	runs map[byte]*run // by the keys' prefix

	jobs   chan *run
	done   chan struct{} // closed when the writer has ended
	failed error         // the writer's, to be read after done
	stop   context.CancelFunc
	ended  bool
}

const (
	sortedRun = 8 << 20  // bytes after which entries that came in order are written
	mixedRun  = 64 << 20 // and others: the fewer the files, the less is merged later
)

// A run is entries of one prefix.
type run struct {
	bytes   []byte
	entries []span
	mixed   bool
}

type span struct{ at, key, value uint32 }

func (r *run) key(s span) []byte   { return r.bytes[s.at : s.at+s.key] }
func (r *run) value(s span) []byte { return r.bytes[s.at+s.key : s.at+s.key+s.value] }

func newTables(s *State) *tables {
	ctx, stop := context.WithCancel(context.Background())
	t := &tables{db: s.db, fs: s.options.FS, dir: s.dir, runs: map[byte]*run{}, jobs: make(chan *run, 1), done: make(chan struct{}), stop: stop}
	options := storeOptions()
	options.EnsureDefaults()
	go t.write(ctx, options.MakeWriterOptions(6, t.db.TableFormat()))
	return t
}

// set adds an entry. Each key comes once.
func (t *tables) set(key, value []byte) error {
	r := t.runs[key[0]]
	if r == nil {
		r = &run{}
		t.runs[key[0]] = r
	}
	if n := len(r.entries); n > 0 && !r.mixed {
		r.mixed = bytes.Compare(r.key(r.entries[n-1]), key) >= 0
	}
	r.entries = append(r.entries, span{uint32(len(r.bytes)), uint32(len(key)), uint32(len(value))})
	r.bytes = append(append(r.bytes, key...), value...)
	if len(r.bytes) < sortedRun || r.mixed && len(r.bytes) < mixedRun {
		return nil
	}
	delete(t.runs, key[0])
	return t.hand(r)
}

func (t *tables) hand(r *run) error {
	select {
	case t.jobs <- r:
		return nil
	case <-t.done:
		return t.failed
	}
}

// close writes what is left and waits for the writer.
func (t *tables) close() error {
	defer t.stop()
	for prefix, r := range t.runs { // the files' order does not matter
		delete(t.runs, prefix)
		if err := t.hand(r); err != nil {
			return err
		}
	}
	t.end()
	return t.failed
}

// abandon stops the writer. What it has written is the store's to drop.
func (t *tables) abandon() {
	t.stop()
	t.end()
}

func (t *tables) end() {
	if !t.ended {
		t.ended = true
		close(t.jobs)
	}
	<-t.done
}

func (t *tables) write(ctx context.Context, o sstable.WriterOptions) {
	defer close(t.done)
	for n := 0; ; n++ {
		r, ok := <-t.jobs
		if !ok {
			return
		}
		if t.failed = ctx.Err(); t.failed != nil {
			return
		}
		if t.failed = t.file(ctx, fmt.Sprintf("restored-%d.sst", n), r, o); t.failed != nil {
			return
		}
	}
}

func (t *tables) file(ctx context.Context, name string, r *run, o sstable.WriterOptions) error {
	if r.mixed {
		sort.Slice(r.entries, func(i, j int) bool { return bytes.Compare(r.key(r.entries[i]), r.key(r.entries[j])) < 0 })
	}
	path := t.fs.PathJoin(t.dir, name)
	f, err := t.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), o)
	for i, e := range r.entries {
		if i > 0 && bytes.Equal(r.key(r.entries[i-1]), r.key(e)) {
			w.Close()
			return untrue("index", "key %x stands there twice", r.key(e))
		}
		if err := w.Set(r.key(e), r.value(e)); err != nil {
			w.Close()
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return t.db.Ingest(ctx, []string{path})
}
