package registry

import (
	"crypto/sha256"
	"runtime"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// execute runs one transaction. An error is the store's and ends the block; a
// refused transaction is a result and leaves no trace.
func (st *staging) execute(raw []byte) (transaction.Result, error) {
	a, no, err := st.admit(raw, st.height, st.has)
	if err != nil {
		return transaction.Result{}, err
	}
	if no != nil {
		return transaction.Result{Code: no.code, Reason: no.reason}, nil
	}
	r := transaction.Result{}
	switch a.Kind {
	case transaction.CommitConsents:
		r.Items, err = st.commit(consent.KindConsent, a)
	case transaction.CommitCredentials:
		r.Items, err = st.commit(consent.KindCredential, a)
	case transaction.Withdraw:
		r.Items, err = st.withdraw(a)
	case transaction.Revoke:
		r.Items, err = st.revoke(a)
	case transaction.Spend:
		r.Items, err = st.spend(a)
	case transaction.AuditRoot:
		r.Items, err = st.anchor(a)
	default:
		err = st.decree(a)
	}
	if err != nil {
		return r, err
	}
	h := sha256.New()
	tx := sha256.Sum256(raw)
	h.Write(st.state.History[:])
	h.Write(tx[:])
	h.Write([]byte{byte(r.Code)})
	h.Write(r.Codes())
	h.Sum(st.state.History[:0])
	return r, st.setAux(executedKey(a.Expiry, a.digest), nil, []byte{1})
}

// commit places records. What refuses an item never depends on a later one.
func (st *staging) commit(kind consent.Kind, a *admitted) ([]transaction.ItemCode, error) {
	q, err := st.quota(quotaCommits, a.Signer)
	if err != nil {
		return nil, err
	}
	leaves := leavesOf(kind, a.Signer, a.sealed)
	codes := make([]transaction.ItemCode, len(a.sealed))
	claims := make([]claim, 0, 2*len(a.sealed))
	for _, s := range a.sealed {
		claims = append(claims, claimOf(keyLock, a.Signer, s.Lock), claimOf(keyCommitment, a.Signer, s.Commitment))
	}
	known, err := st.claims(claims)
	if err != nil {
		return nil, err
	}
	for i, s := range a.sealed {
		lock, cm := claims[2*i], claims[2*i+1]
		lockKnown, cmKnown := known[2*i] || st.fresh.has(lock), known[2*i+1] || st.fresh.has(cm)
		switch {
		case lockKnown:
			codes[i] = transaction.DuplicateLock
			continue
		case cmKnown:
			codes[i] = transaction.DuplicateCM
			continue
		case q.used >= st.dir.Parameters.Quota:
			codes[i] = transaction.OverQuota
			continue
		case st.next >= merkle.Capacity(journal.Depth):
			codes[i] = transaction.TreeFull
			continue
		}
		rec := journal.Record{Kind: kind, Index: st.next, Authority: a.Signer, Lock: s.Lock, Leaf: leaves[i]}
		p := place{at: st.logs[journal.Records].Count(), cm: s.Commitment}
		if err := firstError(
			func() error { return indexCommit(st.put, rec, p) },
			func() error { return st.append(journal.Records, rec.Encode()) },
		); err != nil {
			return nil, err
		}
		st.fresh.claim(lock, cm)
		st.fresh.places = append(st.fresh.places, p)
		q.used++
		st.next++
	}
	return codes, st.setQuota(q)
}

// leavesOf hashes the leaves of a batch on all processors: a full batch would
// otherwise hold the block up for a tenth of a second.
func leavesOf(kind consent.Kind, authority fr.Element, items []consent.Sealed) []fr.Element {
	out := make([]fr.Element, len(items))
	workers := min(runtime.GOMAXPROCS(0), 1+len(items)/64)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(items); i += workers {
				out[i] = consent.Leaf(kind, authority, items[i].Commitment, items[i].Lock)
			}
		})
	}
	wg.Wait()
	return out
}
