package cluster_test

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// An operation is one item of a transaction. Operations on different keys are
// independent of each other: a history is checked key by key.
type operation struct {
	key  string // "lock 7", "secret 7", "nullifier 7"
	kind transaction.Kind
}

// An outcome is what the client was told, if it was told anything.
type outcome struct {
	code  transaction.ItemCode
	known bool
}

// A phase is the state of one key: nothing yet, then what was done first, and
// for a lock whose record was revoked, that.
type phase int

const (
	untouched phase = iota
	taken           // committed, withdrawn or spent
	revoked
)

// next is the registry's rule for one key: what an operation answers and what
// it leaves behind. A revocation names an index, which there is none of before
// the commit.
func (p phase) next(k transaction.Kind) (transaction.ItemCode, phase) {
	switch {
	case k == transaction.Revoke && p == untouched:
		return transaction.UnknownIndex, p
	case k == transaction.Revoke && p == taken:
		return transaction.Accepted, revoked
	case k == transaction.Revoke:
		return transaction.AlreadyRevoked, p
	case p == untouched:
		return transaction.Accepted, taken
	case k == transaction.CommitConsents:
		return transaction.DuplicateLock, p
	case k == transaction.Withdraw:
		return transaction.RepeatedSecret, p
	}
	return transaction.AlreadySpent, p
}

// model is the registry as a sequential machine. An operation of unknown
// outcome takes effect somewhere between its call and its return; one that may
// never have happened has a return after all others, where its effect shows in
// nothing.
func model() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[string][]porcupine.Operation{}
			var keys []string
			for _, o := range history {
				k := o.Input.(operation).key
				if byKey[k] == nil {
					keys = append(keys, k)
				}
				byKey[k] = append(byKey[k], o)
			}
			slices.Sort(keys)
			out := make([][]porcupine.Operation, len(keys))
			for i, k := range keys {
				out[i] = byKey[k]
			}
			return out
		},
		Init: func() any { return untouched },
		Step: func(state, input, output any) (bool, any) {
			code, next := state.(phase).next(input.(operation).kind)
			told := output.(outcome)
			return !told.known || told.code == code, next
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprint(input, output) },
	}
}
