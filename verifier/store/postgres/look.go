package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// A Look is how a database stands, for its operator.
type Look struct {
	Server  string // version of PostgreSQL
	Schema  int64  // of the tables; 0 where there are none
	Newest  int64  // that this program knows
	Commit  string // synchronous_commit, as the role and the database set it
	Durable bool   // fsync and full_page_writes are on
	Standby bool
}

// LookAt connects and looks, and changes nothing. Its errors quote nothing of
// the connection string.
func LookAt(ctx context.Context, dsn DSN) (l Look, err error) {
	c, err := dsn.pool()
	if err != nil {
		return l, err
	}
	c.ConnConfig.ConnectTimeout = 2 * time.Second
	db := stdlib.OpenDB(*c.ConnConfig)
	defer db.Close()
	db.SetMaxOpenConns(1)
	var sync, pages string
	err = db.QueryRowContext(ctx, `SELECT current_setting('server_version'), current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery()`).
		Scan(&l.Server, &l.Commit, &sync, &pages, &l.Standby)
	if err == nil {
		l.Durable = sync == "on" && pages == "on"
		l.Schema, err = versionOf(ctx, db)
	}
	if err != nil {
		return l, fmt.Errorf("verifier store: %w", wrap(ctx, err))
	}
	l.Newest, err = newest()
	return l, err
}

// newest is the number of the last step of the schema.
func newest() (n int64, err error) {
	steps, err := fs.Glob(files, "migrations/*.sql")
	for _, s := range steps {
		var number int64
		if _, err := fmt.Sscanf(strings.TrimPrefix(s, "migrations/"), "%d", &number); err != nil {
			return 0, err
		}
		n = max(n, number)
	}
	return n, err
}
