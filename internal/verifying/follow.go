package verifying

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/verifier"
)

// A FollowConfig says which ledger a [Ledger] follows, and through whom.
type FollowConfig struct {
	Genesis *directory.Genesis // trusted: everything follows from it
	Nodes   []light.Source     // the preferred one first; believed in nothing
	Dir     string             // where to keep what was verified, and lies; empty means nowhere
	Trusted []byte             // as light.Config has it; mostly nil
	// Every is the time between two looks; 1 s when 0. Nodes that are a
	// light.Feed ring in between.
	Every time.Duration
	Now   func() time.Time // time.Now when nil
	Log   *slog.Logger     // slog.Default() when nil
}

const (
	// shortest is the least time between two looks, whoever rings.
	shortest = 50 * time.Millisecond
	// The pauses after looks that failed: they double, each with its jitter. A
	// ledger that returns is seen within the longest.
	firstPause   = 200 * time.Millisecond
	longestPause = time.Second
)

// A Ledger is a verifier's ledger: a light client that looks by itself, in the
// background. It is a verifier.RootSource for any number of callers, who wait
// for no look but in Refresh: they see the head of the last one that succeeded,
// with its directory, and the logs of at least that head.
//
// How old that head may be, the verifier judges. A lie is another matter. A
// node that lied is not asked again while others are left; when none is, or
// when the validators signed two headers of one height, no head is shown any
// more until the process starts anew, and its operator has looked into it.
type Ledger struct {
	c      FollowConfig
	nodes  *light.Failover
	client *light.Client
	stop   context.CancelFunc
	work   sync.WaitGroup
	bell   chan struct{}
	looks  looks

	newest atomic.Pointer[view]
	lied   int   // nodes whose lies were logged; of the looking goroutine, as is
	before *view // the one before newest
}

// A view is what the last look left: a head with its directory, or why there
// is none.
type view struct {
	head *directory.Head
	dir  *directory.Directory
	look error // of the last look; nil when it succeeded
	lie  error // for which nothing is shown any more
}

