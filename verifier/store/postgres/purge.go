package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/zkconsent/zkconsent/consent"
)

// purged is how many requests one transaction of Purge looks at: few enough for
// the time that a call has.
const purged = 1000

// purgeLock is the number under which the replicas' steps take turns: two that
// delete the same rows in two orders would wait for each other.
const purgeLock = lockID + 1

// Purge implements verifier.Records. It goes through the requests whose time is
// over in steps, each a transaction of its own, and each with the store's whole
// time. After an error the steps before it stand, and their answers are counted.
func (s *Store) Purge(ctx context.Context, before consent.Time) (gone int, err error) {
	expires, after := int64(-1), []byte{}
	for again := 0; ; {
		var ids [][]byte
		var n int64
		last := expires
		err := s.inTransaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", purgeLock); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, "SELECT id, expires FROM "+requests+
				" WHERE expires < $1 AND (expires, id) > ($2, $3) ORDER BY expires, id LIMIT $4", int64(before), expires, after, purged)
			if err != nil {
				return err
			}
			ids, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (id []byte, err error) {
				err = r.Scan(&id, &last)
				return id, err
			})
			if err != nil || len(ids) == 0 {
				return err
			}
			done, err := tx.Exec(ctx, "DELETE FROM "+answers+" WHERE until < $1 AND request = ANY($2)", int64(before), ids)
			if err != nil {
				return err
			}
			n = done.RowsAffected()
			_, err = tx.Exec(ctx, "DELETE FROM "+requests+" r WHERE expires < $1 AND id = ANY($2) AND NOT EXISTS (SELECT FROM "+
				answers+" a WHERE a.request = r.id)", int64(before), ids)
			return err
		})
		if breaks(err) && again < purged {
			again++ // one of them was answered meanwhile, which each is once
			continue
		}
		if err != nil {
			return gone, err
		}
		gone, again = gone+int(n), 0
		if len(ids) < purged {
			return gone, nil
		}
		expires, after = last, ids[len(ids)-1]
	}
}
