package issuer

import (
	"context"
	"database/sql"
	"errors"
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
// did not reach the ledger is sent again by Resume. The error is ErrRevoking
// as long as the verified log does not show all of them revoked, with ErrQuota
// when the rest has to wait for the next epoch of the ledger. Proofs with
// them end when the next epoch closes.
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
	waits := i.Resume(ctx)
	if waits != nil && !errors.Is(waits, ErrQuota) {
		return waits
	}
	for _, id := range ids {
		if list, err := i.list(ctx, `id = ? AND revoked = 0`, id); err != nil || len(list) > 0 {
			return errors.Join(ErrRevoking, waits, err)
		}
	}
	return nil
}

// RevokePerson revokes all of a person's credentials, as Revoke does.
func (i *Issuer) RevokePerson(ctx context.Context, person string) error {
	err := i.transact(ctx, func(tx *sql.Tx) error {
		_, err := markRevoking(ctx, tx, `person = ?`, person)
		return err
	})
	if err != nil {
		return err
	}
	waits := i.Resume(ctx)
	if waits != nil && !errors.Is(waits, ErrQuota) {
		return waits
	}
	if waiting, err := i.revoking(ctx, person); err != nil || waiting {
		return errors.Join(ErrRevoking, waits, err)
	}
	return nil
}

func (i *Issuer) revoking(ctx context.Context, person string) (bool, error) {
	list, err := i.list(ctx, `person = ? AND revoking = 1`, person)
	return len(list) > 0, err
}

// revokeMarked revokes by the issuer's key what is marked and has an index. It
// believes no answer: a credential is revoked when the verified log says so,
// which read finds, and is sent again until then. A node that swallowed the
// revocation would otherwise leave a stolen wallet's credential alive unseen.
func (i *Issuer) revokeMarked(ctx context.Context) error {
	list, err := i.list(ctx, `revoking = 1 AND place IS NOT NULL`)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := min(len(list), page)
		if err := i.revoke(ctx, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func (i *Issuer) revoke(ctx context.Context, list []Status) error {
	items := make([]transaction.Revocation, len(list))
	for n, s := range list {
		items[n].Index = s.Index
	}
	codes, err := i.submit(ctx, transaction.Revoke, transaction.RevocationPayload(items), len(items))
	if err != nil {
		return err
	}
	for n, c := range codes {
		if c == transaction.OverQuota {
			return ErrQuota
		}
		if c != transaction.Accepted && c != transaction.AlreadyRevoked {
			return fmt.Errorf("%w to revoke credential %d: %s", ErrNotAllowed, list[n].ID, c)
		}
	}
	return nil
}

// settle notes that the verified log shows the leaf at place revoked. Where it
// was a wallet's that another has replaced, since of the new one starts again
// from here: until now the old wallet could answer in scopes that opened after
// the new one was enrolled.
func (i *Issuer) settle(ctx context.Context, tx *sql.Tx, place uint64) error {
	_, err := tx.ExecContext(ctx, `UPDATE persons SET since = max(since, ?)
		WHERE EXISTS (SELECT 1 FROM credentials c WHERE c.place = ? AND c.revoked = 0 AND c.person = persons.person AND c.holder <> persons.holder)
		AND (SELECT count(*) FROM nullifiers n WHERE n.person = persons.person) > 1`, int64(uint64(i.now())/86400+restartDays), int64(place))
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE credentials SET revoking = 0, revoked = 1 WHERE place = ?`, int64(place))
	}
	if err != nil {
		return fmt.Errorf("issuer: register: %w", err)
	}
	return nil
}
