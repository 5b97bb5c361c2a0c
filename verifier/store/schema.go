package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/zkconsent/zkconsent/verifier"
)

// applicationID marks the file as this package's ("ZKCV").
const applicationID = 0x5a4b4356

// patience is how long a store that is being made by others is waited for.
const patience = 5 * time.Second

// The files lead from one user_version to the next. A released one never
// changes.
//
//go:embed migrations/*.sql
var files embed.FS

// migrate brings the file up to the newest schema, one transaction a step, and
// refuses files of another program or of a newer version.
func migrate(ctx context.Context, db *sql.DB) error {
	steps, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectCustom, db, steps, goose.WithStore(userVersion{}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	newest := p.ListSources()[len(p.ListSources())-1].Version
	id, version, tables, err := marks(ctx, db)
	// SQLite's own patience does not cover that others are making the file.
	for deadline := time.Now().Add(patience); errors.Is(wrap(err), verifier.ErrStoreAway) && time.Now().Before(deadline) && ctx.Err() == nil; {
		time.Sleep(patience / 500)
		id, version, tables, err = marks(ctx, db)
	}
	switch {
	case err != nil:
		return err
	case id != applicationID && (id != 0 || version != 0 || tables != 0):
		return fmt.Errorf("%w: it belongs to another program", ErrForeign)
	case version > newest:
		return fmt.Errorf("%w: it has schema %d, this program knows up to %d; use a newer one", ErrForeign, version, newest)
	case version == newest:
		return nil
	}
	for {
		if _, err = p.Up(ctx); err == nil {
			return nil
		}
		// Another process may have taken the same step first.
		before := version
		if _, version, _, _ = marks(ctx, db); version <= before {
			return fmt.Errorf("schema %d: %w", before+1, err)
		}
	}
}

// marks reads whose file it is, its schema and how many tables it has, in one
// transaction: between two looks another process may have brought it up.
func marks(ctx context.Context, db *sql.DB) (id, version, tables int64, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, 0, 0, err
	}
	defer tx.Rollback()
	for _, one := range []struct {
		query string
		to    *int64
	}{{"PRAGMA application_id", &id}, {"PRAGMA user_version", &version}, {"SELECT count(*) FROM sqlite_master", &tables}} {
		if err := tx.QueryRowContext(ctx, one.query).Scan(one.to); err != nil {
			return 0, 0, 0, err
		}
	}
	return id, version, tables, nil
}

// userVersion tells the migrations what a file has by SQLite's own number for
// that, user_version, and marks the file with each step.
type userVersion struct{}

var _ database.StoreExtender = userVersion{}

// Tablename implements database.Store; there is no table.
func (userVersion) Tablename() string { return "user_version" }

// TableExists implements database.StoreExtender.
func (userVersion) TableExists(context.Context, database.DBTxConn) (bool, error) { return true, nil }

// CreateVersionTable implements database.Store.
func (userVersion) CreateVersionTable(context.Context, database.DBTxConn) error { return nil }

// Insert implements database.Store, in the transaction of the step.
func (userVersion) Insert(ctx context.Context, db database.DBTxConn, r database.InsertRequest) error {
	for _, pragma := range []string{
		fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", r.Version),
	} {
		if _, err := db.ExecContext(ctx, pragma); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements database.Store; no file is led back.
func (userVersion) Delete(context.Context, database.DBTxConn, int64) error {
	return database.ErrNotImplemented
}

// GetMigration implements database.Store.
func (u userVersion) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	latest, err := u.GetLatestVersion(ctx, db)
	if err == nil && version > latest {
		err = database.ErrVersionNotFound
	}
	if err != nil {
		return nil, err
	}
	return &database.GetMigrationResult{IsApplied: true}, nil
}

// GetLatestVersion implements database.Store.
func (userVersion) GetLatestVersion(ctx context.Context, db database.DBTxConn) (version int64, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// ListMigrations implements database.Store: each step up to the latest.
func (u userVersion) ListMigrations(ctx context.Context, db database.DBTxConn) (out []*database.ListMigrationsResult, err error) {
	latest, err := u.GetLatestVersion(ctx, db)
	if err != nil {
		return nil, err
	}
	for v := latest; v >= 0; v-- {
		out = append(out, &database.ListMigrationsResult{Version: v, IsApplied: true})
	}
	return out, nil
}
