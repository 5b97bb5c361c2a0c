package light

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

const (
	// layerPage is the number of bucket roots of one call.
	layerPage = 4096
	// staleLayer is the number of epochs, a week of them, after which a client
	// takes the roots of all buckets anew in place of every epoch's changes.
	staleLayer = 1024
)

// A stage is a synchronisation by layers that is not adopted yet. What it has
// written on shelves is not there for anybody else.
type stage struct {
	*update
	layers
	epochs   []directory.Epoch
	closes   [][]byte // new entries of the epoch log
	replayed uint64   // entries of the record log that span knows
	patch    *patch   // over the crown
	at       uint64   // the epoch that the patched crown belongs to
	fresh    bool     // the anchor is of this stage: nothing has confirmed it
}

// syncLayers brings a client of layers from where it stands to a head.
func (c *Client) syncLayers(ctx context.Context, u *update) error {
	s, err := c.newStage(u)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err := c.readLogs(ctx, s); err != nil {
			return err
		}
		if err := c.readRoots(ctx, s); err != nil {
			return err
		}
		err := c.readFirst(ctx, s)
		if !errors.Is(err, ErrReplaced) || try == attempts {
			if err != nil {
				return err
			}
			break
		}
		if err := c.moveOn(ctx, s); err != nil {
			return err
		}
	}
	return c.adoptLayers(s)
}

// newStage starts from where the client is, or for one that took everything so
// far from its own logs, or from an anchor that is still to be chosen.
func (c *Client) newStage(u *update) (*stage, error) {
	s := &stage{update: u, epochs: c.epochs[:len(c.epochs):len(c.epochs)]}
	u.logs[journal.Records], u.logs[journal.Withdrawals] = c.logs[journal.Records], c.logs[journal.Withdrawals]
	if c.layers != nil {
		s.layers = *c.layers
		s.replayed = s.records.end()
		if s.crown != nil {
			s.patch, s.at = newPatch(s.crown), newest(s.epochs).Number
		}
		return s, nil
	}
	set, err := c.cache.readSet()
	if err != nil {
		return nil, err
	}
	s.set, s.held = set, map[uint64]*bucket{}
	if c.head != nil && c.cache.shelve(s, &c.head.State) == nil {
		s.span = span{next: uint64(len(c.records.Placed)), known: true}
		s.replayed = s.records.end()
		return s, nil
	}
	s.records, s.withdrawals = nil, nil
	return s, nil
}

// moveOn takes a newer head into the stage.
func (c *Client) moveOn(ctx context.Context, s *stage) error {
	u, err := c.fetchHead(ctx)
	if err != nil {
		return err
	}
	if u.head.Height < s.head.Height {
		return lie(Backwards, "height %d, %d was verified before", u.head.Height, s.head.Height)
	}
	u.logs = s.logs
	s.update = u
	return nil
}

// readLogs takes what is missing of the logs of epochs, records and
// withdrawals.
func (c *Client) readLogs(ctx context.Context, s *stage) error {
	if err := c.fetchLog(ctx, s.update, journal.Epochs); err != nil {
		return err
	}
	epochs, err := addEpochs(s.epochs, s.update)
	if err != nil {
		return c.signed(err)
	}
	s.epochs, s.closes = epochs, append(s.closes, s.entries[journal.Epochs]...)
	s.entries[journal.Epochs] = nil
	if s.records == nil {
		if err := c.chooseAnchor(ctx, s); err != nil {
			return err
		}
	}
	for _, x := range []struct {
		kind journal.Kind
		on   **shelf
	}{{journal.Records, &s.records}, {journal.Withdrawals, &s.withdrawals}} {
		if err := c.readLog(ctx, s, x.kind, x.on); err != nil {
			return err
		}
	}
	err = s.records.read(s.replayed, s.records.end(), func(_ uint64, entry []byte) error {
		r, err := journal.DecodeRecord(entry)
		if err != nil {
			return lie(ForgedEntry, "%v", err)
		}
		return s.span.take(&r)
	})
	s.replayed, s.fresh = s.records.end(), false
	return c.signed(err)
}

