package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// applicationID marks the file as this package's ("ZKCV").
const applicationID = 0x5a4b4356

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
	var id, tables, version int64
	for pragma, to := range map[string]*int64{
		"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_master": &tables,
	} {
		if err := db.QueryRowContext(ctx, pragma).Scan(to); err != nil {
			return err
		}
	}
	switch {
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
		if version, _ = p.GetDBVersion(ctx); version <= before {
			return fmt.Errorf("schema %d: %w", before+1, err)
		}
	}
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
