package verifier

import (
	"context"
	"errors"
)

// Able tells whether presentations can be decided now: whether the ledger shows
// a fresh head and the store answers. Its errors are those of Verify.
func (v *Verifier) Able(ctx context.Context) error {
	if _, err := v.ledger.look(ctx); err != nil {
		return err
	}
	if _, err := v.c.Store.Request(ctx, [16]byte{}); err != nil && !errors.Is(err, ErrNotFound) {
		return unable("asking it whether it is there", err)
	}
	return nil
}
