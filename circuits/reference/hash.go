package reference

import (
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/poseidon"
)

// The tags of docs/spec.md §2.3 that statements use.
var (
	tagHolder         = field.Tag("HOLDER")
	tagConsent        = field.Tag("CONSENT")
	tagCredential     = field.Tag("CREDENTIAL")
	tagLeafConsent    = field.Tag("LEAF_CONSENT")
	tagLeafCredential = field.Tag("LEAF_CREDENTIAL")
	tagInterval       = field.Tag("INTERVAL")
	tagNullifier      = field.Tag("NULLIFIER")
	tagWatch          = field.Tag("WATCH")
)

// hash is H(TAG; x_1 … x_n).
func hash(tag Element, inputs ...Element) Element { return poseidon.Sum(tag, inputs...) }
