package reference

const alphaBits = 252

// holder asserts that the holder's keys belong to rk and to the nullifier, and
// returns the holder.
func (l *list) holder(h *Holder, p *Public) Element {
	l.assert("ak on the curve", h.Ak.onCurve)
	l.assert("α of 252 bits", func() bool { return fits(h.Alpha, alphaBits) })
	l.assert("rk = ak + [α]B", func() bool { return p.Rk == add(h.Ak, multiple(h.Alpha)) })
	l.assert("nullifier", func() bool { return p.Nullifier == hash(tagNullifier, h.Nk, p.Scope) })
	return hash(tagHolder, h.Ak.X, h.Ak.Y, h.Nk)
}
