package wallet

import (
	"context"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// Errors of Grant.
var (
	// ErrRegistrar reports an authority that may not register consents.
	ErrRegistrar = errors.New("wallet: no active registrar with this id on the ledger")
	// ErrAhead reports that too many sealed consents wait for their registrars:
	// the wallet's words would not find the next one again.
	ErrAhead = fmt.Errorf("wallet: %d sealed consents are not on the ledger yet; have their registrars commit them first", gapLimit)
)

// Grant seals drafts for a registrar: it draws their salts, numbers them, saves,
// and only then returns what the registrar gets. Records that were sealed for
// the same registrar are returned as they were, so a lost batch can be exported
// again. The registrar learns how many consents there are, nothing else.
func (w *Wallet) Grant(ctx context.Context, l Ledger, registrar fr.Element, ids ...ID) (*consent.SealedBatch, error) {
	if len(ids) == 0 || len(ids) > consent.MaxSealed {
		return nil, fmt.Errorf("wallet: 1 to %d consents make a batch, not %d", consent.MaxSealed, len(ids))
	}
	w.work.Lock()
	defer w.work.Unlock()
	// A wallet file that was put back from a copy may not know the last numbers
	// it used; the ledger does.
	s, err := w.sync(ctx, l)
	if err != nil {
		return nil, err
	}
	if a, ok := s.Directory.Authority(registrar); !ok || !a.Active || a.Roles&directory.Registrar == 0 {
		return nil, ErrRegistrar
	}
	batch := &consent.SealedBatch{Genesis: w.genesis, Registrar: registrar}
	err = w.update(func(c *contents) error {
		for _, id := range ids {
			r, err := c.consent(id)
			if err != nil {
				return err
			}
			switch {
			case r.state == Draft:
				if err := c.seal(r, registrar); err != nil {
					return err
				}
			case r.state != Sealed || !r.known:
				return fmt.Errorf("%w: %s is %s and cannot be sealed", ErrState, id, r.state)
			case !r.registrar.Equal(&registrar):
				return fmt.Errorf("%w: %s was sealed for another registrar", ErrState, id)
			}
			item, err := r.sealed(w.keys)
			if err != nil {
				return err
			}
			batch.Items = append(batch.Items, item)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return batch, nil
}

// seal numbers a draft and draws its salt. The number is never used again.
func (c *contents) seal(r *consentRecord, registrar fr.Element) (err error) {
	var shown uint64 // numbers below it are on the ledger, or lie before one that is
	for _, other := range c.consents {
		if other.placed {
			shown = max(shown, other.number+1)
		}
	}
	if c.next >= shown+gapLimit {
		return ErrAhead
	}
	if r.salt, err = randomElement(); err != nil {
		return fmt.Errorf("wallet: drawing a salt: %w", err)
	}
	r.source = consent.SourceDigest(c.document(r.document), r.salt)
	r.registrar, r.number, r.state = registrar, c.next, Sealed
	c.next++
	return nil
}
