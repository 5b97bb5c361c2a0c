package reference_test

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/twistededwards"
	"github.com/zkconsent/zkconsent/circuits/reference"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// seal writes what follows from the draft: ak, unless an edit brought one,
// rk, the holder, the records' trees, nullifier and watch tag.
func (d *draft) seal() {
	p, h := &d.v.Public, &d.v.Holder
	if !d.ownAk {
		h.Ak = multiple(d.ask)
	}
	p.Rk = sum(h.Ak, multiple(h.Alpha.BigInt(new(big.Int))))
	holder := poseidon.Sum(poseidon.TagHolder, h.Ak.X, h.Ak.Y, h.Nk)
	p.Holder = holder
	p.Nullifier = poseidon.Sum(poseidon.TagNullifier, h.Nk, p.Scope)
	var consentLeaf, credentialLeaf element
	if d.c.ProvesConsent() {
		r := &d.v.Consent
		p.Watch = poseidon.Sum(poseidon.TagWatch, r.W, p.Scope)
		cm := poseidon.Sum(poseidon.TagConsent, d.owner(d.consentOf, holder), p.Grantee, r.Purposes, r.Terms, r.Categories,
			r.NotBefore, r.NotAfter, r.DataFrom, r.DataTo, p.Policy, r.Source, r.W, r.Salt)
		consentLeaf = d.leaf(d.consentOf, poseidon.TagLeafConsent, poseidon.TagLeafCredential, r.Authority, cm, r.Lock)
	}
	if d.c.ProvesCredential() {
		r := &d.v.Credential
		cm := poseidon.Sum(poseidon.TagCredential, append([]element{d.owner(d.credentialOf, holder), p.Schema, r.Expires, r.Salt}, r.Attributes[:]...)...)
		credentialLeaf = d.leaf(d.credentialOf, poseidon.TagLeafCredential, poseidon.TagLeafConsent, r.Authority, cm, r.Lock)
		p.TrustRoot = climb(r.Issuer, r.Authority)
		for i := range r.Sets {
			s := &r.Sets[i]
			p.Sets[i].Root = climb(s.Path, poseidon.Sum(poseidon.TagInterval, s.Lo, s.Hi))
		}
	}
	switch d.c.Name {
	case "consent":
		p.Root = climb(d.v.Consent.Path, consentLeaf)
		p.TrustRoot = climb(d.v.Registrar, d.v.Consent.Authority)
	case "eligibility":
		p.Root = climb(d.v.Credential.Path, credentialLeaf)
	case "claim":
		p.Root = join(d.v.Consent.Path, consentLeaf, d.v.Credential.Path, credentialLeaf)
	}
}

// A fate is what happened to a record when it was registered.
type fate int

const (
	honest   fate = iota
	foreign       // it is another holder's
	exchange      // it stands in the tree as the other kind
	revoked       // its leaf is 0
)

func (d *draft) owner(f fate, holder element) element {
	if f == foreign {
		return d.element()
	}
	return holder
}

func (d *draft) leaf(f fate, tag, other element, authority, cm, lock element) element {
	switch f {
	case exchange:
		return poseidon.Sum(other, authority, cm, lock)
	case revoked:
		return element{}
	}
	return poseidon.Sum(tag, authority, cm, lock)
}

func place(l *reference.Level) (n int) {
	for k := range l.Position {
		if !l.Position[k].IsZero() {
			n += 1 << k
		}
	}
	return n
}

func samePlace(a, b reference.Path) bool {
	for i := range a {
		if place(&a[i]) != place(&b[i]) {
			return false
		}
	}
	return true
}

func parent(l *reference.Level, node element) element {
	at, s := place(l), &l.Siblings
	switch at {
	case 0:
		return poseidon.Node(node, s[0], s[1], s[2])
	case 1:
		return poseidon.Node(s[0], node, s[1], s[2])
	case 2:
		return poseidon.Node(s[0], s[1], node, s[2])
	}
	return poseidon.Node(s[0], s[1], s[2], node)
}

func climb(p reference.Path, node element) element {
	for i := range p {
		node = parent(&p[i], node)
	}
	return node
}

// join gives two leaves of one tree their paths: apart up to the level at
// which they become siblings, and one from there. Two leaves in one place
// cannot be; then the second has no true path.
func join(a reference.Path, leafA element, b reference.Path, leafB element) element {
	meet := len(a) - 1
	for meet >= 0 && place(&a[meet]) == place(&b[meet]) {
		b[meet].Siblings = a[meet].Siblings
		meet--
	}
	if meet < 0 {
		return climb(a, leafA)
	}
	nodeA, nodeB := climb(a[:meet], leafA), climb(b[:meet], leafB)
	at, other := place(&a[meet]), place(&b[meet])
	a[meet].Siblings[without(other, at)] = nodeB
	var children [4]element
	children[at] = nodeA
	for k := range children {
		if k != at {
			children[k] = a[meet].Siblings[without(k, at)]
		}
	}
	for k := range children {
		if k != other {
			b[meet].Siblings[without(k, other)] = children[k]
		}
	}
	return climb(a[meet:], nodeA)
}

// without is a child's number among the siblings of another.
func without(k, at int) int {
	if k > at {
		return k - 1
	}
	return k
}

func multiple(n *big.Int) reference.Point {
	curve := twistededwards.GetEdwardsCurve()
	var p twistededwards.PointAffine
	p.ScalarMultiplication(&curve.Base, n)
	return reference.Point{X: p.X, Y: p.Y}
}

func sum(a, b reference.Point) reference.Point {
	p := new(twistededwards.PointAffine).Add(&twistededwards.PointAffine{X: a.X, Y: a.Y}, &twistededwards.PointAffine{X: b.X, Y: b.Y})
	return reference.Point{X: p.X, Y: p.Y}
}

// torsion is a point of order 2 or 4.
func torsion(order int) reference.Point {
	var minus, root element
	minus.SetInt64(-1)
	if order == 2 {
		return reference.Point{Y: minus}
	}
	root.Sqrt(&minus)
	root.Inverse(&root)
	return reference.Point{X: root}
}

func one() element { return fr.One() }
