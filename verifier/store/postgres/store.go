package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/zkconsent/zkconsent/verifier"
)

// What Open reports besides the verifier package's errors.
var (
	// ErrForeign reports a database whose tables this version of the package
	// cannot use.
	ErrForeign = errors.New("verifier store: not a database of this program and version")
	// ErrNotDurable reports a server that acknowledges what is not on its disk.
	ErrNotDurable = errors.New("verifier store: PostgreSQL runs with fsync or full_page_writes off, and would forget nullifiers")
)

// oldest is the first version of PostgreSQL that the tests cover.
const oldest = 130000

// maxConns is more than a server without a pooler serves well.
const maxConns = 1000

// Options of Open; the zero value is useful.
type Options struct {
	// Conns bounds the connections of this replica. 0 means 8. All replicas'
	// together must be below the server's max_connections.
	Conns int
	// Callers bounds the calls at once, those that wait for a connection
	// included; the next one fails with verifier.ErrStoreAway. 0 means 32 for
	// each connection.
	Callers int
	// Timeout bounds each call, but for Check. 0 means 5 seconds. A statement
	// that the server works on for three quarters of it is given up.
	Timeout time.Duration
	// MigrationTimeout bounds bringing the tables to a newer schema, waiting for
	// another replica that does it included. 0 means 10 minutes.
	MigrationTimeout time.Duration
}

// A Store is a verifier.Store in a database that it shares with those of other
// replicas. Its methods may be called concurrently.
type Store struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	places  chan struct{}
	kept    memory
}

var _ verifier.Store = (*Store)(nil)

// Open connects to the database and brings its tables, in a schema named
// zkconsent_verifier, to the newest version. The database's role must own that
// schema, or be allowed to create it, where the version has to change; otherwise
// SELECT, INSERT and DELETE on the tables are enough.
func Open(ctx context.Context, dsn DSN, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	if o.Conns < 0 || o.Conns > maxConns || o.Callers < 0 || o.Timeout < 0 || o.MigrationTimeout < 0 {
		return nil, fmt.Errorf("verifier store: a negative bound, or more than %d connections", maxConns)
	}
	c, err := dsn.pool()
	if err != nil {
		return nil, err
	}
	s := &Store{timeout: or(o.Timeout, 5*time.Second)}
	conns := or(o.Conns, 8)
	s.places = make(chan struct{}, or(o.Callers, 32*conns))

	c.MaxConns, c.MinConns, c.MinIdleConns = int32(conns), 0, 0
	connecting := min(s.timeout, 2*time.Second)
	if c.ConnConfig.ConnectTimeout == 0 || c.ConnConfig.ConnectTimeout > s.timeout {
		c.ConnConfig.ConnectTimeout = connecting
	}
	c.PingTimeout = min(s.timeout/4, time.Second)
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "zkconsent-verifier"
	}
	c.BeforeConnect = leaveAlone
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, connecting)
		defer cancel()
		if err := settle(ctx, conn, s.timeout*3/4); err != nil {
			return err
		}
		return s.kept.ask(ctx, conn, time.Now())
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, c); err != nil {
		return nil, fmt.Errorf("verifier store: %w", err)
	}
	// The first connection tells whether the server is fit; only then is it changed.
	err = s.ask(ctx, func(ctx context.Context, c *pgxpool.Conn) error { return c.Ping(ctx) })
	if err == nil {
		err = migrate(ctx, c.ConnConfig, or(o.MigrationTimeout, 10*time.Minute))
	}
	if err != nil {
		s.pool.Close()
		return nil, err
	}
	return s, nil
}

func or[T int | time.Duration](given, otherwise T) T {
	if given != 0 {
		return given
	}
	return otherwise
}

// settle sets what a connection needs, and refuses a server that is not fit to
// acknowledge anything. A role or a database may have other settings of its own,
// so every connection is asked.
func settle(ctx context.Context, c *pgx.Conn, limit time.Duration) error {
	ms := fmt.Sprint(max(limit.Milliseconds(), 1))
	var sync, fsync, pages string
	var standby bool
	var version int
	err := c.QueryRow(ctx, `SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false),
		set_config('idle_in_transaction_session_timeout', $1, false), set_config('default_transaction_isolation', 'read committed', false),
		set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply')
			THEN current_setting('synchronous_commit') ELSE 'on' END, false),
		current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(), current_setting('server_version_num')::int`, ms).
		Scan(nil, nil, nil, nil, &sync, &fsync, &pages, &standby, &version)
	switch {
	case err != nil:
		return err
	case fsync != "on" || pages != "on" || sync != "on" && sync != "remote_apply":
		return ErrNotDurable
	case standby:
		return fmt.Errorf("%w: the server is a standby", verifier.ErrStoreAway)
	case version < oldest:
		return fmt.Errorf("%w: PostgreSQL %d is older than %d", ErrForeign, version/10000, oldest/10000)
	}
	return nil
}

// Close closes the connections. It waits for calls under way.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// ask runs f with a connection, within the store's time.
func (s *Store) ask(ctx context.Context, f func(context.Context, *pgxpool.Conn) error) error {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return fmt.Errorf("%w: %d calls are waiting for it", verifier.ErrStoreAway, cap(s.places))
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c, err := s.pool.Acquire(limited)
	if s.kept.lost() { // also where another call's connection found out
		err = errors.Join(ErrForgot, err)
	}
	if err != nil {
		if c != nil {
			c.Release()
		}
		return wrap(ctx, err)
	}
	defer c.Release()
	return wrap(ctx, f(limited, c))
}

// inTransaction runs f in a transaction; an error of f undoes it. The isolation
// is the weakest one: what has to be unique is so by a constraint, and waits for
// a concurrent transaction that may still be undone.
func (s *Store) inTransaction(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	return s.ask(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			return f(ctx, tx)
		})
	})
}
