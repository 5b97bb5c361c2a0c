package ledger

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cometbft/cometbft/consensus"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/syndtr/goleveldb/leveldb/journal"
)

// aJournal is written by LevelDB's own writer: entries that share a block, one
// that fills several, and one that ends too near to a block's end for another.
func aJournal(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := journal.NewWriter(&b)
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{20, 1000, 2*journalBlock + 50, journalBlock - 1200, 0, 40, 700} {
		e, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		content := make([]byte, n)
		for i := range content {
			content[i] = byte(rnd.Uint32())
		}
		if _, err := e.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// aLog is written by CometBFT's own encoder.
func aLog(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := consensus.NewWALEncoder(&b)
	for h := range int64(5) {
		for _, m := range []consensus.WALMessage{cmttypes.EventDataRoundState{Height: h, Step: "RoundStepPropose"}, consensus.EndHeightMessage{Height: h}} {
			if err := w.Encode(&consensus.TimedWALMessage{Msg: m}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.Bytes()
}

// TestTornIsNotDamaged: wherever a crash cuts a file off it is called torn, or
// whole between two entries; wherever one bit is flipped it is called damaged.
func TestTornIsNotDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		whole []byte
		read  func([]byte) (bool, error)
		step  int // of bits
	}{
		"journal":       {aJournal(t), readJournal, 97},
		"consensus log": {aLog(t), readLog, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if torn, err := c.read(c.whole); torn || err != nil {
				t.Fatalf("whole, it is torn %v, %v", torn, err)
			}
			torn, step := 0, max(1, c.step/8)
			for n := 0; n < len(c.whole); n += step {
				cut, err := c.read(c.whole[:n])
				if err != nil {
					t.Fatalf("cut off after %d of %d bytes: %v", n, len(c.whole), err)
				}
				if cut {
					torn++
				}
			}
			if torn == 0 {
				t.Error("no cut was noticed")
			}
			for bit := 0; bit < 8*len(c.whole); bit += c.step {
				damaged := bytes.Clone(c.whole)
				damaged[bit/8] ^= 0x80 >> (bit % 8)
				if _, err := c.read(damaged); err == nil {
					t.Errorf("byte %d of %d, bit %d: not noticed", bit/8, len(c.whole), bit%8)
				}
			}
			if torn, err := c.read(append(bytes.Clone(c.whole), make([]byte, 5)...)); !torn || err != nil {
				t.Errorf("with zeros behind it, it is torn %v, %v", torn, err)
			}
		})
	}
}

// TestWholeHeaderOfJournal flips every bit of the chunk headers, where a
// damaged length could pass for a crash.
func TestWholeHeaderOfJournal(t *testing.T) {
	whole := aJournal(t)
	for _, at := range []int{0, journalHeader + 20, len(whole) - 700 - journalHeader, len(whole) - 700 - 2*journalHeader - 40} {
		for bit := range 8 * journalHeader {
			damaged := bytes.Clone(whole)
			damaged[at+bit/8] ^= 0x80 >> (bit % 8)
			if _, err := readJournal(damaged); err == nil {
				t.Errorf("chunk at byte %d, bit %d of its header: not noticed", at, bit)
			}
		}
	}
}

func TestCurrentThatNamesNoManifest(t *testing.T) {
	home := Home(t.TempDir())
	dir := filepath.Join(string(home), "data", "state.db")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if torn, err := home.journals(); err != nil || len(torn) != 0 {
		t.Errorf("a database that is still to be made: %v, %v", torn, err)
	}
	for _, current := range []string{"", "MANIFEST-000004", "MANIFEST-00000X\n", "MANIFEST-000004\n"} { // the last one is not there
		if err := os.WriteFile(filepath.Join(dir, "CURRENT"), []byte(current), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := home.journals(); err == nil {
			t.Errorf("CURRENT %q was taken", current)
		}
	}
}

func FuzzReadJournal(f *testing.F) {
	f.Add(aJournal(f)[:2000])
	f.Add([]byte{0, 0, 0, 0, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		readJournal(b)
	})
}

func FuzzReadLog(f *testing.F) {
	f.Add(aLog(f))
	f.Add([]byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		readLog(b)
	})
}
