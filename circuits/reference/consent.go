package reference

const (
	timeBits = 40
	maskBits = 64 // purposes and categories
	termBits = 32
)

// consent asserts that a registered consent of the holder permits what is
// asked.
func (l *list) consent(r *Consent, p *Public, holder Element) {
	leaf := func() Element {
		cm := hash(tagConsent, holder, p.Grantee, r.Purposes, r.Terms, r.Categories, r.NotBefore, r.NotAfter,
			r.DataFrom, r.DataTo, p.Policy, r.Source, r.W, r.Salt)
		return hash(tagLeafConsent, r.Authority, cm, r.Lock)
	}
	l.member("consent", leaf, r.Path, RecordDepth, p.Root)
	l.within("purpose", "purposes", p.Purpose, r.Purposes, maskBits)
	l.within("categories", "granted", p.Categories, r.Categories, maskBits)
	l.within("terms", "accepted", r.Terms, p.Accepted, termBits)
	l.assert("notBefore ≤ now", func() bool { return atMost(r.NotBefore, p.Now, timeBits) })
	l.assert("until ≤ notAfter", func() bool { return atMost(p.Until, r.NotAfter, timeBits) })
	l.assert("dataFrom ≤ qFrom", func() bool { return atMost(r.DataFrom, p.QFrom, timeBits) })
	l.assert("qTo ≤ dataTo", func() bool { return atMost(p.QTo, r.DataTo, timeBits) })
	l.assert("watch", func() bool { return p.Watch == hash(tagWatch, r.W, p.Scope) })
}

// within asserts x ⊆ y as sets of bits.
func (l *list) within(xName, yName string, x, y Element, bits int) {
	l.assert(xName+" in bits", func() bool { return fits(x, bits) })
	l.assert(yName+" in bits", func() bool { return fits(y, bits) })
	l.assert(xName+" ⊆ "+yName, func() bool { return subset(x, y, bits) })
}
