package light

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
)

const (
	// batch is the number of log entries of one call.
	batch = 4096
	// attempts at a checkpoint and a directory that belong together, since
	// the ledger may move on between the two calls.
	attempts = 8
)

// An update is what a synchronisation brings, checked against its head.
type update struct {
	*sight
	dir      *directory.Directory
	dirBytes []byte
	logs     [journal.Audits + 1]*journal.Accumulator
	entries  [journal.Audits + 1][][]byte // new ones
}

// Sync takes the newest head and all that it signs, and adopts it as a whole
// or not at all. An error that is a [LieError] names what the source told, and
// is kept as evidence; ErrTrustExpired asks the user for a newer head; any
// other means that the source could not be asked. The last thing it checks is
// [Client.Fresh]: a head that is verified but stale is kept, and reported.
//
// Of a [Failover] it goes to the next source when one fails, and holds what it
// adopted against the others' newest headers.
func (c *Client) Sync(ctx context.Context) error {
	c.sync.Lock()
	defer c.sync.Unlock()
	if c.broken != nil {
		return c.broken
	}
	if err := c.setOut(); err != nil {
		return err
	}
	several, ok := c.source.(*Failover)
	if !ok {
		return c.caught(c.source, c.synchronise(ctx))
	}
	return c.takeOfSeveral(ctx, several)
}

// Broken returns the lie after which this client believes nothing any more,
// since the validators signed it: a fork, or a log that contradicts itself. Nil
// while there is none.
func (c *Client) Broken() error {
	c.sync.Lock()
	defer c.sync.Unlock()
	return c.broken
}

// synchronise is Sync from the source whose turn it is.
func (c *Client) synchronise(ctx context.Context) error {
	u, err := c.fetchHead(ctx)
	if err != nil {
		return err
	}
	if c.layers != nil || c.follow == Layers && u.head.State.Records.Count > c.whole {
		if err := c.syncLayers(ctx, u); err != nil {
			return err
		}
		return c.Fresh()
	}
	for _, k := range c.follow.logs(false) {
		if err := c.fetchLog(ctx, u, k); err != nil {
			return err
		}
	}
	if err := c.adopt(u); err != nil {
		return err
	}
	if c.cache != nil {
		if err := c.cache.save(u, c.follow); err != nil {
			return fmt.Errorf("light: keeping what was verified: %w", err)
		}
	}
	return c.Fresh()
}

func (c *Client) fetchHead(ctx context.Context) (*update, error) {
	for try := 1; ; try++ {
		b, err := c.source.Checkpoint(ctx)
		if err != nil {
			return nil, &silence{"the checkpoint", err}
		}
		s, err := c.meet(ctx, c.source, b)
		if err != nil {
			return nil, shown(err, b)
		}
		h := s.head
		u := &update{sight: s, dir: c.dir, dirBytes: c.dirBytes}
		if c.dirBytes != nil && sha256.Sum256(c.dirBytes) == h.State.Directory {
			return u, nil
		}
		if b, err = c.source.Directory(ctx); err != nil {
			return nil, &silence{"the directory", err}
		}
		if sha256.Sum256(b) == h.State.Directory {
			if u.dir, err = directory.DecodeDirectory(b); err != nil {
				return nil, lie(WrongDirectory, "%v", err).showing(h.Encode(), b)
			}
			u.dirBytes = b
			return u, nil
		}
		if try == attempts {
			return nil, lie(WrongDirectory, "its digest is not the head's, in %d attempts", attempts).showing(h.Encode(), b)
		}
	}
}

// fetchLog takes the entries that are missing and checks count and root.
func (c *Client) fetchLog(ctx context.Context, u *update, k journal.Kind) error {
	acc := u.logs[k]
	if acc == nil {
		acc = c.logs[k]
	}
	acc, err := c.stream(ctx, u, k, acc, func(e []byte) error {
		u.entries[k] = append(u.entries[k], e)
		return nil
	})
	if err != nil {
		if errors.Is(err, ForgedEntry) {
			err = shown(err, u.entries[k]...)
		}
		return err
	}
	u.logs[k] = acc
	return nil
}

