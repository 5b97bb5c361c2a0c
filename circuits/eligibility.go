package circuits

import "github.com/consensys/gnark/frontend"

// Eligibility proves predicates about a credential of the holder.
type Eligibility struct {
	Root      variable          `gnark:"root,public"`
	Now       variable          `gnark:"now,public"`
	Until     variable          `gnark:"until,public"`
	TrustRoot variable          `gnark:"issuer trust root,public"`
	Schema    variable          `gnark:"schema,public"`
	Ranges    [rangeCount]Range `gnark:"ranges,public"`
	Sets      []Set             `gnark:"sets,public"`
	Links     []Link            `gnark:"links,public"`
	Scope     variable          `gnark:"scope,public"`
	Challenge variable          `gnark:"challenge,public"`
	Nullifier variable          `gnark:"nullifier,public"`
	RkX       variable          `gnark:"rk.x,public"`
	RkY       variable          `gnark:"rk.y,public"`

	Keys       HolderPart
	Credential CredentialPart
}

// Define implements frontend.Circuit.
func (c *Eligibility) Define(api frontend.API) error {
	p, err := newParts(api)
	if err != nil {
		return err
	}
	holder, err := c.Keys.assert(p, c.Scope, c.Nullifier, c.RkX, c.RkY)
	if err != nil {
		return err
	}
	p.assertOrder(c.Now, c.Until)
	c.Credential.assert(p, holder, tested{
		root: c.Root, until: c.Until, trustRoot: c.TrustRoot, schema: c.Schema,
		ranges: c.Ranges, sets: c.Sets, links: c.Links,
	})
	p.bind(c.Challenge)
	return nil
}
