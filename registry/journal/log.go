// Package journal is the ledger's append-only logs: their entries, the
// RFC 6962 roots over them, and the replay that turns the record log into
// leaves (docs/spec.md §6.3). It stores nothing; the state machine and the
// light client both build on it, so that they cannot disagree.
//
// # Caveats
//
// An entry is trustworthy when the log's count and root, computed over all
// entries from the first, are those of a verified head. Not before.
package journal

import (
	"crypto/sha256"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// Kind names one of the logs.
type Kind uint8

// The logs.
const (
	Records Kind = 1 + iota
	Withdrawals
	Epochs
	Spends
	Audits
)

// Kinds lists the logs.
func Kinds() []Kind { return []Kind{Records, Withdrawals, Epochs, Spends, Audits} }

func (k Kind) String() string {
	switch k {
	case Records:
		return "records"
	case Withdrawals:
		return "withdrawals"
	case Epochs:
		return "epochs"
	case Spends:
		return "spends"
	case Audits:
		return "audits"
	}
	return fmt.Sprintf("unknown log %d", uint8(k))
}

// Of is the log's count and root in a state.
func (k Kind) Of(s *directory.State) directory.Log {
	switch k {
	case Records:
		return s.Records
	case Withdrawals:
		return s.Withdrawals
	case Spends:
		return s.Spends
	case Audits:
		return s.Audits
	}
	return s.Epochs
}

// An Accumulator computes a log's root without keeping its entries: a compact
// range, at most one hash for each bit of the count.
type Accumulator struct{ r *compact.Range }

func factory() *compact.RangeFactory { return &compact.RangeFactory{Hash: hashChildren} }

// hashLeaf and hashChildren are RFC 6962 §2.1 on the stack: a ledger hashes
// each of its entries twice, and a check of it all of them once more.
func hashLeaf(entry []byte) []byte {
	var b [1 + MaxEntry]byte
	h := sha256.Sum256(append(append(b[:0], rfc6962.RFC6962LeafHashPrefix), entry...))
	return h[:]
}

func hashChildren(l, r []byte) []byte {
	var b [1 + 2*sha256.Size]byte
	h := sha256.Sum256(append(append(append(b[:0], rfc6962.RFC6962NodeHashPrefix), l...), r...))
	return h[:]
}

// NewAccumulator is the accumulator of an empty log.
func NewAccumulator() *Accumulator { return &Accumulator{factory().NewEmptyRange(0)} }

// Restore continues from what [Accumulator.Hashes] returned.
func Restore(count uint64, hashes []byte) (*Accumulator, error) {
	if len(hashes)%sha256.Size != 0 {
		return nil, fmt.Errorf("journal: %d bytes are no run of hashes", len(hashes))
	}
	var split [][]byte
	for ; len(hashes) > 0; hashes = hashes[sha256.Size:] {
		split = append(split, append([]byte(nil), hashes[:sha256.Size]...))
	}
	r, err := factory().NewRange(0, count, split)
	if err != nil {
		return nil, fmt.Errorf("journal: restoring a log of %d entries: %w", count, err)
	}
	return &Accumulator{r}, nil
}

// Append adds an entry.
func (a *Accumulator) Append(entry []byte) error {
	return a.r.Append(hashLeaf(entry), nil)
}

// Hashes returns the compact range, hash after hash.
func (a *Accumulator) Hashes() (b []byte) {
	for _, h := range a.r.Hashes() {
		b = append(b, h...)
	}
	return b
}

// Count is the number of entries.
func (a *Accumulator) Count() uint64 { return a.r.End() }

// Clone returns an accumulator that goes its own way.
func (a *Accumulator) Clone() *Accumulator {
	c, err := Restore(a.Count(), a.Hashes())
	if err != nil {
		panic(err) // an accumulator's own hashes always fit its count
	}
	return c
}

// Log returns the count and the root.
func (a *Accumulator) Log() (directory.Log, error) {
	l := directory.Log{Count: a.r.End()}
	if l.Count == 0 {
		l.Root = sha256.Sum256(nil) // RFC 6962 §2.1
		return l, nil
	}
	root, err := a.r.GetRootHash(nil)
	copy(l.Root[:], root)
	return l, err
}
