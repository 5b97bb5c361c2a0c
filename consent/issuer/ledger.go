package issuer

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// page is how many entries or items are handled at once.
const page = 4096

// A Status is how far a credential has come.
type Status struct {
	ID        ID
	Person    string
	Schema    string
	Expires   consent.Time
	Committed bool   // a node has acknowledged it
	Index     uint64 // of its leaf
	Placed    bool   // the verified log has it: the index is known
	Revoking  bool   // to be revoked, and no verified log shows that it is
	Revoked   bool   // the verified log has the revocation
}

// Credentials lists a person's credentials, oldest first.
func (i *Issuer) Credentials(ctx context.Context, person string) ([]Status, error) {
	return i.list(ctx, `person = ?`, person)
}

func (i *Issuer) list(ctx context.Context, where string, args ...any) (out []Status, err error) {
	rows, err := i.db.QueryContext(ctx, `SELECT id, person, schema, expires, committed, place, revoking, revoked FROM credentials WHERE `+where+` ORDER BY id`, args...)
	if err != nil {
		return nil, fmt.Errorf("issuer: register: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s Status
		var expires int64
		var place sql.NullInt64
		if err := rows.Scan(&s.ID, &s.Person, &s.Schema, &expires, &s.Committed, &place, &s.Revoking, &s.Revoked); err != nil {
			return nil, fmt.Errorf("issuer: register: %w", err)
		}
		s.Expires, s.Index, s.Placed = consent.Time(expires), uint64(place.Int64), place.Valid
		out = append(out, s)
	}
	return out, rows.Err()
}

// Resume sends what the verified log does not show: it reads the log, commits
// the credentials that are missing there, and revokes what is to be revoked.
// It is safe to call at any time, again and again. ErrQuota says that a part
// waits for the next epoch: commits that do hold up no revocation.
func (i *Issuer) Resume(ctx context.Context) error {
	var waits error
	for _, step := range []func(context.Context) error{i.read, i.commitMissing, i.read, i.revokeMarked, i.read} {
		switch err := step(ctx); {
		case errors.Is(err, ErrQuota):
			waits = err
		case err != nil:
			return err
		}
	}
	return waits
}

// commitRecorded commits what no node has acknowledged.
func (i *Issuer) commitRecorded(ctx context.Context) error { return i.commit(ctx, `committed = 0`) }

// commitMissing commits again what a node has acknowledged and the log does
// not show: a node's word is not the ledger's.
func (i *Issuer) commitMissing(ctx context.Context) error { return i.commit(ctx, `place IS NULL`) }

// commit commits the credentials that a condition selects. A duplicate is a
// success: nobody else can have committed our commitment or our lock under our
// name.
func (i *Issuer) commit(ctx context.Context, where string) error {
	rows, err := i.db.QueryContext(ctx, `SELECT id, cm, lock FROM credentials WHERE `+where+` ORDER BY id LIMIT ?`, page)
	if err != nil {
		return fmt.Errorf("issuer: register: %w", err)
	}
	defer rows.Close()
	var ids []ID
	var items []consent.Sealed
	for rows.Next() {
		var id ID
		var cm, lock []byte
		if err := rows.Scan(&id, &cm, &lock); err != nil {
			return fmt.Errorf("issuer: register: %w", err)
		}
		var s consent.Sealed
		if s.Commitment, err = element(cm); err != nil {
			return err
		}
		if s.Lock, err = element(lock); err != nil {
			return err
		}
		ids, items = append(ids, id), append(items, s)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("issuer: register: %w", err)
	}
	rows.Close()
	if len(items) == 0 {
		return nil
	}
	codes, err := i.submit(ctx, transaction.CommitCredentials, transaction.SealedPayload(items), len(items))
	if err != nil {
		return err
	}
	var refused error
	err = i.transact(ctx, func(tx *sql.Tx) error {
		for n, c := range codes {
			switch c {
			case transaction.Accepted, transaction.DuplicateLock, transaction.DuplicateCM:
				if _, err := tx.ExecContext(ctx, `UPDATE credentials SET committed = 1 WHERE id = ?`, ids[n]); err != nil {
					return fmt.Errorf("issuer: register: %w", err)
				}
			case transaction.OverQuota:
				refused = cmp.Or(refused, ErrQuota)
			default:
				refused = fmt.Errorf("%w credential %d: %s", ErrNotAllowed, ids[n], c)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}

// read takes indices and revocations from the part of the log that is new.
func (i *Issuer) read(ctx context.Context) error {
	h, _, err := i.head(ctx)
	if err != nil {
		return err
	}
	var from uint64
	if err := i.db.QueryRowContext(ctx, `SELECT read FROM register`).Scan(&from); err != nil {
		return fmt.Errorf("issuer: register: %w", err)
	}
	for to := h.State.Records.Count; from < to; {
		end := min(to, from+page)
		entries, err := i.config.Ledger.Records(ctx, from, end)
		if err != nil {
			return fmt.Errorf("issuer: reading the ledger: %w", err)
		}
		if uint64(len(entries)) != end-from {
			return fmt.Errorf("%w: %d entries where %d were asked for", ErrLedger, len(entries), end-from)
		}
		err = i.transact(ctx, func(tx *sql.Tx) error {
			for _, e := range entries {
				if err := i.take(ctx, tx, e); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, `UPDATE register SET read = ?`, int64(end))
			return err
		})
		if err != nil {
			return err
		}
		from = end
	}
	return nil
}

func (i *Issuer) take(ctx context.Context, tx *sql.Tx, e journal.Record) (err error) {
	switch {
	case e.Revoked:
		return i.settle(ctx, tx, e.Index)
	case e.Kind == consent.KindCredential && e.Authority.Equal(&i.config.ID):
		_, err = tx.ExecContext(ctx, `UPDATE credentials SET place = ?, committed = 1 WHERE lock = ?`, int64(e.Index), elementBytes(e.Lock))
	}
	if err != nil {
		return fmt.Errorf("issuer: register: %w", err)
	}
	return nil
}
