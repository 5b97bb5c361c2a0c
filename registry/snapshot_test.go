package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/snapshot"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// storyChain is a chain with something of everything in it.
func storyChain(t testing.TB, fs vfs.FS) *chain {
	c := newChainOn(t, fs, func(g *directory.Genesis) { g.Directory.Parameters.Quota = 1 << 20 })
	c.one(c.commit(hospital, span(0, 1500)...))
	c.one(c.credential(issuer, 7001, 7002))
	c.one(c.signed(hospital, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{rs(1), rs(2)})))
	c.epoch()
	c.one(c.signed(hospital, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 1, RS: rs(1)}, {Index: 1100, RS: rs(1100)}})))
	c.epoch()
	c.epoch()
	c.one(c.commit(clinic, 9001, 9002))
	c.one(c.signed(hospital, transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{rs(3)})))
	c.one(c.signed(clinic, transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 1502, RS: rs(9001)}})))
	return c
}

func (c *chain) snapshot(to snapshot.Folder, older *snapshot.Manifest) *snapshot.Manifest {
	c.t.Helper()
	x, err := c.s.Export()
	if err != nil {
		c.t.Fatal(err)
	}
	defer x.Close()
	m, err := x.Write(context.Background(), to, older, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func (c *chain) genesisMessage() []byte {
	c.t.Helper()
	g, err := c.s.Genesis()
	if err != nil {
		c.t.Fatal(err)
	}
	return g
}

// restoreInto restores a snapshot into the state on fs.
func restoreInto(fs vfs.FS, genesis []byte, m *snapshot.Manifest, chunk func(n int) ([]byte, error)) (*registry.State, error) {
	s, err := registry.Open("state", &registry.Options{FS: fs})
	if err != nil {
		return nil, err
	}
	err = func() error {
		r, err := s.Restore(genesis, m)
		if err != nil {
			return err
		}
		for n := range m.Chunks {
			b, err := chunk(n)
			if err != nil {
				return err
			}
			if err := r.Apply(context.Background(), n, b); err != nil {
				return errors.Join(err, r.Abort())
			}
		}
		if err := r.Finish(context.Background()); err != nil {
			return errors.Join(err, r.Abort())
		}
		return nil
	}()
	return s, err
}

// dump is everything in a closed store.
func dump(t testing.TB, fs vfs.FS) map[string]string {
	t.Helper()
	db, err := pebble.Open("state", &pebble.Options{FS: fs, Logger: quiet{}, FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	it, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	out := map[string]string{}
	for it.First(); it.Valid(); it.Next() {
		out[string(it.Key())] = string(it.Value())
	}
	return out
}

// TestRestoredStateIsTheState restores a snapshot and finds every key and value
// that execution wrote, and nothing else; the restored state goes on.
func TestRestoredStateIsTheState(t *testing.T) {
	fs, folder := vfs.NewMem(), snapshot.Folder(t.TempDir())
	c := storyChain(t, fs)
	m := c.snapshot(folder, nil)
	genesis := c.genesisMessage()
	to := vfs.NewMem()
	s, err := restoreInto(to, genesis, m, func(n int) ([]byte, error) { return folder.Chunk(m, n) })
	if err != nil {
		t.Fatal(err)
	}
	if h, err := s.Check(context.Background(), nil); err != nil || h != c.height {
		t.Fatal(h, err)
	}
	if _, err := s.Restore(genesis, m); !errors.Is(err, registry.ErrNotEmpty) {
		t.Errorf("a second restore: %v", err)
	}
	b := registry.Block{Height: c.height + 1, Time: c.time + 700, Txs: [][]byte{c.commit(hospital, 20_000, 3).Encode()}}
	c.s.Close()
	s.Close()
	want, got := dump(t, fs), dump(t, to)
	for k, v := range want {
		if got[k] != v {
			t.Fatalf("key %q is %x, execution wrote %x", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d keys, execution wrote %d", len(got), len(want))
	}
	var hashes [2][32]byte
	for i, fs := range []vfs.FS{fs, to} {
		s, err := registry.Open("state", &registry.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		out, err := s.Apply(b)
		if err != nil {
			t.Fatal(err)
		}
		wantItems(t, "after the restore", out.Results[0], transaction.Accepted, transaction.DuplicateLock)
		hashes[i] = out.AppHash
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Check(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if hashes[0] != hashes[1] {
		t.Error("the restored state goes another way")
	}
}

// TestRandomStatesRestore takes snapshots of random chains between blocks.
func TestRandomStatesRestore(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 5))
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	for range rounds {
		fs, folder := vfs.NewMem(), snapshot.Folder(t.TempDir())
		c := newChainOn(t, fs)
		var older *snapshot.Manifest
		for range 3 {
			for range 1 + rnd.IntN(12) {
				c.apply(randomBlock(c, rnd))
			}
			m := c.snapshot(folder, older)
			if again := c.snapshot(snapshot.Folder(t.TempDir()), nil); again.Digest() != m.Digest() {
				t.Fatal("a snapshot depends on the one before it")
			}
			older = m
			s, err := restoreInto(vfs.NewMem(), c.genesisMessage(), m, func(n int) ([]byte, error) { return folder.Chunk(m, n) })
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Check(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
	}
}

// forge changes the content of a chunk and gives it its place in the manifest,
// as a liar does who makes the snapshot himself.
func forge(t testing.TB, m *snapshot.Manifest, chunks [][]byte, n int, change func(content []byte) []byte) (*snapshot.Manifest, [][]byte) {
	t.Helper()
	p := m.Places()[n]
	content, err := p.Decode(chunks[n])
	if err != nil {
		t.Fatal(err)
	}
	lie := *m
	lie.Chunks = append([][sha256.Size]byte{}, m.Chunks...)
	out := append([][]byte{}, chunks...)
	out[n] = p.Encode(change(bytes.Clone(content)))
	lie.Chunks[n] = sha256.Sum256(out[n])
	return &lie, out
}

func chunksOf(t testing.TB, folder snapshot.Folder, m *snapshot.Manifest) (out [][]byte) {
	t.Helper()
	for n := range m.Chunks {
		b, err := folder.Chunk(m, n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// TestAttack_LyingSnapshot gives a new member snapshots that differ from a true
// one in one bit of one chunk, in every section, under a manifest that says so.
// Each is refused as a lie, and leaves a state that is empty and takes the true
// one.
func TestAttack_LyingSnapshot(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 6))
	folder := snapshot.Folder(t.TempDir())
	c := storyChain(t, vfs.NewMem())
	m := c.snapshot(folder, nil)
	genesis, chunks := c.genesisMessage(), chunksOf(t, folder, m)
	places := m.Places()
	flips := 40
	if testing.Short() {
		flips = 8
	}
	for n, p := range places {
		for range flips {
			var at int
			lie, out := forge(t, m, chunks, n, func(content []byte) []byte {
				at = rnd.IntN(len(content))
				content[at] ^= 1 << rnd.IntN(8)
				return content
			})
			refuseLie(t, fmt.Sprintf("%v, a bit of byte %d", p.Section, at), genesis, lie, out)
		}
	}
	reordered := func(size int) func([]byte) []byte {
		return func(b []byte) []byte {
			first := bytes.Clone(b[:size])
			copy(b, b[size:2*size])
			copy(b[size:], first)
			return b
		}
	}
	for n, p := range places {
		switch p.Section {
		case snapshot.Withdrawals:
			lie, out := forge(t, m, chunks, n, reordered(40))
			refuseLie(t, "withdrawals in another order", genesis, lie, out)
		case snapshot.Epochs:
			lie, out := forge(t, m, chunks, n, reordered(64))
			refuseLie(t, "epochs in another order", genesis, lie, out)
		case snapshot.Records:
			lie, out := forge(t, m, chunks, n, func(b []byte) []byte { clear(b[len(b)-3*67 : len(b)-3*67+1]); return b })
			refuseLie(t, "an entry of another kind", genesis, lie, out)
			lie, out = forge(t, m, chunks, n, func(b []byte) []byte { return b[:len(b)-37] })
			refuseLie(t, "an omitted entry", genesis, lie, out)
			lie, out = forge(t, m, chunks, n, func(b []byte) []byte {
				at := 2 + 32*int(b[1]) + 3 // of the first commitment
				cm := rs(77)
				v := cm.Bytes()
				copy(b[at:], v[:])
				return b
			})
			refuseLie(t, "the commitment of another record", genesis, lie, out)
		}
	}
	other := newChain(t, func(g *directory.Genesis) { g.ChainID = "other" })
	if s, err := restoreInto(vfs.NewMem(), other.genesisMessage(), m, nil); !errors.Is(err, registry.ErrGenesis) {
		t.Errorf("another ledger's snapshot: %v", err)
	} else {
		s.Close()
	}
	for what, change := range map[string]func(m *snapshot.Manifest){
		"fewer records":           func(m *snapshot.Manifest) { m.State.Records.Count-- },
		"another root":            func(m *snapshot.Manifest) { m.State.Root = rs(1) },
		"another log root":        func(m *snapshot.Manifest) { m.State.Spends.Root[0] ^= 1 },
		"another directory":       func(m *snapshot.Manifest) { m.State.Directory[0] ^= 1 },
		"a time before the epoch": func(m *snapshot.Manifest) { m.Time = start },
	} {
		lie := *m
		change(&lie)
		refuseLie(t, what, genesis, &lie, chunks)
	}
}

func refuseLie(t *testing.T, what string, genesis []byte, m *snapshot.Manifest, chunks [][]byte) {
	t.Helper()
	s, err := restoreInto(vfs.NewMem(), genesis, m, func(n int) ([]byte, error) { return chunks[n], nil })
	var lie *registry.SnapshotError
	if !errors.As(err, &lie) || s == nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer s.Close()
	if _, err := s.View(); !errors.Is(err, registry.ErrNoGenesis) {
		t.Errorf("%s: the state answers: %v", what, err)
	}
}

// TestAttack_EntriesThatFillTheDisk puts a long value into the auxiliary
// section, whose hash tells only at the end of it. Each entry is held to the
// form of a quota or of an executed transaction before it is written.
func TestAttack_EntriesThatFillTheDisk(t *testing.T) {
	folder := snapshot.Folder(t.TempDir())
	c := storyChain(t, vfs.NewMem())
	m := c.snapshot(folder, nil)
	chunks := chunksOf(t, folder, m)
	places := m.Places()
	last := len(places) - 1
	if places[last].Section != snapshot.Auxiliary {
		t.Fatal("the story leaves no entries")
	}
	for what, change := range map[string]func(e *snapshot.Entry){
		"a long value":           func(e *snapshot.Entry) { e.Value = make([]byte, 1<<16-1) },
		"a long key":             func(e *snapshot.Entry) { e.Key = append(e.Key, make([]byte, 1<<10)...) },
		"a key of another table": func(e *snapshot.Entry) { e.Key[0]++ },
	} {
		lie, out := forge(t, m, chunks, last, func(content []byte) []byte {
			entries, err := places[last].Entries(content)
			if err != nil {
				t.Fatal(err)
			}
			change(&entries[len(entries)-1])
			return snapshot.EncodeEntries(entries)
		})
		s, err := restoreInto(vfs.NewMem(), c.genesisMessage(), lie, func(n int) ([]byte, error) { return out[n], nil })
		var refused *registry.SnapshotError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "does not belong") {
			t.Errorf("%s: %v", what, err)
		}
		s.Close()
	}
}

// TestWrongChunkIsAskedForAgain: a chunk that is not the manifest's is refused
// by its number, and the right one is taken after it.
func TestWrongChunkIsAskedForAgain(t *testing.T) {
	folder := snapshot.Folder(t.TempDir())
	c := storyChain(t, vfs.NewMem())
	m := c.snapshot(folder, nil)
	chunks := chunksOf(t, folder, m)
	s, err := registry.Open("state", &registry.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Restore(c.genesisMessage(), m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.InitGenesis(c.genesisMessage()); !errors.Is(err, registry.ErrRestoring) {
		t.Errorf("a genesis in the middle of a restore: %v", err)
	}
	for n, b := range chunks {
		bad := bytes.Clone(b)
		bad[len(bad)/2] ^= 4
		var wrong *snapshot.ChunkError
		if err := r.Apply(context.Background(), n, bad); !errors.As(err, &wrong) || wrong.Chunk != n {
			t.Fatal(err)
		}
		if n > 0 {
			if err := r.Apply(context.Background(), n-1, chunks[n-1]); !errors.Is(err, registry.ErrRange) {
				t.Fatalf("a chunk again: %v", err)
			}
		}
		if err := r.Finish(context.Background()); !errors.Is(err, registry.ErrRange) {
			t.Fatalf("finished after %d chunks: %v", n, err)
		}
		if err := r.Apply(context.Background(), n, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Finish(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestInterruptedRestoreSaysSo leaves a restore in the middle, closed or
// crashed, at every chunk. What is on disk is never a state: a check is told so,
// and a node starts again from nothing.
func TestInterruptedRestoreSaysSo(t *testing.T) {
	folder := snapshot.Folder(t.TempDir())
	c := storyChain(t, vfs.NewMem())
	m := c.snapshot(folder, nil)
	genesis, chunks := c.genesisMessage(), chunksOf(t, folder, m)
	for stop := range len(chunks) + 1 {
		fs := vfs.NewCrashableMem()
		s, err := registry.Open("state", &registry.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Restore(genesis, m)
		if err != nil {
			t.Fatal(err)
		}
		for n := range stop {
			if err := r.Apply(context.Background(), n, chunks[n]); err != nil {
				t.Fatal(err)
			}
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(1, uint64(stop)))})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := r.Finish(context.Background()); !errors.Is(err, registry.ErrClosed) {
			t.Errorf("finished after Close: %v", err)
		}
		for what, fs := range map[string]vfs.FS{"closed": fs, "crashed": crashed} {
			if s, err := registry.Open("state", &registry.Options{FS: fs, ReadOnly: true}); !errors.Is(err, registry.ErrUnfinished) {
				t.Errorf("%s after %d chunks: opened to read: %v", what, stop, err)
				s.Close()
			}
			s, err := restoreInto(fs, genesis, m, func(n int) ([]byte, error) { return chunks[n], nil })
			if err != nil {
				t.Fatalf("%s after %d chunks: %v", what, stop, err)
			}
			if _, err := s.Check(context.Background(), nil); err != nil {
				t.Errorf("%s after %d chunks: %v", what, stop, err)
			}
			s.Close()
		}
	}
}

// TestFullPagesAreMadeOnce: a later snapshot takes the full pages of an older
// one, and a folder keeps a shared chunk until nobody has it.
func TestFullPagesAreMadeOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more than a page of records")
	}
	folder := snapshot.Folder(t.TempDir())
	c := newChain(t, func(g *directory.Genesis) { g.Directory.Parameters.Quota = 1 << 20 })
	for n := uint64(0); n < snapshot.RecordsPage+5; n += 4096 {
		c.one(c.commit(hospital, span(n, 4096)...))
	}
	c.epoch()
	first := c.snapshot(folder, nil)
	c.one(c.commit(hospital, 99_999_999))
	c.epoch()
	if err := folder.Add(first); err != nil {
		t.Fatal(err)
	}
	shared := -1
	for i, p := range first.Places() {
		if p.Section == snapshot.Records && p.Full() {
			shared = i
		}
	}
	// Were it read again, it would be written again.
	name := filepath.Join(string(folder), "chunks", fmt.Sprintf("%x", first.Chunks[shared]))
	before, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	second := c.snapshot(folder, first)
	if second.Chunks[shared] != first.Chunks[shared] {
		t.Error("a full page changed")
	}
	if after, err := os.Stat(name); err != nil || after.ModTime() != before.ModTime() {
		t.Error("a full page was made again")
	}
	if err := errors.Join(folder.Add(second), folder.Keep(1)); err != nil {
		t.Fatal(err)
	}
	if ms, err := folder.List(); err != nil || len(ms) != 1 || ms[0].Digest() != second.Digest() {
		t.Fatal(ms, err)
	}
	files, err := os.ReadDir(filepath.Join(string(folder), "chunks"))
	if err != nil || len(files) != len(second.Chunks) {
		t.Errorf("%d files for %d chunks, %v", len(files), len(second.Chunks), err)
	}
	// A damaged file is not handed out, and made anew.
	if err := os.WriteFile(name, []byte("zkconsent"), 0o600); err != nil {
		t.Fatal(err)
	}
	var wrong *snapshot.ChunkError
	if _, err := folder.Chunk(second, shared); !errors.As(err, &wrong) {
		t.Errorf("a damaged chunk: %v", err)
	}
	if err := folder.Drop(second, shared); err != nil {
		t.Fatal(err)
	}
	c.snapshot(folder, second)
	if _, err := folder.Chunk(second, shared); err != nil {
		t.Error(err)
	}
}
