package wallet

import (
	"context"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

// witness opens the chosen records and takes their paths in the newest epoch.
// It returns ErrNoLeaf when one of them is not in the tree any more.
func (c *choice) witness(ctx context.Context, l Ledger, s *Snapshot, k *keys, q *consent.Request) (*consent.Witness, error) {
	w := k.witness()
	trust, err := q.Trust.Tree()
	if err != nil {
		return nil, err
	}
	if c.consent != nil {
		if w.Consent, err = c.consent.witness(ctx, l, s, k); err != nil {
			return nil, err
		}
		if q.Circuit.ProvesConsentAlone() {
			at, err := trusted(&q.Trust, trust, c.consent)
			if err != nil {
				return nil, err
			}
			w.Consent.Trust = &at
		}
	}
	if c.credential != nil {
		if w.Credential, err = c.credentialWitness(ctx, l, s, q); err != nil {
			return nil, err
		}
		at, _ := q.Trust.Index(c.credential.issuer)
		if w.Credential.Trust, err = trust.Path(uint64(at)); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func trusted(list *consent.TrustList, tree *merkle.Tree, r *consentRecord) (merkle.Path, error) {
	at, _ := list.Index(r.registrar)
	return tree.Path(uint64(at))
}

// witness is the part of every witness that comes from the keys.
func (k *keys) witness() *consent.Witness {
	return &consent.Witness{Holder: consent.HolderWitness{AkX: k.ak.X(), AkY: k.ak.Y(), Nk: k.nk}}
}

func (r *consentRecord) witness(ctx context.Context, l Ledger, s *Snapshot, k *keys) (*consent.ConsentWitness, error) {
	opening, err := r.opening(k)
	if err != nil {
		return nil, err
	}
	lock, err := k.lock(r.number)
	if err != nil {
		return nil, err
	}
	leaf := consent.Leaf(consent.KindConsent, r.registrar, opening.Commitment(), lock)
	p, err := path(ctx, l, s.Epoch, r.index, leaf)
	if err != nil {
		return nil, err
	}
	return &consent.ConsentWitness{Opening: opening, Authority: r.registrar, Lock: lock, Path: p}, nil
}

func (c *choice) credentialWitness(ctx context.Context, l Ledger, s *Snapshot, q *consent.Request) (*consent.CredentialWitness, error) {
	r := c.credential
	p, err := path(ctx, l, s.Epoch, r.index, r.leaf(c.offer))
	if err != nil {
		return nil, err
	}
	w := &consent.CredentialWitness{Opening: c.offer.Credential, Authority: r.issuer, Lock: r.lock, Path: p, Ranges: c.slots}
	for i, slot := range c.setSlots {
		set := &q.Sets[i].Set
		tree, err := set.Tree(q.Circuit.SetDepth())
		if err != nil {
			return nil, err
		}
		at, err := tree.Path(uint64(c.intervals[i]))
		if err != nil {
			return nil, err
		}
		w.Sets = append(w.Sets, consent.SetWitness{Slot: slot, Interval: set.Intervals[c.intervals[i]], Path: at})
	}
	return w, nil
}
