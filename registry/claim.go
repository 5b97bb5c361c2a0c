package registry

import (
	"crypto/sha256"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
)

// A claim is the key of a lock or a commitment that an authority has used: a
// prefix, and the fingerprint of both elements (docs/spec.md §7). These keys
// alone come in no order, so the store merges them again and again as a ledger
// grows: they are as short as they may be.
//
// Two claims with one fingerprint count as one, in execution, restore and check
// alike. That ten million honest leaves hold two such is less likely than 2^-81.
// Who searches for two needs 2^64 hashes, and 2^128 to meet what somebody else
// has claimed; the authority is in the fingerprint, and what the search gains
// is that an item of one's own is refused.
type claim [1 + fingerprintSize]byte

const fingerprintSize = 16

// claimOf is the claim on a lock (keyLock) or a commitment (keyCommitment).
func claimOf(prefix byte, authority, what fr.Element) (c claim) {
	var b [2 * field.Size]byte
	of, by := what.Bytes(), authority.Bytes()
	copy(b[:field.Size], by[:])
	copy(b[field.Size:], of[:])
	d := sha256.Sum256(b[:])
	c[0] = prefix
	copy(c[1:], d[:fingerprintSize])
	return c
}

func (c claim) key() []byte { return c[:] }
