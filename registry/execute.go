package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2"
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
	default:
		err = st.setDirectory(a.directory)
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
	for i, s := range a.sealed {
		lock, cm := elementKey(keyLock, a.Signer, s.Lock), elementKey(keyCommitment, a.Signer, s.Commitment)
		lockKnown, err := st.has(lock)
		if err != nil {
			return nil, err
		}
		cmKnown, err := st.has(cm)
		if err != nil {
			return nil, err
		}
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
		if err := firstError(
			func() error { return st.append(journal.Records, rec.Encode()) },
			func() error { return indexCommit(st.set, rec, s.Commitment) },
		); err != nil {
			return nil, err
		}
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

func (st *staging) withdraw(a *admitted) ([]transaction.ItemCode, error) {
	q := quota{}
	if !a.Signer.IsZero() { // a stamp has paid already, and has nobody's quota
		var err error
		if q, err = st.quota(quotaWithdrawals, a.Signer); err != nil {
			return nil, err
		}
	}
	codes := make([]transaction.ItemCode, len(a.withdrawals))
	for i, v := range a.withdrawals {
		key := elementKey(keySecret, v)
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
		if err := indexWithdrawal(st.set, w, st.logs[journal.Withdrawals].Count()); err != nil {
			return nil, err
		}
		if err := st.append(journal.Withdrawals, w.Encode()); err != nil {
			return nil, err
		}
		q.used++
	}
	if a.Signer.IsZero() {
		return codes, nil
	}
	return codes, st.setQuota(q)
}

func (st *staging) revoke(a *admitted) ([]transaction.ItemCode, error) {
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
		}
		p.Revoked = true
		rec := journal.Record{Revoked: true, Index: r.Index, RS: r.RS}
		if err := st.append(journal.Records, rec.Encode()); err != nil {
			return nil, err
		}
		if err := st.setPlaced(r.Index, p); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// The classes of quotas: each is Parameters.Quota for an authority and epoch.
const (
	quotaCommits     = 1
	quotaWithdrawals = 2
)

type quota struct {
	key, old []byte
	used     uint64
}

// quota reads what an authority has used in this epoch. A count of an earlier
// epoch counts for nothing.
func (st *staging) quota(class byte, authority fr.Element) (quota, error) {
	q := quota{key: quotaKey(class, authority)}
	v, err := get(st.batch, q.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return q, nil
	}
	if err != nil {
		return q, err
	}
	if len(v) != 16 {
		return q, damaged("quota", "%d bytes", len(v))
	}
	q.old = v
	if binary.BigEndian.Uint64(v) == st.state.Epoch {
		q.used = binary.BigEndian.Uint64(v[8:])
	}
	return q, nil
}

func (st *staging) setQuota(q quota) error {
	return st.setAux(q.key, q.old, append(number(st.state.Epoch), number(q.used)...))
}
