package postgres

import (
	"context"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/row"
)

const selectStanding = "SELECT " + row.AnswerColumns + " FROM " + answers +
	" WHERE rule <> 'none' AND until >= $1 AND request > $2"

// Standing implements verifier.Records.
func (s *Store) Standing(ctx context.Context, now consent.Time, after *[16]byte, limit int) ([]verifier.Answer, error) {
	return s.standing(ctx, selectStanding+" ORDER BY request LIMIT $3", int64(now), above(after), max(limit, 0))
}

// StandingIn implements verifier.Scopes.
func (s *Store) StandingIn(ctx context.Context, scope fr.Element, now consent.Time, after *[16]byte, limit int) ([]verifier.Answer, error) {
	sc := scope.Bytes()
	return s.standing(ctx, selectStanding+" AND scope = $4 ORDER BY request LIMIT $3", int64(now), above(after), max(limit, 0), sc[:])
}

func above(after *[16]byte) []byte {
	if after == nil {
		return []byte{}
	}
	return after[:]
}

func (s *Store) standing(ctx context.Context, query string, args ...any) (out []verifier.Answer, err error) {
	err = s.ask(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (verifier.Answer, error) { return row.ScanAnswer(r, false) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CountScope implements verifier.Scopes.
func (s *Store) CountScope(ctx context.Context, scope fr.Element, now consent.Time) (kept, nullifiers, standing uint64, err error) {
	err = s.ask(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		sc := scope.Bytes()
		return c.QueryRow(ctx, `SELECT count(*), count(DISTINCT nullifier), count(*) FILTER (WHERE rule <> 'none' AND until >= $1)
			FROM `+answers+` WHERE scope = $2`, int64(now), sc[:]).Scan(&kept, &nullifiers, &standing)
	})
	return kept, nullifiers, standing, err
}
