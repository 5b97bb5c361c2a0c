package consent

import (
	"crypto/sha256"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// HolderOf is the holder of the keys ak (by its coordinates) and nk (docs/spec.md §3).
func HolderOf(akX, akY, nk fr.Element) fr.Element {
	return poseidon.Sum(poseidon.TagHolder, akX, akY, nk)
}

// Nullifier is the holder's pseudonym in a scope (docs/spec.md §2.3).
func Nullifier(nk, scope fr.Element) fr.Element {
	return poseidon.Sum(poseidon.TagNullifier, nk, scope)
}

// WithdrawalKey is w of the withdrawal secret v.
func WithdrawalKey(v fr.Element) fr.Element { return poseidon.Sum(poseidon.TagWithdrawalKey, v) }

// Watch is the tag by which the verifier of a scope recognises the withdrawal
// of the consent with withdrawal key w.
func Watch(w, scope fr.Element) fr.Element { return poseidon.Sum(poseidon.TagWatch, w, scope) }

// Lock is what a leaf carries of the revocation secret rs.
func Lock(rs fr.Element) fr.Element { return poseidon.Sum(poseidon.TagLock, rs) }

// Commitment is the consent's cm (docs/spec.md §4.1).
func (c *Consent) Commitment() fr.Element {
	t := &c.Terms
	return poseidon.Sum(poseidon.TagConsent, c.Holder, c.Grantee,
		field.Uint(uint64(t.Purposes)), field.Uint(uint64(t.Restrictions)), field.Uint(uint64(t.Categories)),
		field.Uint(uint64(t.NotBefore)), field.Uint(uint64(t.NotAfter)),
		field.Uint(uint64(t.DataFrom)), field.Uint(uint64(t.DataTo)),
		c.Policy, c.Source, c.W, c.Salt)
}

// Commitment is the credential's cm (docs/spec.md §4.2).
func (c *Credential) Commitment() fr.Element {
	in := make([]fr.Element, 0, poseidon.MaxInputs)
	in = append(in, c.Holder, c.Schema, field.Uint(uint64(c.Expires)), c.Salt)
	for _, a := range c.Attributes {
		in = append(in, a.Element())
	}
	return poseidon.Sum(poseidon.TagCredential, in...)
}

// Kind tells the two kinds of records apart.
type Kind uint8

// The kinds of records, as the record log writes them (docs/spec.md §6.3).
const (
	KindConsent    Kind = 1
	KindCredential Kind = 2
)

// Leaf is a record's leaf: the ledger computes it from the transaction's type
// and signer, the wallet to recognise its own (docs/spec.md §4.3).
func Leaf(kind Kind, authority, cm, lock fr.Element) fr.Element {
	tag := poseidon.TagLeafConsent
	if kind == KindCredential {
		tag = poseidon.TagLeafCredential
	}
	return poseidon.Sum(tag, authority, cm, lock)
}

// PolicyDigest is the digest of the common policy text (docs/spec.md §4.1).
func PolicyDigest(text string) fr.Element { return field.Of("policy", []byte(text)) }

// SourceDigest is the hidden digest of the patient's own document.
func SourceDigest(document []byte, salt fr.Element) fr.Element {
	d, s := sha256.Sum256(document), salt.Bytes()
	return field.Of("source", d[:], s[:])
}
