package circuits

import "github.com/consensys/gnark/frontend"

// Claim proves a consent and predicates about a credential, of one holder.
// Only the credential's issuer is in a trust list: the consent's registrar is
// free, so that a claim proves the wallet's will and not the registrar's care.
type Claim struct {
	Root       variable          `gnark:"root,public"`
	Now        variable          `gnark:"now,public"`
	Until      variable          `gnark:"until,public"`
	Purpose    variable          `gnark:"purpose,public"`
	Accepted   variable          `gnark:"accepted terms,public"`
	Categories variable          `gnark:"categories,public"`
	QFrom      variable          `gnark:"qFrom,public"`
	QTo        variable          `gnark:"qTo,public"`
	Grantee    variable          `gnark:"grantee,public"`
	Policy     variable          `gnark:"policy,public"`
	TrustRoot  variable          `gnark:"issuer trust root,public"`
	Schema     variable          `gnark:"schema,public"`
	Ranges     [rangeCount]Range `gnark:"ranges,public"`
	Sets       []Set             `gnark:"sets,public"`
	Links      []Link            `gnark:"links,public"`
	Scope      variable          `gnark:"scope,public"`
	Challenge  variable          `gnark:"challenge,public"`
	Nullifier  variable          `gnark:"nullifier,public"`
	Watch      variable          `gnark:"watch,public"`
	RkX        variable          `gnark:"rk.x,public"`
	RkY        variable          `gnark:"rk.y,public"`

	Keys       HolderPart
	Record     ConsentPart
	Credential CredentialPart
}

// Define implements frontend.Circuit.
func (c *Claim) Define(api frontend.API) error {
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
	c.Credential.assert(p, holder, tested{
		root: c.Root, until: c.Until, trustRoot: c.TrustRoot, schema: c.Schema,
		ranges: c.Ranges, sets: c.Sets, links: c.Links,
	})
	p.bind(c.Challenge)
	return nil
}
