package circuits

import "github.com/consensys/gnark/frontend"

// Enrol proves possession of a holder's keys and shows the holder and its
// nullifier in the issuer's scope (docs/spec.md §4.4).
type Enrol struct {
	Holder    variable `gnark:"holder,public"`
	Scope     variable `gnark:"scope,public"`
	Challenge variable `gnark:"challenge,public"`
	Nullifier variable `gnark:"nullifier,public"`
	RkX       variable `gnark:"rk.x,public"`
	RkY       variable `gnark:"rk.y,public"`

	Keys HolderPart
}

// Define implements frontend.Circuit.
func (c *Enrol) Define(api frontend.API) error {
	p, err := newParts(api)
	if err != nil {
		return err
	}
	holder, err := c.Keys.assert(p, c.Scope, c.Nullifier, c.RkX, c.RkY)
	if err != nil {
		return err
	}
	api.AssertIsEqual(holder, c.Holder)
	p.bind(c.Challenge)
	return nil
}
