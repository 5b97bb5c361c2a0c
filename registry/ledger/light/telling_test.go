package light_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A reader is a wallet's client and what a node sees of it.
type reader struct {
	*light.Client
	seen *observed
	own  []uint64
}

func newReader(t testing.TB, w *world, dir string, start uint64, own []uint64) *reader {
	o := &observed{Source: w}
	return &reader{layered(t, w, o, dir, start), o, own}
}

// live goes through one step of a wallet's life: what is new, its own records,
// what is due, and proofs with everything that can be proved with.
func (r *reader) live(t testing.TB) {
	t.Helper()
	follow(t, r.Client)
	if err := r.Hold(r.own...); err != nil {
		t.Fatal(err)
	}
	if err := r.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, i := range r.own {
		_, _, err := r.Path(i)
		var unread *light.NotReadError
		if err != nil && !errors.Is(err, light.ErrNoLeaf) && !errors.As(err, &unread) {
			t.Fatal(err)
		}
	}
}

// some are indices below n.
func some(r *rand.Rand, from, n uint64) (out []uint64) {
	for range 1 + r.IntN(3) {
		out = append(out, from+r.Uint64N(n-from))
	}
	return out
}

// TestReading_NewWalletsMakeTheSameCalls compares what a node sees of wallets
// with different records that were made at one moment, through their lives:
// every call is the same, those for buckets as well.
func TestReading_NewWalletsMakeTheSameCalls(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	w := filled(t, 3000)
	dirs, readers := make([]string, 6), make([]*reader, 6)
	for i := range readers {
		dirs[i] = t.TempDir()
		readers[i] = newReader(t, w, dirs[i], light.Newest, nil)
		follow(t, readers[i].Client)
	}
	start, first := readers[0].seen.take()
	buckets := len(first)
	for _, one := range readers[1:] {
		if a, b := one.seen.take(); !slices.Equal(a, start) || !slices.Equal(b, first) {
			t.Errorf("at its start a wallet made the calls %q %q, another %q %q", a, b, start, first)
		}
	}
	for step := range 8 {
		n := 3000 + uint64(step)*400
		switch step {
		case 3:
			w.block(1, w.revoke(1, 2, 3, n-1))
		case 5:
			w.later()
		case 6:
			for i := range readers { // a restart
				readers[i] = newReader(t, w, dirs[i], light.Newest, readers[i].own)
			}
		}
		w.block(1, w.commit(n, 400))
		w.block(10)
		for _, one := range readers {
			if step < 6 {
				one.own = append(one.own, some(r, n, n+400)...)
			}
			one.live(t)
		}
		all, read := readers[0].seen.take()
		buckets += len(read)
		for i, one := range readers[1:] {
			if a, b := one.seen.take(); !slices.Equal(a, all) || !slices.Equal(b, read) {
				t.Errorf("step %d: wallet %d made the calls\n%q\n%q\nwallet 0\n%q\n%q", step, i+1, a, b, all, read)
			}
		}
		for _, one := range readers {
			for _, i := range one.own {
				if _, _, err := one.Path(i); err != nil && i != 4199 { // which is revoked
					t.Errorf("step %d: no path for %d: %v", step, i, err)
				}
			}
		}
	}
	if buckets != 1 {
		t.Errorf("%d buckets were read, the one that the anchor cuts through is needed", buckets)
	}
}

