package registry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/registry"
)

// TestFault_PowerCut commits blocks on a file system that, on
// a crash, loses a random part of what was not synced. Every block whose
// Commit returned must be there, and the state must be the replay of its log.
func TestFault_PowerCut(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	rounds, cuts := faulttest.Rounds(12, 40, 400), 0
	for round := range rounds {
		fs := vfs.NewCrashableMem()
		c := newChainOn(t, fs)
		hashes := map[uint64][32]byte{0: c.hash}
		type crash struct {
			at uint64 // the newest acknowledged block
			fs *vfs.MemFS
		}
		var crashes []crash
		take := func() {
			crashes = append(crashes, crash{c.height, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[rnd.IntN(3)], RNG: rnd})})
		}
		for range 3 + rnd.IntN(10) {
			b := randomBlock(c, rnd)
			if _, err := c.s.Apply(b); err != nil {
				t.Fatal(err)
			}
			if rnd.IntN(3) == 0 {
				take() // staged, not committed
			}
			c.apply(b)
			hashes[c.height] = c.hash
			if rnd.IntN(3) == 0 {
				take() // the moment after the acknowledgement
			}
		}
		take()
		c.s.Close()
		for _, x := range crashes {
			if err := recovered(x.fs, x.at, hashes); err != nil {
				t.Fatalf("round %d, crash after block %d: %v", round, x.at, err)
			}
			cuts++
		}
	}
	faulttest.Row(t, "store: power cut, a random part of the unsynced kept", cuts, faulttest.Count{Outcome: "recovered", N: cuts}, faulttest.Count{Outcome: "lost blocks", N: 0})
}

func recovered(fs *vfs.MemFS, at uint64, hashes map[uint64][32]byte) error {
	s, err := registry.Open("state", &registry.Options{FS: fs})
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := s.View()
	if err != nil {
		return err
	}
	if v.Height != at {
		return fmt.Errorf("the state stands at block %d", v.Height)
	}
	if v.State.Digest() != hashes[at] {
		return errors.New("it has another AppHash")
	}
	_, err = s.Check(context.Background(), nil)
	return err
}

// TestFlippedBits flips single bits in every file of a closed state. Each flip
// is found when the state is opened or checked, or does no harm: the state is
// the same, or, where the damage hit the end of the write-ahead log, an older
// one that was acknowledged and from which consensus replays.
func TestFlippedBits(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	for _, flushed := range []bool{false, true} {
		t.Run(fmt.Sprintf("flushed=%v", flushed), func(t *testing.T) {
			fs := vfs.NewMem()
			c := newChainOn(t, fs)
			hashes := map[uint64][32]byte{0: c.hash}
			for range 30 {
				c.apply(randomBlock(c, rnd))
				hashes[c.height] = c.hash
			}
			c.s.Close()
			if flushed { // opening moves the log's contents into tables
				s, err := registry.Open("state", &registry.Options{FS: fs})
				if err != nil {
					t.Fatal(err)
				}
				s.Close()
			}
			names, err := fs.List("state")
			if err != nil {
				t.Fatal(err)
			}
			n := 40
			if testing.Short() {
				n = 12
			}
			found, same, older := 0, 0, 0
			for _, name := range names {
				size := sizeOf(t, fs, "state/"+name)
				if size == 0 {
					continue
				}
				for range n {
					at, bit := rnd.Int64N(size), byte(1)<<rnd.IntN(8)
					damaged := copyFS(t, fs, names, name, at, bit)
					height, hash, err := openAndCheck(damaged)
					switch {
					case err != nil:
						found++
					case hash != hashes[height]:
						t.Errorf("%s, byte %d, bit %#x: passed the check with an AppHash that no block had", name, at, bit)
					case height == c.height:
						same++
					default:
						older++
					}
				}
			}
			t.Logf("%d found, %d without effect, %d an older state", found, same, older)
			if found == 0 {
				t.Error("nothing was found: the test shows nothing")
			}
		})
	}
}

func openAndCheck(fs vfs.FS) (height uint64, hash [32]byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	s, err := registry.Open("state", &registry.Options{FS: fs})
	if err != nil {
		return 0, hash, err
	}
	defer s.Close()
	v, err := s.View()
	if err != nil {
		return 0, hash, err
	}
	_, err = s.Check(context.Background(), nil)
	return v.Height, v.State.Digest(), err
}

func sizeOf(t *testing.T, fs vfs.FS, name string) int64 {
	t.Helper()
	i, err := fs.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return i.Size()
}

func copyFS(t *testing.T, from vfs.FS, names []string, flipped string, at int64, bit byte) vfs.FS {
	t.Helper()
	to := vfs.NewMem()
	if err := to.MkdirAll("state", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b := make([]byte, sizeOf(t, from, "state/"+name))
		f, err := from.Open("state/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 0 {
			if _, err := f.ReadAt(b, 0); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		if name == flipped {
			b[at] ^= bit
		}
		w, err := to.Create("state/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(b)
		w.Close()
	}
	return to
}
