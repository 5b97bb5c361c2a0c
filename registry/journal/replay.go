package journal

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

// Depth is the depth of the record tree (docs/spec.md §5).
const Depth = merkle.MaxDepth

// A Placed is a record as the log has placed it.
type Placed struct {
	Kind      consent.Kind
	Authority fr.Element
	Lock      fr.Element
	Leaf      fr.Element // as it was committed
	Revoked   bool       // by an entry that was read
}

// A Replay reads the record log from its first entry and keeps the leaves that
// changed since they were last taken. The zero Replay stands before the first.
type Replay struct {
	Placed  []Placed // by index
	changed []merkle.Leaf
}

// An OrderError reports an entry that cannot follow those before it: no honest
// ledger writes it, whatever its root.
type OrderError struct {
	Index  uint64 // of the leaf
	Reason string
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("journal: record %d: %s", e.Index, e.Reason)
}

// Apply reads the next entry.
func (p *Replay) Apply(r Record) error {
	n := uint64(len(p.Placed))
	switch {
	case r.Revoked && r.Index >= n:
		return &OrderError{r.Index, "revoked before it was committed"}
	case r.Revoked && p.Placed[r.Index].Revoked:
		return &OrderError{r.Index, "revoked twice"}
	case r.Revoked:
		p.Placed[r.Index].Revoked = true
		p.changed = append(p.changed, merkle.Leaf{Index: r.Index})
	case r.Index != n:
		return &OrderError{r.Index, fmt.Sprintf("committed where index %d is next", n)}
	case n >= merkle.Capacity(Depth):
		return &OrderError{r.Index, "beyond the tree"}
	default:
		p.Placed = append(p.Placed, Placed{Kind: r.Kind, Authority: r.Authority, Lock: r.Lock, Leaf: r.Leaf})
		p.changed = append(p.changed, merkle.Leaf{Index: r.Index, Value: r.Leaf})
	}
	return nil
}

// Take returns the leaves that changed since the last call, in the log's
// order: the last value of an index is the one that holds.
func (p *Replay) Take() []merkle.Leaf {
	c := p.changed
	p.changed = nil
	return c
}