// Follow opens the light client and begins to look. The first head is there
// when Ready says so.
func Follow(c FollowConfig) (*Ledger, error) {
	if c.Genesis == nil {
		return nil, errors.New("verifying: no genesis")
	}
	if c.Every < 0 {
		return nil, errors.New("verifying: a negative time between two looks")
	}
	if c.Every == 0 {
		c.Every = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	l := &Ledger{c: c, bell: make(chan struct{}, 1), looks: looks{over: make(chan struct{})}}
	var err error
	if l.nodes, err = light.NewFailover(c.Nodes...); err != nil {
		return nil, err
	}
	l.client, err = light.Open(light.Config{
		Genesis: c.Genesis, Source: l.nodes, Dir: c.Dir, Clock: c.Now, Trusted: c.Trusted, Follow: light.Verdicts,
	})
	if err != nil {
		return nil, err
	}
	l.show(light.ErrNoHead)
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	l.work.Go(func() { l.look(ctx) })
	for _, n := range c.Nodes {
		if feed, ok := n.(light.Feed); ok {
			l.work.Go(func() { l.listen(ctx, feed) })
		}
	}
	return l, nil
}

// Close ends the looks and waits for them. The nodes are their opener's to
// close.
func (l *Ledger) Close() {
	l.stop()
	l.work.Wait()
	l.looks.close()
}

// look looks until ctx ends.
func (l *Ledger) look(ctx context.Context) {
	pause := firstPause
	for {
		l.looks.begin()
		err := l.client.Sync(ctx)
		if ctx.Err() != nil {
			return
		}
		l.show(err)
		l.looks.end()
		l.tell(ctx, err)
		wait, bell := l.c.Every, l.bell
		if err != nil {
			wait, bell = pause/2+rand.N(pause/2), nil // nobody hurries a node that fails
			pause = min(2*pause, longestPause)
		} else {
			pause = firstPause
			if !sleep(ctx, min(shortest, wait)) {
				return
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-bell:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// listen hears one node's feed. The bell carries nothing that is believed.
func (l *Ledger) listen(ctx context.Context, feed light.Feed) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		var from uint64
		if v := l.newest.Load(); v.head != nil {
			from = v.head.State.Withdrawals.Count
		}
		began := time.Now()
		_ = feed.WatchWithdrawals(ctx, from, l.ring)
		if time.Since(began) > longestPause {
			pause = firstPause
		}
		if !sleep(ctx, pause/2+rand.N(pause/2)) {
			return
		}
	}
}

// ring asks for a look soon.
func (l *Ledger) ring() {
	select {
	case l.bell <- struct{}{}:
	default: // it rings already
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// show makes what a look left what callers see. Between two looks the client
// does not change, so head and directory are of one moment.
func (l *Ledger) show(err error) {
	next := &view{look: err}
	if err != nil {
		next.lie = l.lie(err)
	}
	if head, err := l.client.Head(); err == nil && next.lie == nil {
		if dir, err := l.client.Directory(); err == nil {
			next.head, next.dir = &head, dir
		}
	}
	if last := l.newest.Load(); last != nil && last.head != nil && next.head != nil && last.head.Height == next.head.Height {
		next.head, next.dir = last.head, last.dir
	}
	l.newest.Store(next)
}

// lie tells whether a look ended in a lie after which there is nobody to
// believe.
func (l *Ledger) lie(err error) error {
	if broken := l.client.Broken(); broken != nil {
		return broken
	}
	if errors.Is(err, light.Fork) || errors.Is(err, light.ErrNobodyLeft) || len(l.nodes.Lied()) == len(l.c.Nodes) {
		return err
	}
	return nil
}

// tell logs what changed: lies, each once, the first look that fails, and the
// first that succeeds after it.
func (l *Ledger) tell(ctx context.Context, err error) {
	lied := l.nodes.Lied()
	for _, e := range lied[min(l.lied, len(lied)):] {
		l.c.Log.ErrorContext(ctx, "a ledger node lied and is not asked any more; what it sent is kept as evidence", "node", e.Source, "lie", e.Lie, "detail", e.Detail)
	}
	l.lied = len(lied)
	now, before := l.newest.Load(), l.before
	l.before = now
	switch {
	case now.lie != nil && (before == nil || before.lie == nil):
		l.c.Log.ErrorContext(ctx, "no verdicts any more: there is no ledger to believe; look into the evidence, then start anew", "error", now.lie)
	case now.lie != nil:
	case err != nil && (before == nil || before.look == nil):
		l.c.Log.WarnContext(ctx, "the ledger cannot be followed; verdicts go on while the newest head is fresh", "error", err)
	case err == nil && before != nil && before.look != nil:
		l.c.Log.InfoContext(ctx, "the ledger is followed again", "height", now.head.Height)
	}
}

// Ready is nil when verdicts can be given, as far as the ledger goes, and says
// otherwise why not: nothing is verified yet, the newest head is too old, or a
// lie leaves nobody to believe.
func (l *Ledger) Ready() error {
	if _, _, err := l.Head(context.Background()); err != nil {
		return err
	}
	if err := l.client.Fresh(); err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	return nil
}

// Head implements verifier.RootSource.
func (l *Ledger) Head(context.Context) (*directory.Head, *directory.Directory, error) {
	v := l.newest.Load()
	switch {
	case v.lie != nil:
		return nil, nil, fmt.Errorf("verifying: there is no ledger to believe: %w", v.lie)
	case v.head == nil:
		return nil, nil, fmt.Errorf("verifying: no head is verified yet: %w", v.look)
	}
	return v.head, v.dir, nil
}

// Epochs implements verifier.RootSource.
func (l *Ledger) Epochs(_ context.Context, from, to uint64) ([]directory.Epoch, error) {
	all := l.client.Epochs(from)
	if to < from || uint64(len(all)) < to-from {
		return nil, fmt.Errorf("%w: epochs %d to %d", light.ErrNotKept, from, to)
	}
	return all[:to-from], nil
}

// Withdrawals implements verifier.RootSource.
func (l *Ledger) Withdrawals(_ context.Context, from, to uint64) ([]verifier.Withdrawal, error) {
	all, err := l.client.WithdrawalLog(from, to)
	out := make([]verifier.Withdrawal, len(all))
	for i, w := range all {
		out[i] = verifier.Withdrawal{V: w.V, At: w.At}
	}
	return out, err
}
