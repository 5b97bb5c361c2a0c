package wallet

import (
	"context"
	"errors"
	"fmt"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/journal"
)

// ErrNotOnLedger reports an offer whose leaf is in no closed epoch: the issuer
// did not commit it, or the epoch is still open and a later attempt succeeds.
var ErrNotOnLedger = errors.New("wallet: the offered credential is not on the ledger; if it was issued just now, try again after the next epoch")

// An OfferError reports an offer that is not acceptable, and why.
type OfferError struct {
	Field  string
	Reason string
}

func (e *OfferError) Error() string { return fmt.Sprintf("wallet: offer: %s: %s", e.Field, e.Reason) }

// AcceptOffer checks an offer and keeps its credential: it is for this wallet
// and this ledger, from an active issuer, under a schema that the ledger knows,
// has no value that the schema does not declare, and its leaf is in the tree.
func (w *Wallet) AcceptOffer(ctx context.Context, l Ledger, encoded []byte) (Credential, error) {
	o, err := consent.DecodeOffer(encoded)
	if err != nil {
		return Credential{}, err
	}
	w.work.Lock()
	defer w.work.Unlock()
	s, err := w.sync(ctx, l)
	if err != nil {
		return Credential{}, err
	}
	if err := w.checkOffer(o, s.Directory); err != nil {
		return Credential{}, err
	}
	r := &credentialRecord{issuer: o.Issuer, lock: o.Lock, offer: encoded}
	leaf, found, revoked := r.leaf(o), false, false
	err = pages(ctx, s.RecordsFrom, s.Epoch.Records, l.Records, func(e journal.Record) error {
		switch {
		case e.Revoked:
			revoked = revoked || found && e.Index == r.index
		case e.Kind == consent.KindCredential && e.Leaf.Equal(&leaf):
			r.index, found = e.Index, true
		}
		return nil
	})
	switch {
	case err != nil:
		return Credential{}, err
	case !found:
		return Credential{}, ErrNotOnLedger
	case revoked:
		return Credential{}, &OfferError{"leaf", "the credential is revoked"}
	}
	if _, err := path(ctx, l, s.Epoch, r.index, leaf); err != nil {
		return Credential{}, err
	}
	if r.id, err = newID(); err != nil {
		return Credential{}, err
	}
	err = w.update(func(c *contents) error {
		for _, known := range c.credentials {
			if known.index == r.index {
				r = known
				return nil
			}
		}
		c.credentials = append(c.credentials, r)
		return nil
	})
	if err != nil {
		return Credential{}, err
	}
	return r.shown()
}

func (w *Wallet) checkOffer(o *consent.Offer, d *directory.Directory) error {
	_, k, err := w.current()
	if err != nil {
		return err
	}
	issuer, ok := d.Authority(o.Issuer)
	switch {
	case o.Genesis != w.genesis:
		return &OfferError{"genesis", "it is for another ledger"}
	case !o.Credential.Holder.Equal(&k.holder):
		return &OfferError{"holder", "it is for another wallet; enrol this one with the issuer"}
	case !ok || !issuer.Active || issuer.Roles&directory.Issuer == 0:
		return &OfferError{"issuer", "no active issuer with this id on the ledger"}
	case o.Credential.Expires <= w.moment():
		return &OfferError{"expires", "the credential has expired"}
	}
	schema, err := consent.DecodeSchema(o.Schema)
	if err != nil {
		return &OfferError{"schema", err.Error()}
	}
	if err := knownSchema(schema, d); err != nil {
		return err
	}
	for i, a := range o.Credential.Attributes {
		if i > len(schema.Slots) && a.Present {
			// A value that no schema declares would be a mark that only the
			// issuer knows of.
			return &OfferError{"attributes", fmt.Sprintf("slot %d has a value that the schema does not declare", i)}
		}
		if slot, ok := schema.Slot(i); ok && a.Present {
			if _, err := slot.Decode(a.Value); err != nil {
				return &OfferError{"attributes", fmt.Sprintf("slot %d has no value of its type", i)}
			}
		}
	}
	if err := o.Texts.Check(schema, &o.Credential.Attributes); err != nil {
		return &OfferError{"texts", err.Error()}
	}
	if !o.Credential.Attributes[0].Present {
		return &OfferError{"attributes", "slot 0 does not say since when the issuer knows this wallet"}
	}
	return nil
}

func knownSchema(s *consent.Schema, d *directory.Directory) error {
	digest := s.Digest()
	for _, known := range d.Schemas {
		if known.Name == s.Name && known.Digest.Equal(&digest) {
			return nil
		}
	}
	return &OfferError{"schema", fmt.Sprintf("%q is not the version that the ledger names", s.Name)}
}
