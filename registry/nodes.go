package registry

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// nodes is the tree's face towards the store, for one update. Nodes are stored
// by fours, the children of one parent: a path needs all of them. Layers have
// no gaps, so a group of nodes is as long as its layer reaches, and a node that
// was never written is told from one whose leaves were all revoked. The root is
// nobody's child; the state holds it.
type nodes struct {
	st     *staging
	stored uint64 // groups of leaves; those of the other layers follow
	groups [journal.Depth]map[uint64]*siblings
	root   fr.Element
}

// siblings are the children of one node, as many as there are.
type siblings struct {
	node    [4]fr.Element
	n       int
	changed bool
}

func newNodes(st *staging) (*nodes, error) {
	n := &nodes{st: st}
	for h := range n.groups {
		n.groups[h] = map[uint64]*siblings{}
	}
	var err error
	n.stored, err = storedGroups(st.db, 0)
	return n, err
}

func (n *nodes) Get(height int, index uint64) (fr.Element, error) {
	if height == journal.Depth {
		return n.root, nil
	}
	s, err := n.group(height, index/4)
	if err != nil || int(index%4) >= s.n {
		return merkle.Empty(height), err
	}
	return s.node[index%4], nil
}

func (n *nodes) Set(height int, index uint64, v fr.Element) error {
	if height == journal.Depth {
		n.root = v
		return nil
	}
	s, err := n.group(height, index/4)
	if err != nil {
		return err
	}
	for ; s.n <= int(index%4); s.n++ {
		s.node[s.n] = merkle.Empty(height)
	}
	s.node[index%4], s.changed = v, true
	return nil
}

func (n *nodes) group(height int, g uint64) (*siblings, error) {
	if s, ok := n.groups[height][g]; ok {
		return s, nil
	}
	s := &siblings{}
	if g<<(2*height) < n.stored {
		b, err := get(n.st.db, nodeKey(height, g))
		if err == nil {
			err = s.decode(b)
		} else if errors.Is(err, pebble.ErrNotFound) {
			err = damaged("tree nodes", "group %d of layer %d is missing", g, height)
		}
		if err != nil {
			return nil, err
		}
	}
	n.groups[height][g] = s
	return s, nil
}

// write stores what changed, in the order of the keys.
func (n *nodes) write() error {
	for h, groups := range n.groups {
		for _, g := range slices.Sorted(maps.Keys(groups)) {
			if s := groups[g]; s.changed {
				if err := n.st.put(nodeKey(h, g), s.encode()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *siblings) encode() []byte {
	out := make([]byte, 0, 4*field.Size)
	for _, v := range s.node[:s.n] {
		b := v.Bytes()
		out = append(out, b[:]...)
	}
	return out
}

func (s *siblings) decode(b []byte) (err error) {
	if len(b) == 0 || len(b) > 4*field.Size || len(b)%field.Size != 0 {
		return damaged("tree nodes", "%d bytes are no nodes", len(b))
	}
	s.n = len(b) / field.Size
	for i := range s.n {
		if s.node[i], err = field.Parse(b[i*field.Size : (i+1)*field.Size]); err != nil {
			return damaged("tree nodes", "%v", err)
		}
	}
	return nil
}

// storedGroups is how many groups of a layer are stored.
func storedGroups(r pebble.Reader, height int) (uint64, error) {
	g, _, err := lastGroup(r, height)
	return g, err
}

// lastGroup is the number of groups of a layer, and the last one.
func lastGroup(r pebble.Reader, height int) (groups uint64, last siblings, err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: nodeKey(height, 0), UpperBound: nodeKey(height+1, 0)})
	if err != nil {
		return 0, last, err
	}
	defer it.Close()
	if !it.Last() {
		return 0, last, it.Error()
	}
	g, ok := groupIndex(it.Key())
	if !ok || g >= merkle.Capacity(journal.Depth-height)/4 {
		return 0, last, damaged("tree nodes", "not a group's place")
	}
	return g + 1, last, last.decode(it.Value())
}

// groupIndex is the index in a group's key; ok is false if the key is none.
func groupIndex(key []byte) (index uint64, ok bool) {
	if len(key) != 1+1+8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[2:]), true
}
