package light

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// Errors of a [Client] that are no lies of a source.
var (
	ErrNoHead = errors.New("light: nothing is verified yet: synchronise first")
	ErrNoLeaf = errors.New("light: the newest epoch's tree has no live leaf at this index")
	// ErrNotKept reports a part of the ledger that the client does not follow,
	// or entries before the anchor that it started from.
	ErrNotKept = errors.New("light: this client does not keep that part of the ledger")
)

// Config configures a [Client].
type Config struct {
	Genesis *directory.Genesis // trusted: everything follows from it
	Source  Source             // a node, or several: see [Failover]
	Dir     string             // where to keep what was verified, and lies; empty means nowhere
	Clock   func() time.Time   // nil means time.Now

	// Trusted is the checkpoint message of a head, with its trail, that
	// somebody whom the user trusts has verified (the bytes of Head.Encode of
	// their client); nil means none. A client that was away for longer than
	// the trust period needs one, once.
	Trusted []byte

	Follow Follow // what to read; everything by default
	// Start is how many entries of the record log a client of layers has no
	// need of: it begins at the newest epoch that has no more of them, at the
	// first entry for 0, at the newest epoch for [Newest].
	Start uint64
	// Whole is the number of records up to which a client of layers takes
	// everything; 0 means 2^20.
	Whole uint64
	// Progress, if there is one, hears how far a synchronisation is with each
	// part of what it reads.
	Progress func(part string, done, total uint64)
}

// A Client follows the ledger. Its methods are safe for concurrent use; what
// they return is of the newest successful [Client.Sync], or of the cache.
type Client struct {
	genesis *directory.Genesis
	source  Source
	cache   *cache // nil without Config.Dir
	clock   func() time.Time

	follow       Follow
	start, whole uint64
	progress     func(part string, done, total uint64)

	sync   sync.Mutex // held by Sync, Hold and Tend
	floor  *sight     // the newest head that was ever verified
	seen   []*sight   // the newest ones that were, of this session
	broken error      // a lie that the validators signed; there is no way on

	mu          sync.RWMutex // guards what follows
	head        *directory.Head
	dir         *directory.Directory
	dirBytes    []byte
	logs        [journal.Audits + 1]*journal.Accumulator
	records     journal.Replay
	log         []journal.Record // what records was replayed from
	tree        *merkle.Tree
	withdrawals []journal.Withdrawal
	epochs      []directory.Epoch
	layers      *layers // in place of records, log, tree and withdrawals; nil without
}

// Open returns a client that stands where its cache does.
func Open(c Config) (*Client, error) {
	if c.Genesis == nil || c.Source == nil {
		return nil, errors.New("light: Config needs Genesis and Source")
	}
	if err := c.Genesis.Validate(); err != nil {
		return nil, err
	}
	if c.Follow == Layers && c.Dir == "" {
		return nil, errors.New("light: a client of layers needs Config.Dir")
	}
	l := &Client{
		genesis: c.Genesis, source: c.Source, clock: c.Clock,
		follow: c.Follow, start: c.Start, whole: c.Whole, progress: c.Progress,
	}
	if l.whole == 0 {
		l.whole = defaultWhole
	}
	if l.clock == nil {
		l.clock = time.Now
	}
	if err := l.reset(); err != nil {
		return nil, err
	}
	if c.Dir != "" {
		var err error
		if l.cache, err = openCache(c.Dir); err != nil {
			return nil, err
		}
		if err := l.restore(); err != nil {
			return nil, err
		}
	}
	if c.Trusted != nil {
		return l, l.trust(c.Trusted)
	}
	return l, nil
}

func (c *Client) reset() (err error) {
	for _, k := range journal.Kinds() {
		c.logs[k] = journal.NewAccumulator()
	}
	c.records, c.log, c.withdrawals, c.epochs, c.layers = journal.Replay{}, nil, nil, nil, nil
	c.tree, err = merkle.NewTree(journal.Depth)
	return err
}

// Head returns the newest verified head.
func (c *Client) Head() (directory.Head, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.head == nil {
		return directory.Head{}, ErrNoHead
	}
	return *c.head, nil
}

// Fresh reports whether the newest verified head is within the ledger's
// maxHeadAge, as its own directory has it, of this machine's clock. Without
// that there is no decision.
func (c *Client) Fresh() error {
	h, err := c.Head()
	if err != nil {
		return err
	}
	d, err := c.Directory()
	if err != nil {
		return err
	}
	now, age := c.clock().Unix(), int64(min(d.Parameters.MaxHeadAge, directory.MaxTime))
	switch at := int64(h.Time); {
	case now-at > age:
		return lie(StaleHead, "%d seconds old, at most %d are allowed: the node stands still or withholds blocks, or this clock is fast", now-at, age).showing(h.SignedHeader)
	case at-now > age:
		return lie(FutureHead, "%d seconds ahead of this clock: set the clock, or do not trust the validators", at-now).showing(h.SignedHeader)
	}
	return nil
}

// Genesis returns the genesis that the client trusts.
func (c *Client) Genesis() *directory.Genesis { return c.genesis }

// Directory returns the directory of the head. Callers do not change it.
func (c *Client) Directory() (*directory.Directory, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.head == nil {
		return nil, ErrNoHead
	}
	return c.dir, nil
}

