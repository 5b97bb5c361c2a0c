package registry

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zkconsent/zkconsent/internal/field"
)

// auxiliary checks what no log holds: by its set hash, and the commit quotas
// of this epoch by the log besides.
func (c *checker) auxiliary() error {
	var sum setHash
	for _, prefix := range auxiliaryKeys {
		it, err := c.r.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
		if err != nil {
			return err
		}
		for it.First(); it.Valid(); it.Next() {
			c.seen++
			sum.add(it.Key(), it.Value())
		}
		if err := it.Close(); err != nil {
			return damaged(stageOf(prefix), "%v", err)
		}
	}
	if sum != c.f.aux {
		return damaged("quotas and replay set", "their hash is not the state's")
	}
	for id, n := range c.used {
		v, err := get(c.r, quotaKey(quotaCommits, id))
		if err != nil || !bytes.Equal(v, append(number(c.f.state.Epoch), number(n)...)) {
			return damaged("quotas", "authority %s committed %d leaves in this epoch, its quota says otherwise", field.Hex(id), n)
		}
	}
	return nil
}
