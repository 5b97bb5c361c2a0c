package registry_test

import (
	"testing"

	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestAttack_NumberThatBlocksAName has a document approved whose number is as
// high as numbers go: whatever stewards approve once by mistake, the name can
// be written again.
func TestAttack_NumberThatBlocksAName(t *testing.T) {
	for _, kind := range []transaction.Kind{transaction.SetSchema, transaction.SetValueSet, transaction.SetTrustList} {
		c := newChain(t)
		wantCode(t, "a new name at the end of the numbers", c.one(c.decree(kind, named(1<<62, 1))), transaction.NotGoverned)
		wantCode(t, "a date and time", c.one(c.decree(kind, named(20_261_129_120_000, 1))), transaction.Executed)
		wantCode(t, "the end of the numbers", c.one(c.decree(kind, named(1<<62, 2))), transaction.NotGoverned)
		const high = 20_261_129_120_000 + 1<<48
		wantCode(t, "a step too far", c.one(c.decree(kind, named(high+1, 2))), transaction.NotGoverned)
		wantCode(t, "as far as one goes", c.one(c.decree(kind, named(high, 2))), transaction.Executed)
		wantCode(t, "the next", c.one(c.decree(kind, named(high+1, 3))), transaction.Executed)
	}
}
