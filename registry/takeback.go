package registry

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// withdraw appends withdrawal secrets. A secret names no leaf.
func (st *staging) withdraw(a *admitted) ([]transaction.ItemCode, error) {
	q, err := st.quota(quotaWithdrawals, a.Signer)
	if err != nil {
		return nil, err
	}
	codes := make([]transaction.ItemCode, len(a.withdrawals))
	for i, v := range a.withdrawals {
		key := withdrawnKey(v)
		known, err := st.has(key)
		switch {
		case err != nil:
			return nil, err
		case known:
			codes[i] = transaction.RepeatedSecret
			continue
		case q.used >= st.dir.Parameters.Quota:
			codes[i] = transaction.OverQuota
			continue
		}
		w := journal.Withdrawal{V: v, At: st.time}
		if err := st.file(journal.Withdrawals, key, w.Encode()); err != nil {
			return nil, err
		}
		q.used++
	}
	return codes, st.setQuota(q)
}

// revoke strikes leaves whose lock is opened, or that the signer issued.
func (st *staging) revoke(a *admitted) ([]transaction.ItemCode, error) {
	q, err := st.quota(quotaRevocations, a.Signer)
	if err != nil {
		return nil, err
	}
	codes := make([]transaction.ItemCode, len(a.revocations))
	for i, r := range a.revocations {
		if r.Index >= st.next {
			codes[i] = transaction.UnknownIndex
			continue
		}
		p, err := st.placed(r.Index)
		if err != nil {
			return nil, err
		}
		lock := consent.Lock(r.RS)
		byIssuer := r.RS.IsZero() && p.Kind == consent.KindCredential && !a.Signer.IsZero() && p.Authority.Equal(&a.Signer)
		switch {
		case p.Revoked:
			codes[i] = transaction.AlreadyRevoked
			continue
		case !byIssuer && (r.RS.IsZero() || !lock.Equal(&p.Lock)):
			codes[i] = transaction.WrongRS
			continue
		case q.used >= st.dir.Parameters.Quota:
			codes[i] = transaction.OverQuota
			continue
		}
		if err := st.strike(r.Index, r.RS, p); err != nil {
			return nil, err
		}
		q.used++
	}
	return codes, st.setQuota(q)
}

// strike revokes the live leaf p at index. It leaves the tree when the epoch
// closes.
func (st *staging) strike(index uint64, rs fr.Element, p journal.Placed) error {
	p.Revoked = true
	rec := journal.Record{Revoked: true, Index: index, RS: rs}
	if err := st.append(journal.Records, rec.Encode()); err != nil {
		return err
	}
	return st.setPlaced(index, p)
}
