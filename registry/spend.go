package registry

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// spend records which member of a shared scope answered first for a nullifier.
// The log tells a member that comes second whose it is.
func (st *staging) spend(a *admitted) ([]transaction.ItemCode, error) {
	q, err := st.quota(quotaSpends, a.Signer)
	if err != nil {
		return nil, err
	}
	// Ids are hashes of names: computed once for the whole batch.
	member := map[fr.Element]bool{}
	for _, s := range st.dir.Scopes {
		member[directory.ScopeID(s.Name)] = s.Has(a.Signer)
	}
	codes := make([]transaction.ItemCode, len(a.spendings))
	for i, s := range a.spendings {
		may, known := member[s.Scope]
		key := spentKey(s.Scope, s.Nullifier)
		spent, err := st.has(key)
		switch {
		case err != nil:
			return nil, err
		case !known:
			codes[i] = transaction.UnknownScope
			continue
		case !may:
			codes[i] = transaction.NotMember
			continue
		case spent:
			codes[i] = transaction.AlreadySpent
			continue
		case q.used >= st.dir.Parameters.Quota:
			codes[i] = transaction.OverQuota
			continue
		}
		entry := journal.Spend{Scope: s.Scope, Nullifier: s.Nullifier, Digest: s.Digest, Member: a.Signer, At: st.time}
		if err := st.file(journal.Spends, key, entry.Encode()); err != nil {
			return nil, err
		}
		q.used++
	}
	return codes, st.setQuota(q)
}

// anchor records the roots of an authority's verdicts, one for each epoch that
// has closed: who could change a root later, or anchor several, could show
// each auditor another past. There is one for each epoch, so it has no quota.
func (st *staging) anchor(a *admitted) ([]transaction.ItemCode, error) {
	codes := make([]transaction.ItemCode, len(a.anchors))
	for i, x := range a.anchors {
		key := anchoredKey(a.Signer, x.Epoch)
		anchored, err := st.has(key)
		switch {
		case err != nil:
			return nil, err
		case x.Epoch > st.state.Epoch:
			codes[i] = transaction.FutureEpoch
			continue
		case anchored:
			codes[i] = transaction.AlreadyAnchored
			continue
		}
		entry := journal.Audit{Authority: a.Signer, Epoch: x.Epoch, Root: x.Root, At: st.time}
		if err := st.file(journal.Audits, key, entry.Encode()); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// file appends an entry to a log and notes its position under key.
func (st *staging) file(k journal.Kind, key, entry []byte) error {
	if err := st.set(key, number(st.logs[k].Count())); err != nil {
		return err
	}
	return st.append(k, entry)
}
