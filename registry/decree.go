package registry

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// decree executes what stewards approved.
func (st *staging) decree(a *admitted) error {
	if a.distrust != nil {
		if err := st.distrust(a.distrust); err != nil {
			return err
		}
	}
	return st.setDirectory(a.directory)
}

// distrust revokes an authority's live leaves in a range: a thief had its key,
// and which of them are the thief's nobody can tell. Leaves of others in the
// range stay. The range may reach beyond the last leaf, since stewards who
// gather approvals cannot know how far a thief gets meanwhile; what is
// committed there later is not revoked by it.
func (st *staging) distrust(x *directory.Distrust) error {
	for i := x.From; i < min(x.To, st.next); i++ {
		p, err := st.placed(i)
		if err != nil {
			return err
		}
		if p.Revoked || !p.Authority.Equal(&x.Authority) {
			continue
		}
		if err := st.strike(i, fr.Element{}, p); err != nil {
			return err
		}
	}
	return nil
}