// Newest returns the newest epoch.
func (c *Client) Newest() (directory.Epoch, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.head == nil {
		return directory.Epoch{}, ErrNoHead
	}
	return c.epochs[len(c.epochs)-1], nil
}

// Epoch returns an epoch by its number, and when its successor closed: 0 for
// the newest one, which nothing has replaced.
func (c *Client) Epoch(number uint64) (e directory.Epoch, replacedAt uint64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := uint64(len(c.epochs))
	if c.head == nil || number >= n {
		return e, 0, false
	}
	if number+1 < n {
		replacedAt = c.epochs[number+1].ClosedAt
	}
	return c.epochs[number], replacedAt, true
}

// Epochs returns the entries of the epoch log from a position on.
func (c *Client) Epochs(from uint64) []directory.Epoch {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.head == nil || from >= uint64(len(c.epochs)) {
		return nil
	}
	return append([]directory.Epoch(nil), c.epochs[from:]...)
}

// Withdrawals returns the withdrawals from a position of their log on; none in
// a client of layers, which does not have them in memory.
func (c *Client) Withdrawals(from uint64) []journal.Withdrawal {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.head == nil || from >= uint64(len(c.withdrawals)) {
		return nil
	}
	return append([]journal.Withdrawal(nil), c.withdrawals[from:]...)
}

// Log returns the entries of the record log from a position on; none in a
// client of layers or verdicts.
func (c *Client) Log(from uint64) []journal.Record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.head == nil || from >= uint64(len(c.log)) {
		return nil
	}
	return append([]journal.Record(nil), c.log[from:]...)
}

// RecordLog returns the entries [from, to) of the record log, and
// [ErrNotKept] where they are not here.
func (c *Client) RecordLog(from, to uint64) (out []journal.Record, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case c.head == nil:
		return nil, ErrNoHead
	case c.layers != nil:
		return readShelf(c.layers.records, from, to, journal.DecodeRecord)
	}
	return cut(c.log, from, to)
}

// WithdrawalLog returns the entries [from, to) of the withdrawal log, and
// [ErrNotKept] where they are not here.
func (c *Client) WithdrawalLog(from, to uint64) ([]journal.Withdrawal, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case c.head == nil:
		return nil, ErrNoHead
	case c.layers != nil:
		return readShelf(c.layers.withdrawals, from, to, journal.DecodeWithdrawal)
	}
	return cut(c.withdrawals, from, to)
}

func cut[T any](all []T, from, to uint64) ([]T, error) {
	if from > to || to > uint64(len(all)) {
		return nil, fmt.Errorf("%w: entries %d to %d of %d", ErrNotKept, from, to, len(all))
	}
	return append([]T(nil), all[from:to]...), nil
}

// Begins returns the positions in the logs of records and of withdrawals from
// which on this client keeps the entries: 0 unless it started from an anchor.
func (c *Client) Begins() (records, withdrawals uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.layers == nil {
		return 0, 0
	}
	return c.layers.records.first, c.layers.withdrawals.first
}

// A Record is a record of the log.
type Record struct {
	Index          uint64
	journal.Placed      // Revoked as soon as the log says so
	Live           bool // in the newest epoch's tree: a proof can be made
}

// Records returns the records from an index on, all of them, in a client that
// takes everything: a wallet looks for its own here and asks nobody.
func (c *Client) Records(from uint64) []Record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.head == nil || from >= uint64(len(c.records.Placed)) {
		return nil
	}
	out := make([]Record, 0, uint64(len(c.records.Placed))-from)
	for i, p := range c.records.Placed[from:] {
		index := from + uint64(i)
		leaf := c.tree.Leaf(index)
		out = append(out, Record{Index: index, Placed: p, Live: !leaf.IsZero()})
	}
	return out
}

// Path returns the path of a live leaf under the newest epoch's root, and that
// epoch. It asks nobody: a client of layers that has not read the leaf's bucket
// yet returns a [NotReadError].
func (c *Client) Path(index uint64) (merkle.Path, directory.Epoch, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.head == nil {
		return merkle.Path{}, directory.Epoch{}, ErrNoHead
	}
	newest := c.epochs[len(c.epochs)-1]
	if c.layers != nil {
		p, err := c.layers.path(index)
		return p, newest, err
	}
	if leaf := c.tree.Leaf(index); leaf.IsZero() {
		return merkle.Path{}, directory.Epoch{}, fmt.Errorf("%w: %d", ErrNoLeaf, index)
	}
	p, err := c.tree.Path(index)
	return p, newest, err
}

// Submit sends a transaction. A result is the node's word: what it did is
// certain when the logs under a verified head show it.
func (c *Client) Submit(ctx context.Context, t *transaction.Transaction) (*transaction.Result, error) {
	b, err := c.source.Submit(ctx, t.Encode())
	if err != nil {
		return nil, err
	}
	r, err := transaction.DecodeResult(b)
	if err != nil {
		return nil, lie(Malformed, "%v", err)
	}
	if r.Code == transaction.Executed && len(r.Items) != t.Items() {
		return nil, lie(Malformed, "%d codes for the transaction's %d items", len(r.Items), t.Items())
	}
	return r, nil
}
