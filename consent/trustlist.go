package consent

import (
	"fmt"
	"math"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// TrustDepth is the depth of a trust list's tree: 256 authorities.
const TrustDepth = 4

// A TrustList is a governed list of authorities. A proof shows that the issuer
// (or, in the consent circuit, the registrar) is one of them, not which.
type TrustList struct {
	Name        string
	Sequence    uint64
	Authorities []fr.Element // stable ids, ascending
}

// Check refuses a list that is empty, too long, unsorted or holds 0.
func (t *TrustList) Check() error {
	if n := len(t.Authorities); n == 0 || uint64(n) > merkle.Capacity(TrustDepth) {
		return fmt.Errorf("trust list %q: %d authorities, allowed are 1 to %d", t.Name, n, merkle.Capacity(TrustDepth))
	}
	for i := range t.Authorities {
		if t.Authorities[i].IsZero() {
			return fmt.Errorf("trust list %q: authority %d is 0", t.Name, i)
		}
		if i > 0 && t.Authorities[i].Cmp(&t.Authorities[i-1]) <= 0 {
			return fmt.Errorf("trust list %q: authority %d is not above the one before it", t.Name, i)
		}
	}
	return nil
}

// Index says where an authority stands.
func (t *TrustList) Index(authority fr.Element) (int, bool) {
	for i := range t.Authorities {
		if t.Authorities[i].Equal(&authority) {
			return i, true
		}
	}
	return 0, false
}

// Tree is the list's tree; its root is a public input.
func (t *TrustList) Tree() (*merkle.Tree, error) {
	return merkle.NewTree(TrustDepth, t.Authorities...)
}

// Encode is the list's message of kind "trust-list".
func (t *TrustList) Encode() []byte {
	e := tlv.NewEncoder("trust-list")
	e.String(1, t.Name)
	e.Uint(2, t.Sequence)
	e.List(3, len(t.Authorities), func(i int, e *tlv.Encoder) { e.Element(1, t.Authorities[i]) })
	return e.Encoded()
}

// DecodeTrustList reads a trust-list message and checks it.
func DecodeTrustList(b []byte) (*TrustList, error) {
	d := tlv.NewDecoder("trust-list", b, 1<<15)
	t := &TrustList{Name: d.String(1, "name", maxName), Sequence: d.Uint(2, "sequence", math.MaxUint64)}
	d.List(3, "authorities", int(merkle.Capacity(TrustDepth)), func(_ int, d *tlv.Decoder) {
		t.Authorities = append(t.Authorities, d.Element(1, "authority"))
	})
	if err := d.Done(); err != nil {
		return nil, err
	}
	return t, t.Check()
}

// Digest names the list on the ledger.
func (t *TrustList) Digest() fr.Element { return field.Of("trust-list", t.Encode()) }