// TestReading_OldWalletsDifferInDecoysAlone compares wallets whose records lie
// before their anchors, in many pairs: their calls are the same but for the
// numbers of the buckets that they read.
func TestReading_OldWalletsDifferInDecoysAlone(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	wallets := 24
	if testing.Short() {
		wallets = 6
	}
	w := filled(t, 16_000)
	readers := make([]*reader, wallets)
	for i := range readers {
		readers[i] = newReader(t, w, t.TempDir(), light.Newest, []uint64{r.Uint64N(12_000)})
	}
	sets := make([][]uint64, wallets)
	for step := range 6 {
		n := 16_000 + uint64(step)*100
		w.block(1, w.commit(n, 100), w.revoke(uint64(step)*1100))
		w.block(10)
		if step == 2 {
			w.later()
		}
		for _, one := range readers {
			one.live(t)
		}
		all, first := readers[0].seen.take()
		for i, one := range readers {
			a, b := all, first
			if i > 0 {
				a, b = one.seen.take()
			}
			if !slices.Equal(a, all) || len(b) != len(first) {
				t.Fatalf("step %d: wallet %d made the calls %q and %d for buckets, wallet 0 %q and %d", step, i, a, len(b), all, len(first))
			}
			sets[i] = append(sets[i], numbers(t, b)...)
		}
	}
	for i, one := range readers {
		// The bucket of the anchor at once; later the set with that one in it.
		if set := sets[i][1:]; len(set) != 2+light.Decoys || !slices.IsSorted(set) || !slices.Contains(set, one.own[0]/journal.BucketSize) || !slices.Contains(set, sets[i][0]) {
			t.Errorf("wallet %d with leaf %d read %v", i, one.own[0], sets[i])
		}
		if _, _, err := one.Path(one.own[0]); err != nil && !errors.Is(err, light.ErrNoLeaf) {
			t.Error(err)
		}
	}
}

// TestReading_NoReadBecauseOfAPresentation: a path is there or is not. Asking
// for it makes no call, and holding a leaf makes none either.
func TestReading_NoReadBecauseOfAPresentation(t *testing.T) {
	w := filled(t, 8_000)
	r := newReader(t, w, t.TempDir(), light.Newest, nil)
	follow(t, r.Client)
	r.seen.take()
	var unread *light.NotReadError
	if _, _, err := r.Path(7); !errors.As(err, &unread) || !unread.At.IsZero() {
		t.Errorf("before it is held: %v", err)
	}
	if err := r.Hold(7); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, _, err := r.Path(7); !errors.As(err, &unread) || unread.Index != 7 || unread.At.Before(w.clock()) || unread.At.Sub(w.clock()).Hours() > 24.1 {
			t.Errorf("before its time: %v", err)
		}
	}
	if err := r.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	if all, buckets := r.seen.take(); len(all)+len(buckets) != 0 {
		t.Errorf("calls: %q %q", all, buckets)
	}
	w.later()
	follow(t, r.Client) // a presentation brings the logs up to date as every wallet does
	if _, _, err := r.Path(7); !errors.As(err, &unread) {
		t.Error(err)
	}
	if _, buckets := r.seen.take(); len(buckets) != 0 {
		t.Errorf("a synchronisation read buckets: %q", buckets)
	}
	if err := r.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.seen.take()
	if _, _, err := r.Path(7); err != nil {
		t.Error(err)
	}
	if all, buckets := r.seen.take(); len(all)+len(buckets) != 0 {
		t.Errorf("calls: %q %q", all, buckets)
	}
}

