package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/row"
)

// AddRequest implements verifier.Requests.
func (s *Store) AddRequest(ctx context.Context, a verifier.Asked) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "INSERT INTO requests ("+row.RequestColumns+") VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			row.RequestValues(&a)...)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return verifier.ErrExists
	})
}

// Request implements verifier.Requests.
func (s *Store) Request(ctx context.Context, id [16]byte) (verifier.Asked, error) {
	a, err := row.ScanRequest(s.read.QueryRowContext(ctx, "SELECT "+row.RequestColumns+" FROM requests WHERE id = ?", id[:]))
	return a, missing(err)
}

// Answer implements verifier.Answers.
func (s *Store) Answer(ctx context.Context, request [16]byte) (verifier.Answer, error) {
	a, err := row.ScanAnswer(s.read.QueryRowContext(ctx, "SELECT "+row.AnswerColumns+row.RecordColumn+" FROM answers WHERE request = ?", request[:]), true)
	return a, missing(err)
}

// Spent implements verifier.Answers.
func (s *Store) Spent(ctx context.Context, scope, nullifier fr.Element) (bool, error) {
	spent, err := spentIn(ctx, s.read, scope, nullifier)
	return spent, wrap(err)
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func spentIn(ctx context.Context, q querier, scope, nullifier fr.Element) (bool, error) {
	sc, n := scope.Bytes(), nullifier.Bytes()
	var check []byte
	err := q.QueryRowContext(ctx, "SELECT sum FROM spent WHERE scope = ? AND nullifier = ?", sc[:], n[:]).Scan(&check)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, row.CheckSpent(scope, nullifier, check)
}

// Accept implements verifier.Answers. The write transaction begins by taking
// the file's write lock, so of two calls with one nullifier one sees the other.
func (s *Store) Accept(ctx context.Context, a verifier.Answer) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		if _, err := row.ScanRequest(tx.QueryRowContext(ctx, "SELECT "+row.RequestColumns+" FROM requests WHERE id = ?", a.Request[:])); err != nil {
			return missing(err)
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM answers WHERE request = ?", a.Request[:]).Scan(&n); err != nil {
			return err
		}
		if n != 0 {
			return verifier.ErrAnswered
		}
		if a.Rule == consent.Once {
			spent, err := spentIn(ctx, tx, a.Scope, a.Nullifier)
			if err != nil {
				return err
			}
			if spent {
				return verifier.ErrSpent
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO spent ("+row.SpentColumns+") VALUES (?, ?, ?)", row.SpentValues(a.Scope, a.Nullifier)...); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO answers ("+row.AnswerColumns+row.RecordColumn+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row.AnswerValues(&a)...)
		return err
	})
}

// Standing implements verifier.Records.
func (s *Store) Standing(ctx context.Context, now consent.Time, after *[16]byte, limit int) ([]verifier.Answer, error) {
	return s.standing(ctx, "", nil, page{now, after, limit})
}

// StandingIn implements verifier.Scopes.
func (s *Store) StandingIn(ctx context.Context, scope fr.Element, now consent.Time, after *[16]byte, limit int) ([]verifier.Answer, error) {
	sc := scope.Bytes()
	return s.standing(ctx, "scope = ? AND ", []any{sc[:]}, page{now, after, limit})
}

// A page is a part of the standing answers.
type page struct {
	now   consent.Time
	after *[16]byte
	limit int
}

// standing reads a page of the standing answers for which a condition holds.
func (s *Store) standing(ctx context.Context, where string, args []any, p page) ([]verifier.Answer, error) {
	from := []byte{}
	if p.after != nil {
		from = p.after[:]
	}
	rows, err := s.read.QueryContext(ctx, "SELECT "+row.AnswerColumns+" FROM answers WHERE "+where+
		"rule <> 'none' AND until >= ? AND request > ? ORDER BY request LIMIT ?", append(args, int64(p.now), from, max(p.limit, 0))...)
	if err != nil {
		return nil, wrap(err)
	}
	defer rows.Close()
	var out []verifier.Answer
	for rows.Next() {
		a, err := row.ScanAnswer(rows, false)
		if err != nil {
			return nil, wrap(err)
		}
		out = append(out, a)
	}
	return out, wrap(rows.Err())
}

// CountScope implements verifier.Scopes.
func (s *Store) CountScope(ctx context.Context, scope fr.Element, now consent.Time) (answers, nullifiers, standing uint64, err error) {
	sc := scope.Bytes()
	err = s.read.QueryRowContext(ctx, `SELECT count(*), count(DISTINCT nullifier), count(*) FILTER (WHERE rule <> 'none' AND until >= ?)
		FROM answers WHERE scope = ?`, int64(now), sc[:]).Scan(&answers, &nullifiers, &standing)
	return answers, nullifiers, standing, wrap(err)
}

// Purge implements verifier.Records.
func (s *Store) Purge(ctx context.Context, before consent.Time) (purged int, err error) {
	err = s.inTransaction(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `DELETE FROM answers WHERE until < ?1
			AND request IN (SELECT id FROM requests WHERE expires < ?1)`, int64(before))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		purged = int(n)
		_, err = tx.ExecContext(ctx, "DELETE FROM requests WHERE expires < ? AND id NOT IN (SELECT request FROM answers)", int64(before))
		return err
	})
	if err != nil {
		return 0, err
	}
	return purged, nil
}

// missing turns SQL's word for an absent row into the verifier's.
func missing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return verifier.ErrNotFound
	}
	return wrap(err)
}
