package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A fileKind groups a home's files, and says which of their bytes may be
// damaged without anybody noticing, and why that does no harm. Without idle
// there are none: a flip that is not found there is a failure of the test.
type fileKind struct {
	name    string
	pattern *regexp.Regexp
	why     string            // what has no meaning
	idle    func(f flaw) bool // and whether the flip is there
	few     bool              // every bit is like the other: a handful says it all
}

// A flaw is a flipped bit.
type flaw struct {
	home           ledger.Home
	name           string
	bit            int
	whole, damaged []byte
}

func (f flaw) String() string {
	return fmt.Sprintf("%s, byte %d of %d, bit %d", f.name, f.bit/8, len(f.whole), f.bit%8)
}

func always(flaw) bool { return true }

var fileKinds = []fileKind{
	{name: "genesis", pattern: regexp.MustCompile(`^genesis\.zkconsent$`)},
	{name: "validator key", pattern: regexp.MustCompile(`^config/priv_validator_key\.json$`), why: sameValue, idle: same[privval.FilePVKey]},
	{name: "node key", pattern: regexp.MustCompile(`^config/node_key\.json$`), why: sameValue, idle: same[p2p.NodeKey]},
	{name: "what the validator signed last", pattern: regexp.MustCompile(`^data/priv_validator_state\.json$`), why: sameValue, idle: same[privval.FilePVLastSignState]},
	{name: "address book", pattern: regexp.MustCompile(`^config/addrbook\.json$`), few: true, idle: always, why: "members know each other by their configured addresses, and each other's keys"},
	{name: "consensus log", pattern: regexp.MustCompile(`^data/cs\.wal/`)},
	{name: "LevelDB CURRENT", pattern: regexp.MustCompile(`^data/[a-z]+\.db/CURRENT$`)},
	{name: "LevelDB manifest", pattern: regexp.MustCompile(`^data/[a-z]+\.db/MANIFEST-`)},
	{name: "LevelDB journal", pattern: regexp.MustCompile(`^data/[a-z]+\.db/[0-9]+\.log$`)},
	{name: "LevelDB table", pattern: regexp.MustCompile(`^data/[a-z]+\.db/[0-9]+\.ldb$`), idle: inFooter, why: "the zeros that fill the footer up"},
	{name: "LevelDB notes", pattern: regexp.MustCompile(`^data/[a-z]+\.db/(LOG|LOG\.old|CURRENT\.bak)$`), few: true, idle: always, why: "text for people, and the CURRENT before, read where CURRENT is missing"},
	{name: "Pebble log", pattern: regexp.MustCompile(`^state/[0-9]+\.log$`), idle: trailer, why: "the eleven bytes that a close writes behind the last entry, and a log whose entries are in tables already"},
	{name: "Pebble table", pattern: regexp.MustCompile(`^state/[0-9]+\.sst$`)},
	{name: "Pebble manifest", pattern: regexp.MustCompile(`^state/MANIFEST-`), idle: replaced, why: "the manifest before the current one, which nothing reads"},
	{name: "Pebble options", pattern: regexp.MustCompile(`^state/OPTIONS-`), few: true, idle: always, why: "a record for people, but for the names of the comparer and merger"},
}

const sameValue = "the file says the same: names and hexadecimal digits in either case, zeros, and bits that base64 leaves unused"

// trailer tells whether the bit is behind the last entry of the newest log, or
// in an older one. What is damaged in the last 32 KiB before it the store takes
// for the work of a crash: the state is an older one, which Check reports as so
// many blocks behind, and the start executes them again.
func trailer(f flaw) bool {
	logs, _ := filepath.Glob(filepath.Join(string(f.home), "state", "*.log"))
	return filepath.Base(slices.Max(logs)) != filepath.Base(f.name) || f.bit/8 >= len(f.whole)-11
}

// same tells whether a damaged file still says what it said.
func same[T any](f flaw) bool {
	var a, b T
	return cmtjson.Unmarshal(f.whole, &a) == nil && cmtjson.Unmarshal(f.damaged, &b) == nil && reflect.DeepEqual(a, b)
}

// inFooter tells whether the bit is in the last 48 bytes of a table, and not in
// the magic number that ends them.
func inFooter(f flaw) bool {
	at := f.bit / 8
	return at >= len(f.whole)-48 && at < len(f.whole)-8 && f.whole[at] == 0
}

// replaced tells whether the marker names another manifest.
func replaced(f flaw) bool {
	current, _ := filepath.Glob(filepath.Join(string(f.home), "state", "marker.manifest.*."+filepath.Base(f.name)))
	return len(current) == 0
}

func kindOf(t *testing.T, name string) fileKind {
	t.Helper()
	for _, k := range fileKinds {
		if k.pattern.MatchString(name) {
			return k
		}
	}
	t.Fatalf("no kind of file is named like %s", name)
	return fileKind{}
}

// fate is what became of the flips in files of one kind.
type fate struct {
	flips, start, check, checkOnly, healed, idle, missed int
}

