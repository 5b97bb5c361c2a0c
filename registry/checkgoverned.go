package registry

import (
	"fmt"
	"slices"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

// governed holds the directory against the genesis it grew from: nobody's
// record ever leaves it, and what no transaction wrote is as it was.
func (c *checker) governed() error {
	g, err := directory.DecodeGenesis(c.f.genesis)
	if err != nil {
		return damaged("genesis", "%v", err)
	}
	c.seen += 3 // meta, genesis, directory
	was, is := &g.Directory, c.f.dir
	switch {
	case is.Parameters.DevelopmentKeys != was.Parameters.DevelopmentKeys:
		return damaged("directory", "developmentKeys is not the genesis's")
	case is.Revision == 0 && is.Parameters != was.Parameters:
		return damaged("directory", "its parameters are not the genesis's, at revision 0")
	}
	for _, a := range was.Authorities {
		now, known := is.Authority(a.ID)
		if !known || now.Sequence == 0 && !now.Key.Equal(a.Key) {
			return damaged("directory", "authority %s of the genesis is gone", field.Hex(a.ID))
		}
	}
	for _, v := range was.Validators {
		at := slices.IndexFunc(is.Validators, func(x directory.Validator) bool { return x.Key.Equal(v.Key) })
		if at < 0 || is.Validators[at].Sequence == 0 && is.Validators[at].Power != v.Power {
			return damaged("directory", "validator %x of the genesis is gone", []byte(v.Key))
		}
	}
	return nil
}

// distrusted holds the directory's counts of live leaves, and its distrusts,
// against the record log.
func (c *checker) distrusted() error {
	for _, a := range c.f.dir.Authorities {
		if a.Live != c.live[a.ID] {
			return damaged("directory", "authority %s has %d live leaves, the record %d", field.Hex(a.ID), c.live[a.ID], a.Live)
		}
	}
	last := uint64(0)
	for i, x := range c.f.dir.Distrusts {
		where := fmt.Sprintf("distrust %d", i)
		if x.Epoch == 0 || x.Epoch < last || x.Epoch > c.f.state.Epoch+1 {
			return damaged(where, "epoch %d is none that it can be of", x.Epoch)
		}
		last = x.Epoch
		// What was committed in the same epoch may have come after it.
		for n := x.From; n < min(x.To, c.leaved[x.Epoch-1]); n++ {
			if p := c.records.Placed[n]; p.Authority.Equal(&x.Authority) && !p.Revoked {
				return damaged(where, "leaf %d is live", n)
			}
		}
	}
	return nil
}
