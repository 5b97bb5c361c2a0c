package ledger_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/store"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// childHome, when set, makes the test binary a node that commits until it is
// killed, and writes a line for each commit that was reported done.
const childHome = "ZKCONSENT_TEST_CHILD_HOME"

func TestMain(m *testing.M) {
	if home := os.Getenv(childHome); home != "" {
		if err := commitForEver(ledger.Home(home)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(3)
	}
	if home := os.Getenv(serveHome); home != "" {
		if err := serveOnce(ledger.Home(home)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// commitForEver commits batches, withdraws and revokes from two senders, until
// the process is killed.
func commitForEver(home ledger.Home) error {
	ctx := context.Background()
	n, err := ledger.Start(ctx, home, nil)
	if err != nil {
		return err
	}
	first, err := strconv.ParseUint(os.Getenv(childHome+"_FIRST"), 10, 64)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	failed := make(chan error, 2)
	for i := range uint64(2) {
		s := sender{n: n, next: first + i*perRound/2}
		go func() {
			for {
				if err := s.batch(ctx); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// perRound is how many numbers of records a child has for itself.
const perRound = 1 << 20

// A sender sends one transaction after the other, and prints a line for each
// that was reported done.
type sender struct {
	n      *ledger.Node
	next   uint64 // number of the next record
	height uint64
}

func (s *sender) submit(ctx context.Context, t *transaction.Transaction, done string) error {
	t.Sign(hospital.ID, key(1))
	b, err := s.n.Submit(ctx, t.Encode())
	if err != nil {
		return err
	}
	r, err := transaction.DecodeResult(b)
	if err != nil || r.Refused() != nil {
		return fmt.Errorf("%s: %+v, %w", done, r, err)
	}
	for i, c := range r.Items {
		if c != transaction.Accepted {
			return fmt.Errorf("%s: item %d: %v", done, i, c)
		}
	}
	s.height = r.Height
	fmt.Println(done)
	return nil
}

// batch commits one to eight records, withdraws as often as not, and revokes
// the first of the records where their number says so.
func (s *sender) batch(ctx context.Context) error {
	from, size := s.next, 1+s.next%8
	s.next += size
	newest, err := s.n.Head(ctx)
	if err != nil {
		return err
	}
	height := max(s.height, newest.Height)
	if err := s.submit(ctx, commit(s.n.Genesis(), height, from, sealed(from, size)), fmt.Sprint("commit ", from, " ", size)); err != nil {
		return err
	}
	if from%2 == 0 {
		x := commit(s.n.Genesis(), height, from, nil)
		x.Kind, x.Payload = transaction.Withdraw, transaction.WithdrawalPayload([]fr.Element{secret(from)})
		if err := s.submit(ctx, x, fmt.Sprint("withdraw ", from)); err != nil {
			return err
		}
	}
	if from%3 != 0 {
		return nil
	}
	index, err := s.indexOf(ctx, newest.State.Records.Count, sealed(from, 1)[0].Lock)
	if err != nil {
		return err
	}
	x := commit(s.n.Genesis(), height, from, nil)
	x.Kind, x.Payload = transaction.Revoke, transaction.RevocationPayload([]transaction.Revocation{{Index: index, RS: revocationSecret(from)}})
	return s.submit(ctx, x, fmt.Sprint("revoke ", from))
}

// indexOf finds a lock in the record log behind a position.
func (s *sender) indexOf(ctx context.Context, from uint64, lock fr.Element) (uint64, error) {
	entries, err := s.n.Log(ctx, journal.Records, from, registry.MaxRange)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if r, err := journal.DecodeRecord(e); err == nil && !r.Revoked && r.Lock.Equal(&lock) {
			return r.Index, nil
		}
	}
	return 0, fmt.Errorf("a record that was committed is not among %d entries from %d", len(entries), from)
}

func secret(n uint64) fr.Element { return field.Of("test-v", binary.BigEndian.AppendUint64(nil, n)) }

func revocationSecret(n uint64) fr.Element {
	return field.Of("test-rs", binary.BigEndian.AppendUint64(nil, n))
}

// acknowledged is what was reported done, by the numbers of the records.
type acknowledged struct {
	commits   map[uint64]uint64 // first record and size
	withdrawn []uint64
	revoked   []uint64
}

func (a *acknowledged) count() int { return len(a.commits) + len(a.withdrawn) + len(a.revoked) }

// hear takes a child's line. One that the kill has cut off says nothing.
func (a *acknowledged) hear(line string) {
	var verb string
	var first, size uint64
	n, _ := fmt.Sscan(line, &verb, &first, &size)
	switch {
	case verb == "commit" && n == 3:
		a.commits[first] = size
	case verb == "withdraw" && n == 2:
		a.withdrawn = append(a.withdrawn, first)
	case verb == "revoke" && n == 2:
		a.revoked = append(a.revoked, first)
	}
}

// TestFault_Kill kills a node with SIGKILL at random moments, from the first
// of its process on: while it starts and replays, and while it commits,
// withdraws and revokes. What it reported done before must be there, its home
// must check clean as the kill left it, and its state must be the one that its
// blocks give when they are executed from genesis on.
func TestFault_Kill(t *testing.T) {
	rounds := faulttest.Rounds(15, 100, 1000)
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	home := newHome(t)
	cache := t.TempDir() // one client watches all the time
	done := acknowledged{commits: map[uint64]uint64{}}
	ref := newReference(t, home)
	start := child(t, home, perRound, 0, &done) // what a start takes on this machine, as it was last
	early, lost := 0, 0
	for round := range rounds {
		life := time.Duration(rnd.Int64N(int64(3 * start)))
		if took := child(t, home, uint64(round+2)*perRound, life, &done); took > 0 {
			start = took
		} else {
			early++
		}
		if every := max(10, rounds/40); round%every == every-1 || round == rounds-1 { // some kills in a row, with nothing in between
			lost += verify(t, home, cache, &done)
			ref.follow(home)
		}
	}
	if done.count() < rounds || early == 0 || early == rounds {
		t.Errorf("%d acknowledged and %d of %d killed during the start: the test shows little", done.count(), early, rounds)
	}
	t.Logf("seed %d: %d commits, %d withdrawals, %d revocations, %d blocks executed again", seed, len(done.commits), len(done.withdrawn), len(done.revoked), ref.height)
	faulttest.Row(t, "kill -9 of the embedded node", rounds, faulttest.Count{Outcome: "while it started", N: early}, faulttest.Count{Outcome: "acknowledged", N: done.count()}, faulttest.Count{Outcome: "lost", N: lost})
}

// child runs a node in a process of its own and kills it when its life is
// over, or with a life of zero as soon as it is ready. It returns what the start
// took, zero for a node that did not get ready.
func child(t *testing.T, home ledger.Home, first uint64, life time.Duration, done *acknowledged) (took time.Duration) {
	t.Helper()
	began := time.Now()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childHome+"="+string(home), fmt.Sprintf("%s_FIRST=%d", childHome, first))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := make(chan struct{})
	kill := sync.OnceFunc(func() { close(killed); cmd.Process.Kill() })
	defer cmd.Wait()
	defer kill()
	limit := life
	if life == 0 {
		limit = time.Minute
	}
	defer time.AfterFunc(limit, kill).Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		done.hear(lines.Text())
		if lines.Text() == "ready" {
			took = time.Since(began)
			if life == 0 {
				kill()
			}
		}
	}
	select {
	case <-killed:
	default:
		t.Fatalf("the node ended by itself: %s", stderr.String())
	}
	return took
}

// verify holds a killed home against what was acknowledged: first as it lies
// there, then through a light client of the node that starts on it again.
func verify(t *testing.T, home ledger.Home, cache string, done *acknowledged) (lost int) {
	t.Helper()
	if r, err := ledger.Check(context.Background(), home, nil); err != nil || r.Behind() > 1 {
		t.Errorf("as the kill left it: %+v, %v", r, err)
	}
	n := run(t, home)
	c := client(t, n.Genesis(), n, cache)
	fresh(t, c, home)
	records := map[fr.Element]light.Record{}
	for _, r := range c.Records(0) {
		records[r.Leaf] = r
	}
	leaf := func(i uint64) light.Record {
		s := sealed(i, 1)[0]
		return records[consent.Leaf(consent.KindConsent, hospital.ID, s.Commitment, s.Lock)]
	}
	gone := func(what string, i uint64) {
		t.Errorf("%s %d was acknowledged and is gone", what, i)
		lost++
	}
	for first, size := range done.commits {
		for i := first; i < first+size; i++ {
			if r := leaf(i); r.Leaf.IsZero() {
				gone("record", i)
			}
		}
	}
	for _, i := range done.revoked {
		if r := leaf(i); !r.Revoked || r.Live {
			gone("revocation", i)
		}
	}
	withdrawn := map[fr.Element]bool{}
	for _, w := range c.Withdrawals(0) {
		withdrawn[w.V] = true
	}
	for _, i := range done.withdrawn {
		if !withdrawn[secret(i)] {
			gone("withdrawal", i)
		}
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	checkClean(t, home)
	return lost
}

// fresh synchronises a client as soon as the node shows a block of now. A
// validator that was killed many times at one height has come to a later round
// with each of them, signs in no earlier one again, and needs their timeouts.
func fresh(t *testing.T, c *light.Client, home ledger.Home) {
	t.Helper()
	signed, err := os.ReadFile(filepath.Join(string(home), "data", "priv_validator_state.json"))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := c.Sync(ctx)
		cancel()
		took := time.Since(began)
		switch {
		case err == nil && took > 2*time.Second:
			t.Logf("a block of now after %v; the validator had signed last:\n%s", took, signed)
			return
		case err == nil:
			return
		case !errors.Is(err, light.StaleHead) && !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Minute:
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A reference is a state of its own that executes a home's blocks from genesis
// on, and shares nothing with the home's state but its blocks.
type reference struct {
	t      *testing.T
	state  *registry.State
	hash   [32]byte
	height int64
}

func newReference(t *testing.T, home ledger.Home) *reference {
	t.Helper()
	s, err := registry.Open("state", &registry.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	g, err := home.Genesis()
	if err != nil {
		t.Fatal(err)
	}
	r := &reference{t: t, state: s}
	if r.hash, err = s.InitGenesis(g.Encode()); err != nil {
		t.Fatal(err)
	}
	return r
}

// follow executes the blocks that a stopped home has beyond the last, and
// compares each header's AppHash, and at last the home's state.
func (r *reference) follow(home ledger.Home) {
	r.t.Helper()
	db, err := dbm.NewGoLevelDB("blockstore", filepath.Join(string(home), "data"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	blocks := store.NewBlockStore(db)
	for r.height < blocks.Height() {
		b := blocks.LoadBlock(r.height + 1)
		if !bytes.Equal(b.AppHash, r.hash[:]) {
			r.t.Fatalf("the header of block %d signs another state than its blocks make", b.Height)
		}
		x := registry.Block{Height: uint64(b.Height), Time: uint64(b.Time.Unix())}
		for _, tx := range b.Txs {
			x.Txs = append(x.Txs, tx)
		}
		out, err := r.state.Apply(x)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := r.state.Commit(); err != nil {
			r.t.Fatal(err)
		}
		r.height, r.hash = b.Height, out.AppHash
	}
	v := checkClean(r.t, home)
	if int64(v.Height) != r.height || v.State.Digest() != r.hash {
		r.t.Errorf("the home stands at block %d, its blocks reach to %d, or make another state", v.Height, r.height)
	}
}

// TestKilledBetweenBlockAndState sets the state back by restoring a copy from
// before some blocks, as a disk would that lost the state's last writes:
// consensus replays what is missing.
func TestKilledBetweenBlockAndState(t *testing.T) {
	home := newHome(t)
	n := run(t, home)
	ctx := short(t)
	submit := func(n *ledger.Node, i uint64) {
		t.Helper()
		b, err := n.Submit(ctx, commit(n.Genesis(), 0, i, sealed(i, 1)).Encode())
		if err != nil {
			t.Fatal(err)
		}
		if r, err := transaction.DecodeResult(b); err != nil || r.Refused() != nil {
			t.Fatal(r, err)
		}
	}
	submit(n, 1)
	n.Stop()
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(home.StateDir())); err != nil {
		t.Fatal(err)
	}
	n = run(t, home)
	for i := range uint64(5) {
		submit(n, 10+i)
	}
	n.Stop()
	want := checkClean(t, home)
	if err := os.RemoveAll(home.StateDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(home.StateDir(), os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	n = run(t, home)
	c := client(t, n.Genesis(), n, "")
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if h, _ := c.Head(); h.State.History != want.State.History || h.State.Records != want.State.Records {
		t.Error("the replayed state is another one")
	}
}