// TestAttack_IntersectedFetches has an observer intersect all that a wallet
// ever reads: the same set each time, in one order and one go, after restarts
// and after the loss of everything that can be read again.
func TestAttack_IntersectedFetches(t *testing.T) {
	w := filled(t, 16_400) // 17 buckets
	dir := t.TempDir()
	var want []uint64
	again := 0
	for round := range 5 {
		r := newReader(t, w, dir, light.Newest, []uint64{5000})
		follow(t, r.Client)
		if err := r.Hold(5000, 5001); err != nil {
			t.Fatal(err)
		}
		w.block(1, w.commit(16_400+uint64(round)*10, 10))
		w.later()
		follow(t, r.Client)
		r.seen.take()
		if err := r.Tend(context.Background()); err != nil {
			t.Fatal(err)
		}
		_, calls := r.seen.take()
		got := numbers(t, calls)
		if round == 0 {
			if want = got; len(want) != 2+light.Decoys {
				t.Fatalf("read %v", want)
			}
		} else if again++; len(got) == 0 {
			again-- // what was lost was not needed
		} else if !slices.Equal(got, want) {
			t.Errorf("round %d read %v, the first one %v", round, got, want)
		}
		if _, _, err := r.Path(5000); err != nil {
			t.Error(err)
		}
		lost := [][]string{{"buckets"}, {"buckets", "layer"}, {"records"}, {"anchor", "buckets"}, nil}[round]
		for _, name := range lost {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if again != 3 {
		t.Errorf("the set was read again %d times, three were made necessary", again)
	}
	// A record elsewhere adds its own decoys and takes none away.
	elsewhere := uint64(0)
	for slices.Contains(want, elsewhere/journal.BucketSize) {
		elsewhere += journal.BucketSize
	}
	r := newReader(t, w, dir, light.Newest, nil)
	follow(t, r.Client)
	if err := r.Hold(5000, elsewhere); err != nil {
		t.Fatal(err)
	}
	w.later()
	follow(t, r.Client)
	r.seen.take()
	if err := r.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, calls := r.seen.take()
	got := numbers(t, calls)
	for _, n := range want {
		if !slices.Contains(got, n) {
			t.Errorf("bucket %d is not read any more: %v", n, got)
		}
	}
	if !slices.Contains(got, elsewhere/journal.BucketSize) || len(got) < len(want)+light.Decoys-1 || !slices.IsSorted(got) {
		t.Errorf("read %v", got)
	}
}

// TestReading_VerifierTakesNoRecords: a client of verdicts asks for no record,
// no tree and no audit, and still has all that a verdict needs.
func TestReading_VerifierTakesNoRecords(t *testing.T) {
	w := grow(t)
	o := &observed{Source: w}
	dir := t.TempDir()
	verdicts := func() *light.Client {
		c, err := light.Open(light.Config{Genesis: w.genesis, Source: o, Dir: dir, Clock: w.clock, Follow: light.Verdicts})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := verdicts()
	follow(t, c)
	w.block(11, w.tx(transaction.Withdraw, transaction.WithdrawalPayload([]elem{elem{1}})))
	follow(t, c)
	all, buckets := o.take()
	for _, call := range append(all, buckets...) {
		switch {
		case call == "checkpoint", call == "directory":
		case len(call) > 8 && (call[:8] == "log with" || call[:8] == "log epoc" || call[:8] == "log spen"):
		default:
			t.Errorf("it made the call %q", call)
		}
	}
	whole := open(t, w, w, "")
	follow(t, whole)
	for _, c := range []*light.Client{c, verdicts()} {
		if a, b := c.Withdrawals(0), whole.Withdrawals(0); len(a) != 3 || !slices.Equal(a, b) {
			t.Errorf("withdrawals %v, want %v", a, b)
		}
		if a, b := c.Epochs(0), whole.Epochs(0); !slices.Equal(a, b) {
			t.Errorf("epochs %v, want %v", a, b)
		}
		if _, _, err := c.Path(0); !errors.Is(err, light.ErrNoLeaf) && !errors.Is(err, light.ErrNotKept) {
			t.Errorf("a path: %v", err)
		}
		if _, err := c.RecordLog(0, 1); !errors.Is(err, light.ErrNotKept) {
			t.Errorf("records: %v", err)
		}
	}
}

// TestAttack_DecoysThatTheLogGives: a node knows from which anchor a wallet
// reads, and so which buckets the wallet has without asking. Those would be
// no decoys.
func TestAttack_DecoysThatTheLogGives(t *testing.T) {
	w := filled(t, 16_000)
	for range 3 {
		r := newReader(t, w, t.TempDir(), 9000, []uint64{100})
		r.live(t)
		from, _ := r.Begins()
		if from == 0 || from > 9000 {
			t.Fatalf("the anchor is at entry %d", from)
		}
		now := w.time
		w.time = w.time.Add(25 * 3600 * 1e9)
		if err := r.Tend(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.time = now
		_, calls := r.seen.take()
		if len(calls) < 8 {
			t.Errorf("%d buckets were read", len(calls))
		}
		for _, n := range numbers(t, calls) {
			if n*journal.BucketSize >= from {
				t.Errorf("bucket %d was read, and the log gives everything from leaf %d on", n, from)
			}
		}
		if _, _, err := r.Path(100); err != nil {
			t.Error(err)
		}
	}
}
