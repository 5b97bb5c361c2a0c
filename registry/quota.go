package registry

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// The classes of quotas: each is Parameters.Quota for an authority and epoch.
const (
	quotaCommits     = 1
	quotaWithdrawals = 2
	quotaRevocations = 3
	quotaSpends      = 4
)

type quota struct {
	key, old []byte // key is nil for a stamp, which counts for nobody
	used     uint64
}

// quota reads what an authority has used in this epoch. A count of an earlier
// epoch counts for nothing.
func (st *staging) quota(class byte, authority fr.Element) (quota, error) {
	if authority.IsZero() { // a stamp has paid already, and has nobody's quota
		return quota{}, nil
	}
	q := quota{key: quotaKey(class, authority)}
	v, err := get(st.batch, q.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return q, nil
	}
	if err != nil {
		return q, err
	}
	if len(v) != 16 {
		return q, damaged("quota", "%d bytes", len(v))
	}
	q.old = v
	if binary.BigEndian.Uint64(v) == st.state.Epoch {
		q.used = binary.BigEndian.Uint64(v[8:])
	}
	return q, nil
}

func (st *staging) setQuota(q quota) error {
	if q.key == nil {
		return nil
	}
	return st.setAux(q.key, q.old, append(number(st.state.Epoch), number(q.used)...))
}
