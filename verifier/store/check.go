package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/row"
)

// Check goes through the whole file: SQLite's own structure, the sum of every
// row, and that each answer has its request and, under the rule once, its
// spent nullifier. It returns nil or an error that wraps verifier.ErrStoreDamaged.
func (s *Store) Check(ctx context.Context) error {
	for _, pragma := range []string{"PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"} {
		if err := s.each(ctx, pragma, func(rows *sql.Rows) error {
			var first sql.NullString
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			to := []any{&first}
			for range columns[1:] {
				to = append(to, new(any))
			}
			if err := rows.Scan(to...); err != nil {
				return err
			}
			if first.String != "ok" {
				return fmt.Errorf("%w: %s: %s", verifier.ErrStoreDamaged, pragma, first.String)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if err := s.each(ctx, "SELECT "+row.RequestColumns+" FROM requests", func(rows *sql.Rows) error {
		_, err := row.ScanRequest(rows)
		return err
	}); err != nil {
		return err
	}
	if err := s.each(ctx, "SELECT "+row.SpentColumns+" FROM spent", func(rows *sql.Rows) error { return row.ScanSpent(rows) }); err != nil {
		return err
	}
	return s.each(ctx, "SELECT "+row.AnswerColumns+row.RecordColumn+" FROM answers", func(rows *sql.Rows) error {
		a, err := row.ScanAnswer(rows, true)
		if err != nil || a.Rule != consent.Once {
			return err
		}
		spent, err := spentIn(ctx, s.read, a.Scope, a.Nullifier)
		if err == nil && !spent {
			err = fmt.Errorf("%w: the nullifier of the answer to request %x is not spent", verifier.ErrStoreDamaged, a.Request)
		}
		return err
	})
}

func (s *Store) each(ctx context.Context, query string, f func(*sql.Rows) error) error {
	rows, err := s.read.QueryContext(ctx, query)
	if err != nil {
		return wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return wrap(err)
		}
	}
	return wrap(rows.Err())
}
