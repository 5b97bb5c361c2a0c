package postgres

import (
	"context"
	"errors"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/row"
)

const (
	requests = "zkconsent_verifier.requests"
	answers  = "zkconsent_verifier.answers"
	spent    = "zkconsent_verifier.spent"
)

// AddRequest implements verifier.Requests.
func (s *Store) AddRequest(ctx context.Context, a verifier.Asked) error {
	return s.ask(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		done, err := c.Exec(ctx, "INSERT INTO "+requests+" ("+row.RequestColumns+") VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
			row.RequestValues(&a)...)
		if err == nil && done.RowsAffected() == 0 {
			err = verifier.ErrExists
		}
		return err
	})
}

const selectRequest = "SELECT " + row.RequestColumns + " FROM " + requests + " WHERE id = $1"

// Request implements verifier.Requests.
func (s *Store) Request(ctx context.Context, id [16]byte) (a verifier.Asked, err error) {
	err = s.ask(ctx, func(ctx context.Context, c *pgxpool.Conn) (err error) {
		a, err = row.ScanRequest(c.QueryRow(ctx, selectRequest, id[:]))
		return err
	})
	return a, err
}

// Answer implements verifier.Answers.
func (s *Store) Answer(ctx context.Context, request [16]byte) (a verifier.Answer, err error) {
	err = s.ask(ctx, func(ctx context.Context, c *pgxpool.Conn) (err error) {
		a, err = row.ScanAnswer(c.QueryRow(ctx, "SELECT "+row.AnswerColumns+row.RecordColumn+" FROM "+answers+" WHERE request = $1", request[:]), true)
		return err
	})
	return a, err
}

// Spent implements verifier.Answers.
func (s *Store) Spent(ctx context.Context, scope, nullifier fr.Element) (is bool, err error) {
	err = s.ask(ctx, func(ctx context.Context, c *pgxpool.Conn) (err error) {
		is, err = spentIn(ctx, c, scope, nullifier)
		return err
	})
	return is, err
}

type querier interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

func spentIn(ctx context.Context, q querier, scope, nullifier fr.Element) (bool, error) {
	sc, n := scope.Bytes(), nullifier.Bytes()
	var check []byte
	err := q.QueryRow(ctx, "SELECT sum FROM "+spent+" WHERE scope = $1 AND nullifier = $2", sc[:], n[:]).Scan(&check)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, row.CheckSpent(scope, nullifier, check)
}

// Accept implements verifier.Answers. An insertion that meets another one of
// the same key waits until that one's transaction has ended. All transactions
// insert the answer first and the nullifier then, so none waits in a circle.
func (s *Store) Accept(ctx context.Context, a verifier.Answer) error {
	err := s.accept(ctx, a)
	if err == nil {
		s.kept.add(a)
	}
	return err
}

func (s *Store) accept(ctx context.Context, a verifier.Answer) error {
	return s.inTransaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := row.ScanRequest(tx.QueryRow(ctx, selectRequest, a.Request[:])); err != nil {
			return err
		}
		done, err := tx.Exec(ctx, "INSERT INTO "+answers+" ("+row.AnswerColumns+row.RecordColumn+
			") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING", row.AnswerValues(&a)...)
		switch {
		case breaks(err): // the request was purged since
			return verifier.ErrNotFound
		case err != nil:
			return err
		case done.RowsAffected() == 0:
			return verifier.ErrAnswered
		case a.Rule != consent.Once:
			return nil
		}
		done, err = tx.Exec(ctx, "INSERT INTO "+spent+" ("+row.SpentColumns+") VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			row.SpentValues(a.Scope, a.Nullifier)...)
		if err != nil || done.RowsAffected() == 1 {
			return err
		}
		if _, err := spentIn(ctx, tx, a.Scope, a.Nullifier); err != nil {
			return err
		}
		return verifier.ErrSpent
	})
}
