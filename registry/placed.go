package registry

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// A placed is a record as it is found by its index. Its leaf is in the record
// log; its commitment is here and in no log, in the order of the log, so that
// a snapshot reads both side by side.
type placed struct {
	Kind       consent.Kind
	Revoked    bool
	Authority  fr.Element
	Lock       fr.Element
	Commitment fr.Element
}

func placedOf(r journal.Record, cm fr.Element) placed {
	return placed{Kind: r.Kind, Authority: r.Authority, Lock: r.Lock, Commitment: cm}
}

func encodePlaced(p placed) []byte {
	b := make([]byte, 2, 2+3*field.Size)
	b[0] = byte(p.Kind)
	if p.Revoked {
		b[1] = 1
	}
	for _, e := range [...]fr.Element{p.Authority, p.Lock, p.Commitment} {
		v := e.Bytes()
		b = append(b, v[:]...)
	}
	return b
}

func decodePlaced(b []byte) (p placed, err error) {
	if len(b) != 2+3*field.Size || b[0] < 1 || b[0] > 2 || b[1] > 1 {
		return p, damaged("leaf index", "not a record")
	}
	p.Kind, p.Revoked = consent.Kind(b[0]), b[1] == 1
	for i, to := range []*fr.Element{&p.Authority, &p.Lock, &p.Commitment} {
		if *to, err = field.Parse(b[2+i*field.Size : 2+(i+1)*field.Size]); err != nil {
			return p, damaged("leaf index", "%v", err)
		}
	}
	return p, nil
}

func (st *staging) placed(index uint64) (placed, error) { return readPlaced(st.batch, index) }

func readPlaced(r pebble.Reader, index uint64) (placed, error) {
	b, err := get(r, numberKey(keyLeaf, index))
	if err != nil {
		return placed{}, err
	}
	return decodePlaced(b)
}

func (st *staging) setPlaced(index uint64, p placed) error {
	return st.set(numberKey(keyLeaf, index), encodePlaced(p))
}

// indexCommit sets the keys by which a commit is found again. Execution and
// the restore of a snapshot have them from here.
func indexCommit(set func(key, value []byte) error, r journal.Record, cm fr.Element) error {
	return firstError(
		func() error { return set(elementKey(keyLock, r.Authority, r.Lock), number(r.Index)) },
		func() error { return set(elementKey(keyCommitment, r.Authority, cm), number(r.Index)) },
		func() error { return set(numberKey(keyLeaf, r.Index), encodePlaced(placedOf(r, cm))) },
	)
}
