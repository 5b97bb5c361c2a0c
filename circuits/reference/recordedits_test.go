package reference_test

// A pair is x ⊆ y of two masks.
type pair struct {
	name  string
	width uint
	of    func(d *draft) (x, y *element)
}

func consentEdits() (m []edit) {
	for _, p := range []pair{
		{"purpose", 64, func(d *draft) (x, y *element) { return &d.v.Public.Purpose, &d.v.Consent.Purposes }},
		{"categories", 64, func(d *draft) (x, y *element) { return &d.v.Public.Categories, &d.v.Consent.Categories }},
		{"terms", 32, func(d *draft) (x, y *element) { return &d.v.Consent.Terms, &d.v.Public.Accepted }},
	} {
		all := number(1<<p.width - 1)
		m = append(m,
			before(p.name+": one bit more", func(d *draft) {
				x, y := p.of(d)
				bit := uint64(1) << d.index(int(p.width))
				*x, *y = number(integer(*x)|bit), number(integer(*y)&^bit)
			}),
			before(p.name+": only the bit that is missing", func(d *draft) {
				x, y := p.of(d)
				bit := uint64(1) << d.index(int(p.width))
				*x, *y = number(bit), number(integer(all)&^bit)
			}),
			before(p.name+": all of all", func(d *draft) {
				x, y := p.of(d)
				*x, *y = all, all
			}),
			before(p.name+": none of none", func(d *draft) {
				x, y := p.of(d)
				*x, *y = number(0), number(0)
			}),
			before(p.name+": inner beyond the width", func(d *draft) {
				x, _ := p.of(d)
				*x = plus(*x, power(p.width+uint(d.index(3))))
			}),
			before(p.name+": outer beyond the width", func(d *draft) {
				_, y := p.of(d)
				*y = plus(*y, power(p.width+uint(d.index(3))))
			}),
			before(p.name+": both beyond the width", func(d *draft) {
				x, y := p.of(d)
				*x, *y = plus(*x, power(p.width)), plus(*y, power(p.width))
			}),
			before(p.name+": inner at an edge", func(d *draft) { x, _ := p.of(d); *x = d.edge() }),
			before(p.name+": outer at an edge", func(d *draft) { _, y := p.of(d); *y = d.edge() }),
		)
	}
	return append(m,
		before("from after to", func(d *draft) {
			p := &d.v.Public
			p.QFrom = plus(p.QTo, one())
			d.v.Consent.DataFrom = p.QFrom
		}),
		before("consent of another holder", func(d *draft) { d.consentOf = foreign }),
		before("consent registered as a credential", func(d *draft) { d.consentOf = exchange }),
		before("consent revoked", func(d *draft) { d.consentOf = revoked }),
		before("registrar 0", func(d *draft) { d.v.Consent.Authority = number(0) }),
		after("another registrar", func(d *draft) { d.v.Consent.Authority = d.edge() }),
		after("watch of another w", func(d *draft) { d.v.Consent.W = d.element() }),
		after("another watch tag", func(d *draft) { d.v.Public.Watch = plus(d.v.Public.Watch, one()) }),
		after("another grantee", func(d *draft) { d.v.Public.Grantee = d.element() }),
		after("another policy", func(d *draft) { d.v.Public.Policy = d.edge() }),
		after("wider than signed", func(d *draft) { d.v.Consent.Purposes = number(1<<64 - 1) }),
		after("longer than signed", func(d *draft) { d.v.Consent.NotAfter = plus(d.v.Consent.NotAfter, one()) }),
	)
}

func credentialEdits() []edit {
	return []edit{
		before("credential of another holder", func(d *draft) { d.credentialOf = foreign }),
		before("credential registered as a consent", func(d *draft) { d.credentialOf = exchange }),
		before("credential revoked", func(d *draft) { d.credentialOf = revoked }),
		before("both of another holder", func(d *draft) { d.consentOf, d.credentialOf = foreign, foreign }),
		before("issuer 0", func(d *draft) { d.v.Credential.Authority = number(0) }),
		after("another issuer", func(d *draft) { d.v.Credential.Authority = d.element() }),
		after("another schema", func(d *draft) { d.v.Public.Schema = d.edge() }),
		after("another attribute", func(d *draft) { d.v.Credential.Attributes[d.index(11)] = d.attribute() }),
		after("another salt", func(d *draft) { d.v.Credential.Salt = number(0) }),
		after("another lock", func(d *draft) { d.v.Credential.Lock = d.edge() }),
		after("later expiry", func(d *draft) { d.v.Credential.Expires = plus(d.v.Credential.Expires, one()) }),
	}
}
