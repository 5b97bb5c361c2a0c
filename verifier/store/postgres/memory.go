package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// ErrForgot reports a database that does not hold what it acknowledged: another
// server has taken its place that had not received it, or a backup was put
// back. Nullifiers may be lost with it, so this replica decides nothing until it
// is started anew, by who has looked into it.
var ErrForgot = errors.New("verifier store: the database has forgotten answers that it acknowledged; stop all replicas and restore the server that has them")

// remembered is how many of its last answers a replica asks a server for. What a
// server lost is the end of its log, and calls at once are acknowledged in
// another order than they stand there.
const remembered = 64

// A memory is what this replica was last told is kept. Each new connection is
// asked for it, since it may lead to another server than those before.
type memory struct {
	mu     sync.Mutex
	last   []verifier.Answer // without their records, the oldest first
	forgot bool
}

func (m *memory) add(a verifier.Answer) {
	a.Record = nil
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last = append(m.last, a); len(m.last) > remembered {
		m.last = append(m.last[:0], m.last[1:]...)
	}
}

func (m *memory) lost() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forgot
}

// ask asks a server for all of it. Spent nullifiers stay for ever; an answer may
// be purged by a replica whose clock is ahead, but not before its end.
func (m *memory) ask(ctx context.Context, c *pgx.Conn, now time.Time) error {
	m.mu.Lock()
	last := append([]verifier.Answer(nil), m.last...)
	m.mu.Unlock()
	scopes, nullifiers, ids, digests := [][]byte{}, [][]byte{}, [][]byte{}, [][]byte{}
	for _, a := range last {
		if a.Rule == consent.Once {
			s, n := a.Scope.Bytes(), a.Nullifier.Bytes()
			scopes, nullifiers = append(scopes, s[:]), append(nullifiers, n[:])
		}
		if a.Until > consent.Time(max(now.Unix(), 0)) {
			ids, digests = append(ids, a.Request[:]), append(digests, a.Digest[:])
		}
	}
	if len(scopes)+len(ids) == 0 {
		return nil
	}
	var missing int
	err := c.QueryRow(ctx, `SELECT
		(SELECT count(*) FROM unnest($1::bytea[], $2::bytea[]) AS k(s, n) WHERE NOT EXISTS (SELECT FROM `+spent+` WHERE scope = k.s AND nullifier = k.n)) +
		(SELECT count(*) FROM unnest($3::bytea[], $4::bytea[]) AS k(r, d) WHERE NOT EXISTS (SELECT FROM `+answers+` WHERE request = k.r AND digest = k.d))`,
		scopes, nullifiers, ids, digests).Scan(&missing)
	if err != nil {
		return err
	}
	if missing == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgot = true
	return ErrForgot
}