// chooseAnchor decides where the logs of records and withdrawals begin.
func (c *Client) chooseAnchor(ctx context.Context, s *stage) error {
	at := len(s.epochs) - 1
	for at > 0 && s.epochs[at].Records > c.start {
		at--
	}
	e, first := s.epochs[at], [2]uint64{} // of records and withdrawals
	s.logs[journal.Records], s.logs[journal.Withdrawals] = journal.NewAccumulator(), journal.NewAccumulator()
	if c.start == 0 || at == 0 {
		s.span = span{known: true}
	} else {
		b, err := c.source.Anchor(ctx, e.Number)
		if err != nil {
			return &silence{fmt.Sprintf("the anchor of epoch %d", e.Number), err}
		}
		a, err := journal.DecodeAnchor(b)
		if err != nil {
			return lie(ForgedAnchor, "%v", err)
		}
		if a.Epoch != e {
			return lie(ForgedAnchor, "it is not epoch %d as the epoch log has it", e.Number)
		}
		s.anchor, first = b, [2]uint64{e.Records, e.Withdrawals}
		s.logs[journal.Records], s.logs[journal.Withdrawals] = a.Records, a.Withdrawals
		s.fresh = true
	}
	s.records = &shelf{file: c.cache.logFile(journal.Records), first: first[0]}
	s.withdrawals = &shelf{file: c.cache.logFile(journal.Withdrawals), first: first[1]}
	s.replayed = first[0]
	held, err := c.cachedBuckets(&s.set, s.epochs)
	for n, b := range held {
		if b.at >= first[0] {
			s.held[n] = b // a folder that lost its logs still has its buckets
		}
	}
	return err
}

// readLog puts the missing entries of a log on its shelf.
func (c *Client) readLog(ctx context.Context, s *stage, k journal.Kind, on **shelf) error {
	w, err := (*on).extend()
	if err != nil {
		return err
	}
	acc, err := c.stream(ctx, s.update, k, s.logs[k], w.add)
	longer, failed := w.done()
	if errors.Is(err, ForgedEntry) && s.fresh {
		err = lie(ForgedAnchor, "the log of %v, continued from it to entry %d, does not have the root that the head signs", k, k.Of(&s.head.State).Count)
	}
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	s.logs[k], *on = acc, longer
	return nil
}

// readRoots brings the bucket roots to the newest epoch: whole at first and
// after a long time, by changes otherwise. The ledger may close epochs while
// it is asked for the layer, so that its pages are of several; the changes of
// all epochs since before the first page make them one.
func (c *Client) readRoots(ctx context.Context, s *stage) error {
	whole := s.patch == nil || s.head.State.Epoch-s.at > staleLayer
	if whole {
		base := s.head.State.Epoch
		fresh, err := c.readLayer(ctx)
		if err != nil {
			return err
		}
		if err := c.moveOn(ctx, s); err != nil {
			return err
		}
		if err := c.readLogs(ctx, s); err != nil {
			return err
		}
		s.patch, s.at = newPatch(fresh), base
	}
	for e := s.at + 1; e <= s.head.State.Epoch; e++ {
		if !whole && s.epochs[e].Root == s.epochs[e-1].Root {
			continue // nothing changed, as everybody knows
		}
		b, err := c.source.Changes(ctx, e)
		if err != nil {
			return &silence{fmt.Sprintf("the changes of epoch %d", e), err}
		}
		list, err := journal.DecodeChanges(b)
		if err != nil {
			return lie(ForgedChanges, "epoch %d: %v", e, err)
		}
		root, err := s.patch.change(list)
		if err != nil {
			return err
		}
		if !whole && root != s.epochs[e].Root {
			return lie(ForgedChanges, "epoch %d: the roots of buckets give another root", e)
		}
	}
	root, _ := s.patch.Get(crownDepth, 0)
	if root != s.head.State.Root {
		return lie(ForgedLayer, "epoch %d: the roots of buckets give another root", s.head.State.Epoch)
	}
	s.at = s.head.State.Epoch
	return nil
}

