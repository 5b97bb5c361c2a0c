package registry

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

func placedOf(r journal.Record) journal.Placed {
	return journal.Placed{Kind: r.Kind, Authority: r.Authority, Lock: r.Lock, Leaf: r.Leaf}
}

func encodePlaced(p journal.Placed) []byte {
	b := []byte{byte(p.Kind), 0}
	if p.Revoked {
		b[1] = 1
	}
	for _, e := range [...]fr.Element{p.Authority, p.Lock, p.Leaf} {
		v := e.Bytes()
		b = append(b, v[:]...)
	}
	return b
}

func decodePlaced(b []byte) (p journal.Placed, err error) {
	if len(b) != 2+3*field.Size || b[0] < 1 || b[0] > 2 || b[1] > 1 {
		return p, damaged("leaf index", "not a record")
	}
	p.Kind, p.Revoked = consent.Kind(b[0]), b[1] == 1
	for i, to := range []*fr.Element{&p.Authority, &p.Lock, &p.Leaf} {
		if *to, err = field.Parse(b[2+i*field.Size : 2+(i+1)*field.Size]); err != nil {
			return p, damaged("leaf index", "%v", err)
		}
	}
	return p, nil
}

func (st *staging) placed(index uint64) (journal.Placed, error) { return readPlaced(st.batch, index) }

func readPlaced(r pebble.Reader, index uint64) (journal.Placed, error) {
	b, err := get(r, numberKey(keyLeaf, index))
	if err != nil {
		return journal.Placed{}, err
	}
	return decodePlaced(b)
}

func (st *staging) setPlaced(index uint64, p journal.Placed) error {
	return st.set(numberKey(keyLeaf, index), encodePlaced(p))
}
