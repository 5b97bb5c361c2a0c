package registry

import (
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// The first byte of a key says what it is. [State.Check] knows each of them
// and refuses a store that holds any other.
const (
	keyMeta       = 'm' // alone
	keyGenesis    = 'g' // alone
	keyDirectory  = 'd' // alone
	keyRecord     = 'r' // position in the record log
	keyWithdrawal = 'w' // position in the withdrawal log
	keyEpoch      = 'e' // position in the epoch log
	keySpend      = 's' // position in the spend log
	keyAudit      = 'a' // position in the audit log
	keyLeaf       = 'i' // index: position in the record log, revoked, cm
	keyLock       = 'l' // fingerprint of authority, lock: index
	keyCommitment = 'c' // fingerprint of authority, cm: index
	keySecret     = 'v' // v: position in the withdrawal log
	keySpent      = 'u' // scope, nullifier: position in the spend log
	keyAnchored   = 'o' // authority, epoch: position in the audit log
	keyNode       = 'n' // height, index of the parent: its children
	keyBucket     = 'b' // epoch, bucket (4 bytes): its root, of each that the epoch's close changed
	keyAnchor     = 'h' // epoch: its anchor message
	keyQuota      = 'q' // class, authority: epoch, used
	keyExecuted   = 'x' // expiry, digest: 1
	keyRestoring  = 'z' // alone, and only while a snapshot is restored
)

// auxiliaryKeys are the prefixes, ascending, of what no log holds and the
// state's auxiliary hash does.
var auxiliaryKeys = [...]byte{keyQuota, keyExecuted}

func logKey(k journal.Kind, position uint64) []byte {
	prefix := [...]byte{journal.Records: keyRecord, journal.Withdrawals: keyWithdrawal, journal.Epochs: keyEpoch, journal.Spends: keySpend, journal.Audits: keyAudit}[k]
	return numberKey(prefix, position)
}

func numberKey(prefix byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, n)
}

func elementKey(prefix byte, es ...fr.Element) []byte {
	k := make([]byte, 1, 1+len(es)*field.Size)
	k[0] = prefix
	for _, e := range es {
		b := e.Bytes()
		k = append(k, b[:]...)
	}
	return k
}

func anchoredKey(authority fr.Element, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(elementKey(keyAnchored, authority), epoch)
}

func nodeKey(height int, group uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyNode, byte(height)}, group)
}

func bucketKey(epoch, bucket uint64) []byte {
	return binary.BigEndian.AppendUint32(numberKey(keyBucket, epoch), uint32(bucket))
}

func spentKey(scope, nullifier fr.Element) []byte { return elementKey(keySpent, scope, nullifier) }

func withdrawnKey(v fr.Element) []byte { return elementKey(keySecret, v) }

func quotaKey(class byte, authority fr.Element) []byte {
	b := authority.Bytes()
	return append([]byte{keyQuota, class}, b[:]...)
}

func executedKey(expiry uint64, digest [32]byte) []byte {
	return append(numberKey(keyExecuted, expiry), digest[:]...)
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