// readLayer takes the roots of all buckets.
func (c *Client) readLayer(ctx context.Context) (*crown, error) {
	fresh := &crown{}
	var drip drip
	for {
		from := fresh.buckets()
		if from == journal.Buckets {
			return fresh, nil
		}
		asked, max := time.Now(), layerPage-int(from%layerPage)
		b, err := c.source.Layer(ctx, from, max)
		if err != nil {
			return nil, &silence{"the roots of buckets", err}
		}
		roots, err := parseElements(b)
		if err != nil || len(roots) > max {
			return nil, lie(Malformed, "roots of buckets from %d: %d bytes, %v", from, len(b), err)
		}
		if len(roots) == 0 {
			return fresh, nil
		}
		if err := drip.took(time.Since(asked), len(roots), max); err != nil {
			return nil, &silence{"the roots of buckets", err}
		}
		leaves := make([]merkle.Leaf, len(roots))
		for i, r := range roots {
			leaves[i] = merkle.Leaf{Index: from + uint64(i), Value: r}
		}
		if _, err := merkle.Update(fresh, crownDepth, leaves); err != nil {
			return nil, err
		}
		if c.progress != nil {
			c.progress("roots of buckets", fresh.buckets(), fresh.buckets())
		}
	}
}

// readFirst takes the bucket that the anchor cuts through, whose later leaves
// alone are in the log. Everybody who starts at this anchor takes it, whatever
// they own, and takes it once unless it is lost.
func (c *Client) readFirst(ctx context.Context, s *stage) error {
	n := s.patch.buckets()
	if s.anchor == nil || n == 0 {
		return nil
	}
	n--
	if s.span.known {
		n = s.span.first / journal.BucketSize
	}
	if s.held[n] != nil || s.span.covers(n) || n >= s.patch.buckets() {
		return nil
	}
	b, err := c.readBucket(ctx, s.patch, n)
	if err != nil {
		return err
	}
	b.at = newest(s.epochs).Records
	held := map[uint64]*bucket{n: b}
	for m, b := range s.held {
		held[m] = b
	}
	s.held = held
	s.set.buckets = append([]uint64(nil), s.set.buckets...)
	s.set.put(n)
	return nil
}

// readBucket takes the leaves of a bucket and checks them against its root.
func (c *Client) readBucket(ctx context.Context, p *patch, n uint64) (*bucket, error) {
	want := p.root(n)
	raw, err := c.source.Bucket(ctx, n, want.Bytes())
	if err != nil {
		return nil, &silence{"a bucket", err}
	}
	b := &bucket{}
	if b.leaves, err = parseBucket(raw); err != nil {
		return nil, lie(WrongBucket, "bucket %d: %v", n, err)
	}
	root, err := b.settle()
	if err != nil {
		return nil, err
	}
	if root != want {
		return nil, lie(WrongBucket, "bucket %d: its leaves have another root", n)
	}
	return b, nil
}

// adoptLayers takes a stage over, on disk as well.
func (c *Client) adoptLayers(s *stage) error {
	if err := c.settle(s); err != nil {
		return c.signed(shown(err, s.head.Encode()))
	}
	if err := c.plan(&s.layers); err != nil {
		return err
	}
	c.publish(s)
	if err := c.cache.saveLayers(s); err != nil {
		return fmt.Errorf("light: keeping what was verified: %w", err)
	}
	return nil
}

// settle brings the held buckets to the newest epoch.
func (c *Client) settle(s *stage) error {
	held, err := advance(s.records, s.held, newest(s.epochs).Records)
	if err != nil {
		return err
	}
	for n, b := range held {
		if b.tree.Root() == s.patch.root(n) {
			continue
		}
		if !s.set.has(n) {
			return lie(ForgedRoot, "bucket %d: the records give another root", n)
		}
		delete(held, n) // the log does not explain it: the next reading of the set does
	}
	s.held = held
	return nil
}

// publish makes a settled stage what callers see.
func (c *Client) publish(s *stage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.patch.apply()
	s.crown = s.patch.on
	l := s.layers
	c.layers, c.epochs = &l, s.epochs
	c.records, c.log, c.tree, c.withdrawals = journal.Replay{}, nil, nil, nil
	c.own(s.update)
}

// plan schedules a reading of the set when a bucket of it is missing.
func (c *Client) plan(l *layers) error {
	for _, n := range l.set.buckets {
		if l.held[n] == nil {
			return l.set.schedule(uint64(c.clock().Unix()))
		}
	}
	l.set.next = 0
	return nil
}

// signed keeps an error that the validators' signatures cover: no other node
// tells better, so there is no way on.
func (c *Client) signed(err error) error {
	var l *LieError
	if errors.As(err, &l) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.broken, c.head = err, nil
	}
	return err
}
