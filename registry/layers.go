package registry

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// layers is a record tree in memory that shows its nodes, for comparison with
// stored ones.
type layers [journal.Depth + 1][]fr.Element

// reserve takes the memory of a tree of as many leaves.
func (l *layers) reserve(leaves uint64) {
	for h := range l {
		l[h] = make([]fr.Element, 0, leaves)
		leaves = (leaves + 3) / 4
	}
}

func (l *layers) Get(height int, index uint64) (fr.Element, error) {
	if index < uint64(len(l[height])) {
		return l[height][index], nil
	}
	return merkle.Empty(height), nil
}

func (l *layers) Set(height int, index uint64, v fr.Element) error {
	for uint64(len(l[height])) <= index {
		l[height] = append(l[height], merkle.Empty(height))
	}
	l[height][index] = v
	return nil
}
