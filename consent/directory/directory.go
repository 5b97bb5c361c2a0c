// Package directory describes what the ledger governs: its parameters, the
// authorities, and the schemas, value sets, trust lists and circuit manifests
// by digest, together with the genesis they start from (docs/spec.md §6).
//
// # Caveats
//
// A [Directory] is only as trustworthy as the signed header whose state hash
// contains its digest: take one from a light client, never from a node's word.
package directory

import (
	"crypto/ed25519"
	"crypto/sha256"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
)

// Roles is a set of what an authority may do.
type Roles uint8

// The roles of an authority (docs/spec.md §6.2).
const (
	Issuer Roles = 1 << iota
	Registrar
	Verifier
	Custodian
	Steward
)

// Parameters are the ledger's numbers. All but DevelopmentKeys are the
// stewards' to change.
type Parameters struct {
	Epoch       uint64 // seconds between two epochs
	EveryBlock  bool   // close an epoch with every block that has transactions, for demonstrations
	MaxHeadAge  uint64 // seconds; a client with an older head decides nothing
	Heartbeat   uint64 // seconds between empty blocks
	Quota       uint64 // leaves per authority and epoch
	PowBits     uint64 // leading zero bits of a stamp in place of a signer
	RevokeDelay uint64 // seconds; the longest random delay between Withdraw and Revoke
	Stewards    uint64 // how many stewards must sign a governance transaction
	TrustPeriod uint64 // seconds for which a verified header vouches for later validators

	// DevelopmentKeys makes the ledger a demonstration: its circuits' keys may be
	// of a setup by one party, who can prove anything. Without it, every party
	// refuses such keys.
	DevelopmentKeys bool
}

// MaxRootAge is the greatest age, in seconds from its replacement, of an epoch
// that a verifier may accept: two epochs (docs/spec.md §6.5).
func (p Parameters) MaxRootAge() uint64 { return 2 * p.Epoch }

// An Authority is an organisation with a key on the ledger.
type Authority struct {
	ID       fr.Element        // stable: AuthorityID of its first key
	Key      ed25519.PublicKey // its current key
	URI      string            // as FHIR documents reference it
	Name     string            // shown to patients
	Roles    Roles
	Active   bool
	Sequence uint64 // of the transaction that wrote this record, from 0
	Live     uint64 // its leaves that are not revoked
}

// AuthorityID is the stable id of the authority that starts with key.
func AuthorityID(key ed25519.PublicKey) fr.Element { return field.Of("authority", key) }

// A Named is a governed document, known by name and digest; the document
// itself travels off the ledger and is checked against the digest.
type Named struct {
	Name     string
	Sequence uint64
	Digest   fr.Element
}

// A Validator is a member whose consensus key signs blocks. One that was
// removed keeps its record with power 0, so that the decision that added it
// cannot be sent again.
type Validator struct {
	Key      ed25519.PublicKey // its address in consensus is the first 20 bytes of the SHA-256
	Power    uint64
	Name     string // of the member
	Sequence uint64
}

// A Scope is one in which several verifiers answer for a nullifier together:
// what one of them spends is spent for all (docs/spec.md §7).
type Scope struct {
	Name     string
	Sequence uint64
	Members  []fr.Element // authority ids, ascending; none closes the scope
}

// ScopeID names a shared scope in transactions and in its log.
func ScopeID(name string) fr.Element { return field.Of("shared-scope", []byte(name)) }

// A Distrust says that the stewards took an authority's records in a range of
// indices off the tree: a thief had its key. Whoever relies on an answer whose
// trust list holds that authority asks again (docs/spec.md §7).
type Distrust struct {
	Authority fr.Element
	From, To  uint64 // indices of the record tree, To excluded
	Epoch     uint64 // the first epoch without them
}

// A Manifest names the only keys of a circuit that the ledger's members accept.
type Manifest struct {
	Circuit  string            // circuit id, "claim/normal/groth16" (docs/spec.md §9.1)
	Sequence uint64            // of the transaction that wrote this record, from 0
	Digest   [sha256.Size]byte // of the circuit's entry in circuits/manifest
}

// A Directory is everything that the ledger governs.
type Directory struct {
	Parameters  Parameters
	Revision    uint64      // sequence number of Parameters
	Authorities []Authority // ascending by id
	Schemas     []Named     // ascending by name, as are the following
	ValueSets   []Named
	TrustLists  []Named
	Manifests   []Manifest  // ascending by circuit id
	Validators  []Validator // ascending by key
	Scopes      []Scope     // ascending by name
	Distrusts   []Distrust  // in the order of their transactions
}

// Authority finds an authority by its id.
func (d *Directory) Authority(id fr.Element) (Authority, bool) {
	for _, a := range d.Authorities {
		if a.ID.Equal(&id) {
			return a, true
		}
	}
	return Authority{}, false
}

// A Genesis is where a ledger starts, and what a client must have from a
// source it trusts: everything else follows from it by signatures.
type Genesis struct {
	ChainID   string
	Time      uint64 // unix seconds
	Directory Directory
}

// An Epoch is one entry of the epoch log (docs/spec.md §6.3, §6.5).
type Epoch struct {
	Number      uint64
	Root        fr.Element // of the record tree
	Records     uint64     // entries of the record log that the root includes
	Withdrawals uint64     // entries of the withdrawal log at its close
	ClosedAt    uint64     // unix seconds of the closing block
}

// A Log is the state of one append-only log.
type Log struct {
	Count uint64
	Root  [sha256.Size]byte // RFC 6962
}

// A State is what a header's AppHash signs (docs/spec.md §6.4).
type State struct {
	Genesis     [sha256.Size]byte
	Directory   [sha256.Size]byte // digest of the directory message
	Records     Log
	Withdrawals Log
	Epochs      Log
	Spends      Log
	Audits      Log
	Epoch       uint64
	Root        fr.Element
	Auxiliary   [sha256.Size]byte // of quotas and the replay set (docs/spec.md §6.4)
	History     [sha256.Size]byte
}

// A Head is a state with the header that signs it. SignedHeader is CometBFT's
// protobuf LightBlock, kept as evidence; Height and Time are its height and time.
// Trail holds, oldest first, the light blocks that lead from the genesis's
// validators to those of the header, none while they are the same. A node's
// checkpoint has none: who follows puts it together (docs/spec.md §6.7).
type Head struct {
	State        State
	Height       uint64
	Time         uint64 // unix seconds
	SignedHeader []byte
	Trail        [][]byte
}
