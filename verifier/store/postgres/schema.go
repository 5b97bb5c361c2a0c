package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	versions = "zkconsent_verifier.versions"
	// lockID is the number under which replicas that start at once take turns
	// ("ZKCV").
	lockID = 0x5a4b4356
)

// The files lead from one version of the tables to the next. A released one
// never changes.
//
//go:embed migrations/*.sql
var files embed.FS

// migrate brings the database up to the newest schema, one transaction a step
// and one replica at a time, and refuses one of a newer version.
func migrate(ctx context.Context, c *pgx.ConnConfig, limit time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	db := stdlib.OpenDB(*c) // without the bound on statements: an index takes its time
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := lead(limited, db); err != nil {
		return fmt.Errorf("verifier store: its tables: %w", wrap(ctx, err))
	}
	return nil
}

func lead(ctx context.Context, db *sql.DB) error {
	steps, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, steps, goose.WithTableName(versions),
		goose.WithSessionLocker(turns{}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	newest := p.ListSources()[len(p.ListSources())-1].Version
	version, err := versionOf(ctx, db)
	switch {
	case err != nil:
		return err
	case version == newest:
		return nil // without any right to change tables
	case version > newest:
		return tooNew(version, newest)
	}
	// Under the lock, this makes the table of versions if there is none; only
	// then does Up, which looks at it first without the lock, find it.
	if version, err = p.GetDBVersion(ctx); err != nil {
		return err
	}
	if version > newest {
		return tooNew(version, newest)
	}
	_, err = p.Up(ctx)
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == duplicateTable {
		return fmt.Errorf("%w: its tables are another program's: %w", ErrForeign, err)
	}
	return err
}

func tooNew(version, newest int64) error {
	return fmt.Errorf("%w: it has schema %d, this program knows up to %d; use a newer one", ErrForeign, version, newest)
}

// versionOf is the version that a database has; 0 for one without tables.
func versionOf(ctx context.Context, db *sql.DB) (version int64, err error) {
	var known, readable bool
	err = db.QueryRowContext(ctx, `SELECT count(*) > 0, coalesce(bool_and(has_table_privilege(c.oid, 'SELECT')), false)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'zkconsent_verifier' AND c.relname = 'versions'`).Scan(&known, &readable)
	switch {
	case err != nil || !known:
		return 0, err
	case !readable:
		return 0, errors.New("the role may not read " + versions)
	}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versions).Scan(&version)
	return version, err
}

// turns lets one replica after the other change the tables, in a schema that the
// first one makes.
type turns struct{}

var _ lock.SessionLocker = turns{}

// SessionLock implements lock.SessionLocker. It waits for as long as ctx lasts.
func (turns) SessionLock(ctx context.Context, c *sql.Conn) error {
	// The role's own bound on statements is not for an index over all answers.
	for _, statement := range []string{"SET statement_timeout = 0", fmt.Sprintf("SELECT pg_advisory_lock(%d)", lockID)} {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	var there bool
	err := c.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'zkconsent_verifier')").Scan(&there)
	if err == nil && !there {
		_, err = c.ExecContext(ctx, "CREATE SCHEMA zkconsent_verifier")
	}
	return err // the lock goes with the connection, which is closed then
}

// SessionUnlock implements lock.SessionLocker. It is called with a context that
// never ends.
func (turns) SessionUnlock(ctx context.Context, c *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := c.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", lockID)
	return err
}
