package poseidon

import "github.com/zkconsent/zkconsent/internal/field"

// The tags, one for each use of the hash, each with one fixed number of
// inputs (docs/spec.md §2.3).
var (
	TagHolder         = field.Tag("HOLDER")          // ak.x, ak.y, nk
	TagConsent        = field.Tag("CONSENT")         // 13 inputs, docs/spec.md §4.1
	TagCredential     = field.Tag("CREDENTIAL")      // 15 inputs, docs/spec.md §4.2
	TagWithdrawalKey  = field.Tag("WKEY")            // v
	TagLock           = field.Tag("LOCK")            // rs
	TagLeafConsent    = field.Tag("LEAF_CONSENT")    // authority, cm, lock
	TagLeafCredential = field.Tag("LEAF_CREDENTIAL") // authority, cm, lock
	TagInterval       = field.Tag("INTERVAL")        // lo, hi
	TagNullifier      = field.Tag("NULLIFIER")       // nk, scope
	TagWatch          = field.Tag("WATCH")           // w, scope
)
