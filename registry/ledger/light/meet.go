package light

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// ErrTrustExpired reports a client that was away for longer than the ledger's
// trust period. Members who left meanwhile may have lost their keys, and
// whoever found them could lead it to a ledger of their own.
var ErrTrustExpired = errors.New("light: the newest verified head is older than the ledger's trust period: get a newer one from somebody you trust who has followed the ledger, and name it (Config.Trusted)")

// maxSought bounds the light blocks that a client takes for one head: eight
// times what a trail may keep of them.
const maxSought = 8 * directory.MaxTrail

// leadTime bounds the time that a source takes for all of them. One that hands
// out a light block at a time, each as late as a call permits, would hold a
// client for hours.
const leadTime = 2 * time.Minute

// setOut checks that what the client trusts still vouches for who signs now.
func (c *Client) setOut() error {
	at, period := c.genesis.Time, c.genesis.Directory.Parameters.TrustPeriod
	if c.floor != nil {
		at = c.floor.head.Time
	}
	if c.dir != nil {
		period = c.dir.Parameters.TrustPeriod
	}
	if age := c.clock().Unix() - int64(at); age > int64(period) {
		return fmt.Errorf("%w (it is of %s)", ErrTrustExpired, time.Unix(int64(at), 0).UTC().Format(time.RFC3339))
	}
	return nil
}

// trust takes a head that somebody the user trusts has verified. It must
// verify from the genesis like any other; what the user vouches for is that
// nobody's stolen keys signed it.
func (c *Client) trust(message []byte) error {
	s, err := verify(c.genesis, message)
	if err != nil {
		return fmt.Errorf("light: Config.Trusted: %w", err)
	}
	if err := c.sighted(s); err != nil {
		return fmt.Errorf("light: Config.Trusted: %w", err)
	}
	if c.floor == nil || s.head.Height > c.floor.head.Height {
		if err := c.follows(s); err != nil {
			return fmt.Errorf("light: Config.Trusted: %w", err)
		}
		c.floor = s
		c.remember(s)
	}
	return nil
}

// meet verifies a checkpoint of a source, going on from the newest verified
// head, and gives it the shortest trail. One that came with it is dropped.
func (c *Client) meet(ctx context.Context, source Source, message []byte) (*sight, error) {
	s, err := read(c.genesis, message)
	if err != nil {
		return nil, err
	}
	s.path, s.head.Trail = []*link{s.own()}, nil
	r, own := roadFrom(c.genesis), s.own()
	if err := r.sound(own); err != nil {
		return nil, err
	}
	if err := c.sighted(s); err != nil {
		return nil, err
	}
	var known []*link
	var from *link
	if f := c.floor; f != nil {
		switch {
		case own.Height < f.own().Height:
			return nil, lie(Backwards, "height %d, %d was verified before: the node was restored from an old backup or withholds blocks", own.Height, f.own().Height).showing(f.head.Encode())
		case own.Height == f.own().Height && bytes.Equal(own.Header.Hash(), f.own().Header.Hash()):
			// Its votes may be others, and too few of those that the trail
			// needs: the ones that were verified before stay.
			return f, nil
		case own.Height == f.own().Height:
			return nil, lie(ForeignValidators, "height %d: they are not those of the header that was verified before", own.Height)
		default:
			known, from = f.path, f.own()
		}
	}
	links, err := c.lead(ctx, source, from, own)
	if err != nil {
		return nil, err
	}
	known = append(known[:len(known):len(known)], links...)
	trail, err := r.shortest(known, own)
	if err != nil {
		return nil, err
	}
	s.path = append(trail, own)
	for _, l := range trail {
		s.head.Trail = append(s.head.Trail, l.raw)
	}
	if n := len(s.head.Encode()); len(trail) > directory.MaxTrail || n > directory.MaxEncodedHead {
		return nil, fmt.Errorf("light: the head of height %d needs a trail of %d light blocks and %d bytes, at most %d and %d are allowed", own.Height, len(trail), n, directory.MaxTrail, directory.MaxEncodedHead)
	}
	if err := c.follows(s); err != nil {
		return nil, err
	}
	c.remember(s)
	return s, nil
}

// lead asks the source for light blocks until one of them, or where the walk
// starts, reaches the header.
func (c *Client) lead(ctx context.Context, source Source, from, to *link) ([]*link, error) {
	ctx, cancel := context.WithTimeout(ctx, leadTime)
	defer cancel()
	r := roadFrom(c.genesis)
	var out []*link
	for !r.reaches(from, to) {
		above := uint64(0)
		if from != nil {
			above = uint64(from.Height)
		}
		got, err := source.Trail(ctx, above)
		if err != nil {
			return nil, &silence{"the trail", err}
		}
		if len(got) > MaxLinks || len(out)+len(got) > maxSought {
			return nil, lie(BrokenTrail, "%d light blocks and no end", len(out)+len(got))
		}
		start := len(out)
		for _, raw := range got {
			if len(raw) > directory.MaxSignedHeader {
				return nil, lie(Malformed, "a light block of %d bytes", len(raw))
			}
			l, err := decodeLink(raw)
			if err != nil {
				return nil, err
			}
			if l.Height >= to.Height || r.reaches(from, to) {
				break
			}
			if err := r.sound(l); err != nil {
				return nil, err
			}
			if err := r.hop(from, l); err != nil {
				return nil, lie(BrokenTrail, "height %d: %v", l.Height, err).showing(raw)
			}
			from, out = l, append(out, l)
		}
		if len(out) == start {
			return nil, lie(ForeignValidators, "height %d: no change of validators that the node knows leads to them", to.Height)
		}
	}
	if err := r.hop(from, to); err != nil {
		return nil, lie(Fork, "height %d: %v", to.Height, err)
	}
	return out, nil
}

// follows holds a verified head against the newest one that was verified.
func (c *Client) follows(s *sight) error {
	f := c.floor
	if f == nil {
		return nil
	}
	for _, k := range journal.Kinds() {
		if a, b := k.Of(&f.head.State).Count, k.Of(&s.head.State).Count; b < a {
			return lie(Fork, "the log of %v has %d entries at height %d, it had %d before", k, b, s.head.Height, a).showing(f.head.Encode())
		}
	}
	return nil
}

// maxSighted is how many verified headers a client remembers to hold others
// of their heights against.
const maxSighted = 64

// sighted holds a sound header against the verified one of its height. The
// same validators signed both: more than a third of them are not honest.
func (c *Client) sighted(s *sight) error {
	own := s.own()
	for _, o := range c.seen {
		l := o.own()
		if l.Height != own.Height || bytes.Equal(l.Header.Hash(), own.Header.Hash()) {
			continue
		}
		if bytes.Equal(l.ValidatorsHash, own.ValidatorsHash) {
			return lie(Fork, "two headers of height %d that the same validators signed", own.Height).showing(o.head.Encode())
		}
	}
	return nil
}

func (c *Client) remember(s *sight) {
	if c.seen = append(c.seen, s); len(c.seen) > maxSighted {
		c.seen = c.seen[1:]
	}
}
