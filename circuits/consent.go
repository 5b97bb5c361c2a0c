package circuits

import (
	"github.com/consensys/gnark/frontend"
	"github.com/zkconsent/zkconsent/circuits/gadget/merkle"
)

// Consent proves that a registered consent of the holder permits what is
// asked, and that its registrar is in a trust list.
type Consent struct {
	Root       variable `gnark:"root,public"`
	Now        variable `gnark:"now,public"`
	Until      variable `gnark:"until,public"`
	Purpose    variable `gnark:"purpose,public"`
	Accepted   variable `gnark:"accepted terms,public"`
	Categories variable `gnark:"categories,public"`
	QFrom      variable `gnark:"qFrom,public"`
	QTo        variable `gnark:"qTo,public"`
	Grantee    variable `gnark:"grantee,public"`
	Policy     variable `gnark:"policy,public"`
	TrustRoot  variable `gnark:"registrar trust root,public"`
	Scope      variable `gnark:"scope,public"`
	Challenge  variable `gnark:"challenge,public"`
	Nullifier  variable `gnark:"nullifier,public"`
	Watch      variable `gnark:"watch,public"`
	RkX        variable `gnark:"rk.x,public"`
	RkY        variable `gnark:"rk.y,public"`

	Keys   HolderPart
	Record ConsentPart
	Trust  merkle.Path
}

// Define implements frontend.Circuit.
func (c *Consent) Define(api frontend.API) error {
	p, err := newParts(api)
	if err != nil {
		return err
	}
	holder, err := c.Keys.assert(p, c.Scope, c.Nullifier, c.RkX, c.RkY)
	if err != nil {
		return err
	}
	p.assertOrder(c.Now, c.Until)
	c.Record.assert(p, holder, asked{
		root: c.Root, now: c.Now, until: c.Until,
		purpose: c.Purpose, accepted: c.Accepted, category: c.Categories,
		qFrom: c.QFrom, qTo: c.QTo, grantee: c.Grantee, policy: c.Policy,
		scope: c.Scope, watch: c.Watch,
	})
	p.assertTrusted(c.Record.Authority, c.Trust, c.TrustRoot)
	p.bind(c.Challenge)
	return nil
}
