package verifier

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrSource reports a RootSource whose answers contradict each other: a log
// that does not have the root its head signs, or a head that goes back.
var ErrSource = errors.New("verifier: the root source contradicts itself")

// A treeLog is the local copy of the tree over an RFC 6962 log. It grows by
// whole extensions that end in a root which a head signs.
type treeLog struct {
	keep   bool // inner nodes, for inclusion proofs
	tree   *compact.Range
	levels [][][sha256.Size]byte // perfect nodes by level, when kept
}

var logRange = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

func newTreeLog(keep bool) *treeLog {
	return &treeLog{keep: keep, tree: logRange.NewEmptyRange(0)}
}

func (l *treeLog) size() uint64 { return l.tree.End() }

// extend appends entries if the log then has this root; otherwise it stays as
// it was.
func (l *treeLog) extend(entries [][]byte, root [sha256.Size]byte) error {
	tree, err := logRange.NewRange(0, l.tree.End(), append([][]byte(nil), l.tree.Hashes()...))
	if err != nil {
		return err
	}
	type node struct {
		level uint
		hash  [sha256.Size]byte
	}
	var added []node
	var visit compact.VisitFn
	if l.keep {
		visit = func(id compact.NodeID, hash []byte) {
			added = append(added, node{id.Level, [sha256.Size]byte(hash)})
		}
	}
	for _, e := range entries {
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(e), visit); err != nil {
			return err
		}
	}
	got := rfc6962.DefaultHasher.EmptyRoot()
	if tree.End() > 0 {
		if got, err = tree.GetRootHash(nil); err != nil {
			return err
		}
	}
	if [sha256.Size]byte(got) != root {
		return fmt.Errorf("%w: %d entries of a log do not have the root that the head signs", ErrSource, tree.End())
	}
	for _, n := range added {
		for uint(len(l.levels)) <= n.level {
			l.levels = append(l.levels, nil)
		}
		l.levels[n.level] = append(l.levels[n.level], n.hash)
	}
	l.tree = tree
	return nil
}

// inclusion is the RFC 6962 proof that the entry at index is among the first
// size entries.
func (l *treeLog) inclusion(index, size uint64) ([][]byte, error) {
	nodes, err := proof.Inclusion(index, min(size, l.size()))
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		if id.Level >= uint(len(l.levels)) || id.Index >= uint64(len(l.levels[id.Level])) {
			return nil, fmt.Errorf("verifier: no node %d at level %d of a log of %d", id.Index, id.Level, l.size())
		}
		h := l.levels[id.Level][id.Index]
		hashes[i] = h[:]
	}
	return nodes.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
}

// checkInclusion verifies what inclusion makes.
func checkInclusion(entry []byte, index, size uint64, path [][]byte, root [sha256.Size]byte) error {
	return proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, rfc6962.DefaultHasher.HashLeaf(entry), path, root[:])
}
