package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/row"
)

// Check goes through all rows as they were at one moment: their sums, and that
// each answer has its request and, under the rule once, its spent nullifier. It
// returns nil or an error that wraps verifier.ErrStoreDamaged. It takes as long
// as it takes: ctx bounds it. The files below the rows are for pg_amcheck and
// for data checksums.
func (s *Store) Check(ctx context.Context) error {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return wrap(ctx, err)
	}
	defer c.Release()
	return wrap(ctx, pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
			return err
		}
		return check(ctx, tx)
	}))
}

func check(ctx context.Context, tx pgx.Tx) error {
	if err := each(ctx, tx, "SELECT "+row.RequestColumns+" FROM "+requests, func(r pgx.Rows) error {
		_, err := row.ScanRequest(r)
		return err
	}); err != nil {
		return err
	}
	if err := each(ctx, tx, "SELECT "+row.SpentColumns+" FROM "+spent, func(r pgx.Rows) error { return row.ScanSpent(r) }); err != nil {
		return err
	}
	if err := each(ctx, tx, "SELECT "+row.AnswerColumns+row.RecordColumn+" FROM "+answers, func(r pgx.Rows) error {
		_, err := row.ScanAnswer(r, true)
		return err
	}); err != nil {
		return err
	}
	return each(ctx, tx, `SELECT request FROM `+answers+` a WHERE
		NOT EXISTS (SELECT FROM `+requests+` r WHERE r.id = a.request) OR
		rule = '`+string(consent.Once)+`' AND NOT EXISTS (SELECT FROM `+spent+` s WHERE s.scope = a.scope AND s.nullifier = a.nullifier)`,
		func(r pgx.Rows) error {
			var id []byte
			if err := r.Scan(&id); err != nil {
				return err
			}
			return fmt.Errorf("%w: the answer to request %x has no request, or its nullifier is not spent", verifier.ErrStoreDamaged, id)
		})
}

func each(ctx context.Context, tx pgx.Tx, query string, f func(pgx.Rows) error) error {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