// TestFault_FlippedBits flips single bits in every file of a node's home: all
// bits of small files, a sample of others. Each flip is found by Check or when
// the node starts on it, and the node then serves nothing; or the node serves
// the very state that it served before, and the kind of file tells why the
// flip has no meaning.
func TestFault_FlippedBits(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 4))
	home := richHome(t)
	if _, err := ledger.Check(short(t), home, nil); err != nil {
		t.Fatalf("before any damage: %v", err)
	}
	want, err := serve(t, home)
	if err != nil {
		t.Fatal(err)
	}
	before := contents(t, home)
	fates := map[string]*fate{}
	err = filepath.WalkDir(string(home), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(string(home), path)
		if err != nil {
			return err
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if len(whole) == 0 {
			return nil
		}
		k := kindOf(t, name)
		if fates[k.name] == nil {
			fates[k.name] = &fate{}
		}
		for _, bit := range sample(rnd, 8*len(whole), k.few) {
			damaged := bytes.Clone(whole)
			damaged[bit/8] ^= 0x80 >> (bit % 8)
			x := flaw{home, name, bit, whole, damaged}
			write(t, path, damaged)
			fates[k.name].judge(t, x, k, want, k.few || rnd.IntN(faulttest.Rounds(4, 6, 10)) == 0)
		}
		write(t, path, whole)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(before, contents(t, home)) {
		t.Error("Check changed the home")
	}
	for _, name := range slices.Sorted(maps.Keys(fates)) {
		f := fates[name]
		faulttest.Row(t, "flipped bit: "+name, f.flips, faulttest.Count{Outcome: "found at start", N: f.start}, faulttest.Count{Outcome: "by check alone", N: f.check},
			faulttest.Count{Outcome: "by check (start not tried)", N: f.checkOnly}, faulttest.Count{Outcome: "healed from the blocks", N: f.healed}, faulttest.Count{Outcome: "without meaning", N: f.idle}, faulttest.Count{Outcome: "missed", N: f.missed})
	}
}

// sample chooses bits of a file: at full length all of a small one.
func sample(rnd *rand.Rand, n int, few bool) []int {
	most := faulttest.Rounds(2, 12, 400)
	if few {
		most = faulttest.Rounds(1, 4, 24)
	} else if n <= faulttest.Rounds(0, 0, 8*256) {
		most = n
	}
	return rnd.Perm(n)[:min(n, most)]
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// judge checks the home with its flaw, and starts a node on a copy of it: where
// it is told to, and always where Check finds nothing and the flip is not
// where bytes have no meaning.
func (f *fate) judge(t *testing.T, x flaw, k fileKind, want string, start bool) {
	t.Helper()
	f.flips++
	r, checked := ledger.Check(context.Background(), x.home, nil)
	found := checked != nil
	idle := !found && r.Behind() == 0 && k.idle != nil && k.idle(x)
	switch {
	case start:
	case found:
		f.checkOnly++
		return
	case idle:
		f.idle++
		return
	}
	got, refusal := serve(t, x.home)
	switch {
	case refusal != nil:
		f.start++
	case got != want:
		t.Errorf("%v: the node serves another state; Check says %v", x, checked)
		f.missed++
	case found:
		f.check++
	case r.Behind() > 0:
		f.healed++
	case !idle:
		t.Errorf("%v: nobody noticed", x)
		f.missed++
	default:
		f.idle++
	}
}

// richHome is the home of a stopped node that has started more than once, so
// that there are tables as well as journals.
func richHome(t *testing.T) ledger.Home {
	t.Helper()
	home := newHome(t, func(g *directory.Genesis) {
		g.Directory.Parameters.Epoch = 86400
		g.Directory.Parameters.Heartbeat = 60
	})
	ctx := short(t)
	for round := range uint64(3) {
		n := run(t, home)
		for i := range uint64(4) {
			x := commit(n.Genesis(), 0, round<<8+i, sealed(round<<8+8*i, 2+i))
			switch {
			case i == 2:
				x.Kind, x.Payload = transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{secret(round)})
			case i == 3:
				x.Kind, x.Payload = transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: 5 * round, RS: revocationSecret(round << 8)}})
			}
			x.Sign(hospital.ID, key(1))
			b, err := n.Submit(ctx, x.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if r, err := transaction.DecodeResult(b); err != nil || r.Refused() != nil || r.Items[0] != transaction.Accepted {
				t.Fatal(r, err)
			}
		}
		if _, err := n.Head(ctx); err != nil {
			t.Fatal(err)
		}
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// contents is every file of a home.
func contents(t *testing.T, home ledger.Home) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := filepath.WalkDir(string(home), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// serveHome, when set, makes the test binary a node that shows a light client
// its state, says which, and ends.
const serveHome = "ZKCONSENT_TEST_SERVE_HOME"

// serve starts a node on a copy of a home in a process of its own, since
// damage may end it, and returns what the node showed. The error is how the
// node refused.
func serve(t *testing.T, home ledger.Home) (state string, refusal error) {
	t.Helper()
	to := ledger.Home(t.TempDir())
	if err := os.CopyFS(string(to), os.DirFS(string(home))); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(string(to))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), serveHome+"="+string(to))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	line, whole := strings.CutSuffix(string(out), "\n")
	if err == nil && whole && strings.HasPrefix(line, "serves ") {
		return line, nil
	}
	if strings.Contains(stderr.String(), context.DeadlineExceeded.Error()) || ctx.Err() != nil {
		t.Errorf("a node that neither serves nor refuses: %s%s", out, stderr.String())
	}
	return "", fmt.Errorf("%v: %s%s", err, out, stderr.String())
}

func serveOnce(home ledger.Home) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n, err := ledger.Start(ctx, home, nil)
	if err != nil {
		return err
	}
	defer n.Stop()
	c, err := light.Open(light.Config{Genesis: n.Genesis(), Source: n})
	if err != nil {
		return err
	}
	if err := c.Sync(ctx); err != nil {
		return err
	}
	h, err := c.Head()
	if err != nil {
		return err
	}
	if len(c.Records(0)) == 0 {
		return errors.New("it shows an empty ledger")
	}
	h.State.Epochs = directory.Log{} // an idle epoch may close
	h.State.Epoch = 0
	fmt.Printf("serves %x\n", sha256.Sum256(h.State.Encode()))
	return nil
}
