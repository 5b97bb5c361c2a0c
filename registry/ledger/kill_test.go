package ledger_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/registry/ledger"
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
	os.Exit(m.Run())
}

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
	h, err := n.Head(ctx)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for i, height := first, h.Height; ; i += 3 {
		b, err := n.Submit(ctx, commit(n.Genesis(), height, i, sealed(i, 3)).Encode())
		if err != nil {
			return err
		}
		r, err := transaction.DecodeResult(b)
		if err != nil || r.Refused() != nil {
			return fmt.Errorf("%+v, %w", r, err)
		}
		height = r.Height
		fmt.Println("done", i)
	}
}

// TestAcknowledgedCommitsSurviveKill kills a node with SIGKILL at random
// moments while it commits. What it reported done before must be there.
func TestAcknowledgedCommitsSurviveKill(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	home := newHome(t)
	cache := t.TempDir() // one client watches all the time
	var acknowledged []uint64
	next := uint64(0)
	for round := range rounds {
		done := child(t, home, next, time.Duration(rnd.IntN(150))*time.Millisecond)
		acknowledged = append(acknowledged, done...)
		next += uint64(len(done))*3 + 30 // some were sent and not acknowledged
		if round%5 != 4 {
			continue // some kills in a row, with nothing in between
		}
		verify(t, home, cache, acknowledged)
	}
	if len(acknowledged) == 0 {
		t.Fatal("no commit was acknowledged: the test shows nothing")
	}
	t.Logf("%d commits acknowledged in %d rounds", len(acknowledged), rounds)
}

// child runs a node in a process of its own, kills it after a while, and
// returns the commits that it reported.
func child(t *testing.T, home ledger.Home, first uint64, life time.Duration) (done []uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childHome+"="+string(home), fmt.Sprintf("%s_FIRST=%d", childHome, first))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the node did not start again: %q", lines.Text())
	}
	time.AfterFunc(life, func() { cmd.Process.Kill() })
	for lines.Scan() {
		n, ok := strings.CutPrefix(lines.Text(), "done ")
		i, err := strconv.ParseUint(n, 10, 64)
		if !ok || err != nil {
			continue // a line that was cut off by the kill
		}
		done = append(done, i)
	}
	return done
}

func verify(t *testing.T, home ledger.Home, cache string, acknowledged []uint64) {
	t.Helper()
	n := run(t, home)
	c := client(t, n.Genesis(), n, cache)
	if err := c.Sync(short(t)); err != nil {
		t.Fatal(err)
	}
	leaves := map[[sha256.Size]byte]bool{}
	for _, r := range c.Records(0) {
		leaves[r.Leaf.Bytes()] = r.Live
	}
	for _, i := range acknowledged {
		for k, s := range sealed(i, 3) {
			leaf := consent.Leaf(consent.KindConsent, hospital.ID, s.Commitment, s.Lock)
			if !leaves[leaf.Bytes()] {
				t.Errorf("commit %d was acknowledged, its leaf %d is gone", i, k)
			}
		}
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	checkClean(t, home)
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
