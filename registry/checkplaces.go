package registry

import (
	"bytes"
	"runtime"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// nodes compares every stored node of the tree with the rebuilt one. Each layer
// holds the ancestors of the leaves that the newest epoch includes, and nothing
// else.
func (c *checker) nodes() error {
	total := uint64(0)
	for _, l := range c.tree[:journal.Depth] {
		total += uint64(len(l)+3) / 4
	}
	var want [4 * field.Size]byte
	return c.scan(keyNode, total, func(_ uint64, key, value []byte) error {
		g, ok := groupIndex(append([]byte{keyNode}, key...))
		if !ok || int(key[0]) >= journal.Depth {
			return damaged("tree nodes", "not a group's place")
		}
		l := c.tree[key[0]]
		if g >= uint64(len(l)+3)/4 {
			return damaged("tree nodes", "layer %d has no group %d", key[0], g)
		}
		l = l[4*g : min(uint64(len(l)), 4*g+4)]
		for i := range l {
			b := l[i].Bytes()
			copy(want[i*field.Size:], b[:])
		}
		if !bytes.Equal(value, want[:len(l)*field.Size]) {
			return damaged("tree nodes", "a node of group %d of layer %d is not the hash of its children", g, key[0])
		}
		return nil
	})
}

// leaves holds the leaf index against the record log, entry by entry, and each
// leaf against its authority, commitment and lock.
func (c *checker) leaves() error {
	log, err := c.r.NewIter(&pebble.IterOptions{LowerBound: []byte{keyRecord}, UpperBound: []byte{keyRecord + 1}})
	if err != nil {
		return err
	}
	defer log.Close()
	log.First()
	at := uint64(0)
	step := func() { log.Next(); at++ }
	derived := 0
	derive := func() error {
		err := c.derive(derived)
		derived = len(c.cms)
		return err
	}
	if err := c.scan(keyLeaf, c.f.next, func(n uint64, key, value []byte) error {
		for log.Valid() && !journal.Commits(log.Value()) {
			step()
		}
		p, err := decodePlace(value)
		if err != nil {
			return err
		}
		want := place{at: at, revoked: c.records.Placed[n].Revoked, cm: p.cm}
		if !log.Valid() || !bytes.Equal(key, number(n)) || p != want {
			return damaged("leaf index", "record %d is not the log's", n)
		}
		c.cms = append(c.cms, p.cm)
		step()
		if len(c.cms)-derived == derivedAtOnce {
			return derive()
		}
		return nil
	}); err != nil {
		return err
	}
	return derive()
}

const derivedAtOnce = 4096

// derive hashes the leaves from an index on, as far as commitments were read,
// on all processors: this is most of a check.
func (c *checker) derive(from int) error {
	cms := c.cms[from:]
	wrong := make([]bool, len(cms))
	workers := min(runtime.GOMAXPROCS(0), 1+len(cms)/64)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(cms); i += workers {
				p := &c.records.Placed[from+i]
				wrong[i] = consent.Leaf(p.Kind, p.Authority, cms[i], p.Lock) != p.Leaf
			}
		})
	}
	wg.Wait()
	if i := slices.Index(wrong, true); i >= 0 {
		return damaged("leaf index", "leaf %d is not that of its commitment", from+i)
	}
	return nil
}
