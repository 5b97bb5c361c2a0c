package issuer

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/zkconsent/zkconsent/registry/transaction"
)

// markRevoking marks the credentials that a condition selects, and names them.
func markRevoking(ctx context.Context, tx *sql.Tx, where string, args ...any) (ids []ID, err error) {
	rows, err := tx.QueryContext(ctx, `UPDATE credentials SET revoking = 1 WHERE revoked = 0 AND `+where+` RETURNING id`, args...)
	if err != nil {
		return nil, fmt.Errorf("issuer: register: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id ID
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("issuer: register: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Revoke revokes credentials. They are marked first, so that a revocation that
// did not reach the ledger is sent again by Resume. Proofs with them end when
// the next epoch closes.
func (i *Issuer) Revoke(ctx context.Context, ids ...ID) error {
	err := i.transact(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			var one int
			if err := tx.QueryRowContext(ctx, `SELECT 1 FROM credentials WHERE id = ?`, id).Scan(&one); err != nil {
				return fmt.Errorf("issuer: no credential %d: %w", id, err)
			}
			if _, err := markRevoking(ctx, tx, `id = ?`, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return i.Resume(ctx)
}

// RevokePerson revokes all of a person's credentials.
func (i *Issuer) RevokePerson(ctx context.Context, person string) error {
	err := i.transact(ctx, func(tx *sql.Tx) error {
		_, err := markRevoking(ctx, tx, `person = ?`, person)
		return err
	})
	if err != nil {
		return err
	}
	return i.Resume(ctx)
}

func (i *Issuer) revoking(ctx context.Context, person string) (bool, error) {
	list, err := i.list(ctx, `person = ? AND revoking = 1`, person)
	return len(list) > 0, err
}

// revokeMarked revokes by the issuer's key what is marked and has an index.
func (i *Issuer) revokeMarked(ctx context.Context) error {
	list, err := i.list(ctx, `revoking = 1 AND place IS NOT NULL`)
	if err != nil || len(list) == 0 {
		return err
	}
	list = list[:min(len(list), page)]
	items := make([]transaction.Revocation, len(list))
	for n, s := range list {
		items[n].Index = s.Index
	}
	codes, err := i.submit(ctx, transaction.Revoke, transaction.RevocationPayload(items), len(items))
	if err != nil {
		return err
	}
	var refused error
	err = i.transact(ctx, func(tx *sql.Tx) error {
		for n, c := range codes {
			if c != transaction.Accepted && c != transaction.AlreadyRevoked {
				refused = fmt.Errorf("%w to revoke credential %d: %s", ErrNotAllowed, list[n].ID, c)
				continue
			}
			if _, err := tx.ExecContext(ctx, `UPDATE credentials SET revoking = 0, revoked = 1 WHERE id = ?`, list[n].ID); err != nil {
				return fmt.Errorf("issuer: register: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}