// stream shows the entries that follow acc, before their root is checked, and
// returns the accumulator of the whole log. Answers end where pages of the log
// do, so that all clients ask for the same ones.
func (c *Client) stream(ctx context.Context, u *update, k journal.Kind, acc *journal.Accumulator, each func(entry []byte) error) (*journal.Accumulator, error) {
	want := k.Of(&u.head.State)
	acc = acc.Clone()
	if acc.Count() > want.Count {
		return nil, lie(Fork, "the log of %v lost entries", k).showing(u.head.Encode())
	}
	var drip drip
	for acc.Count() < want.Count {
		asked := time.Now()
		max := int(min(batch-acc.Count()%batch, want.Count-acc.Count()))
		got, err := c.source.Log(ctx, k, acc.Count(), max)
		if err != nil {
			return nil, &silence{"the log of " + k.String(), err}
		}
		if len(got) == 0 {
			return nil, lie(TruncatedLog, "the log of %v ends after %d of %d entries", k, acc.Count(), want.Count).showing(u.head.Encode())
		}
		if len(got) > max {
			return nil, lie(Malformed, "%d entries of %v, %d were asked for", len(got), k, max)
		}
		if err := drip.took(time.Since(asked), len(got), max); err != nil {
			return nil, &silence{"the log of " + k.String(), err}
		}
		for _, e := range got {
			if len(e) > journal.MaxEntry {
				return nil, lie(Malformed, "an entry of %v has %d bytes", k, len(e))
			}
			if err := acc.Append(e); err != nil {
				return nil, err
			}
			if err := each(e); err != nil {
				return nil, err
			}
		}
		if c.progress != nil {
			c.progress(k.String(), acc.Count(), want.Count)
		}
	}
	if got, err := acc.Log(); err != nil || got != want {
		return nil, lie(ForgedEntry, "the log of %v up to entry %d does not have the root that the head signs", k, want.Count).showing(u.head.Encode())
	}
	return acc, nil
}

// adopt replays what the validators have signed. What fails here was signed
// by them: no other node tells better, so the client stays where it is.
func (c *Client) adopt(u *update) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.replay(u); err != nil {
		c.broken, c.head = shown(err, u.head.Encode()), nil
		return c.broken
	}
	c.own(u)
	return nil
}

// own makes an update the client's own. A log that it does not follow stays
// empty.
func (c *Client) own(u *update) {
	c.head, c.floor, c.dir, c.dirBytes = u.head, u.sight, u.dir, u.dirBytes
	for k, l := range u.logs {
		if l != nil {
			c.logs[k] = l
		}
	}
}

func (c *Client) replay(u *update) error {
	for _, b := range u.entries[journal.Withdrawals] {
		w, err := journal.DecodeWithdrawal(b)
		if err != nil {
			return lie(ForgedEntry, "%v", err)
		}
		c.withdrawals = append(c.withdrawals, w)
	}
	epochs, err := addEpochs(c.epochs, u)
	if err != nil {
		return err
	}
	c.epochs = epochs
	newest := epochs[len(epochs)-1]
	if c.follow == Verdicts {
		return nil
	}
	position := c.logs[journal.Records].Count()
	if len(u.entries[journal.Epochs]) > 0 && newest.Records < position {
		return lie(ForgedRoot, "epoch %d leaves out records of before its close", newest.Number)
	}
	// Only the newest root is rebuilt: between two closes the last value of a
	// leaf is the one that counts, and the roots before are signed themselves.
	for _, b := range u.entries[journal.Records] {
		if position == newest.Records {
			if err := c.takeTree(newest); err != nil {
				return err
			}
		}
		r, err := journal.DecodeRecord(b)
		if err == nil {
			err = c.records.Apply(r)
		}
		if err != nil {
			return lie(ForgedEntry, "%v", err)
		}
		c.log = append(c.log, r)
		position++
	}
	if position == newest.Records {
		return c.takeTree(newest)
	}
	if root := c.tree.Root(); root != newest.Root {
		return lie(ForgedRoot, "epoch %d", newest.Number)
	}
	return nil
}

// addEpochs appends the epochs of an update, of which the last is the head's.
func addEpochs(epochs []directory.Epoch, u *update) ([]directory.Epoch, error) {
	h := &u.head.State
	for _, b := range u.entries[journal.Epochs] {
		e, err := directory.DecodeEpoch(b)
		if err != nil {
			return nil, lie(ForgedEntry, "%v", err)
		}
		n := uint64(len(epochs))
		if e.Number != n || e.Records > h.Records.Count || e.Withdrawals > h.Withdrawals.Count {
			return nil, lie(ForgedEntry, "epoch %d stands where %d belongs, or counts more than there is", e.Number, n)
		}
		if n > 0 {
			if p := epochs[n-1]; e.Records < p.Records || e.Withdrawals < p.Withdrawals || e.ClosedAt < p.ClosedAt {
				return nil, lie(ForgedEntry, "epoch %d runs backwards", n)
			}
		}
		epochs = append(epochs, e)
	}
	if len(epochs) == 0 {
		return nil, lie(ForgedRoot, "no epoch at all")
	}
	if newest := epochs[len(epochs)-1]; newest.Number != h.Epoch || newest.Root != h.Root {
		return nil, lie(ForgedRoot, "the newest epoch is not the head's")
	}
	return epochs, nil
}

// takeTree brings the tree to an epoch's close.
func (c *Client) takeTree(e directory.Epoch) error {
	root, err := c.tree.Update(c.records.Take())
	if err != nil {
		return err
	}
	if root != e.Root {
		return lie(ForgedRoot, "epoch %d: the records give another root", e.Number)
	}
	return nil
}
