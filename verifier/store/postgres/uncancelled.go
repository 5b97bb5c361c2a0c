package postgres

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var errNoCancel = errors.New("verifier store: calls are not cancelled on the server")

// An uncancelled connection is closed when its caller gives up, and sends the
// server no request to cancel. A commit that waits for a standby would obey one
// by not waiting any more: the answer would be told to whoever asks next, and be
// on one disk alone. Left alone, it is told when the standby has it. What else
// takes long ends by the server's own bound on statements.
type uncancelled struct {
	dial pgconn.DialFunc

	mu        sync.Mutex
	conn      net.Conn
	connected bool
}

// leaveAlone makes a connection an uncancelled one. It is called before each
// connection is made, with a configuration of that one's own.
func leaveAlone(_ context.Context, c *pgx.ConnConfig) error {
	u := &uncancelled{dial: c.DialFunc}
	c.DialFunc = u.dialed
	c.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.connected = true
		return nil
	}
	return nil
}

// dialed dials for the connection itself: several times, where there are several
// servers. Later the driver dials only to cancel.
func (u *uncancelled) dialed(ctx context.Context, network, address string) (net.Conn, error) {
	u.mu.Lock()
	connected, conn := u.connected, u.conn
	u.mu.Unlock()
	if connected {
		return nil, errors.Join(errNoCancel, conn.Close()) // or its end would be waited for
	}
	c, err := u.dial(ctx, network, address)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conn = c
	return c, err
}
