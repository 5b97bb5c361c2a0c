package reference

import "fmt"

// credential asserts that an issued credential of the holder answers the
// predicates.
func (l *list) credential(c Circuit, r *Credential, p *Public, holder Element) {
	leaf := func() Element {
		opening := append([]Element{holder, p.Schema, r.Expires, r.Salt}, r.Attributes[:]...)
		return hash(tagLeafCredential, r.Authority, hash(tagCredential, opening...), r.Lock)
	}
	l.member("credential", leaf, r.Path, RecordDepth, p.Root)
	l.assert("until ≤ expires", func() bool { return atMost(p.Until, r.Expires, timeBits) })
	l.trusted("issuer", r.Authority, r.Issuer, p.TrustRoot)

	first := r.Ranges[0].slot()
	for i := range p.Ranges {
		name, asked, choice := fmt.Sprintf("range %d", i), &p.Ranges[i], &r.Ranges[i]
		l.choice(name, choice, asked.Mask)
		l.between(name, asked.Lo, choice.of(r.Attributes), asked.Hi)
		if i > 0 {
			l.link(i-1, p.Links[i-1], choice.slot(), first)
		}
	}
	for i := range c.Sets {
		name, asked, choice := fmt.Sprintf("set %d", i), &p.Sets[i], &r.Sets[i]
		l.choice(name, &choice.Slot, asked.Mask)
		l.between(name, choice.Lo, choice.Slot.of(r.Attributes), choice.Hi)
		interval := func() Element { return hash(tagInterval, choice.Lo, choice.Hi) }
		l.member(name, interval, choice.Path, c.SetDepth, asked.Root)
		l.link(Ranges-1+i, p.Links[Ranges-1+i], choice.Slot.slot(), first)
	}
}
