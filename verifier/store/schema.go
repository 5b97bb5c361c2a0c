package store

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks the file as this package's ("ZKCV").
const applicationID = 0x5a4b4356

// migrations lead from one user_version to the next. A released one never
// changes.
var migrations = [...]string{
	`
CREATE TABLE requests (
	id      BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	expires INTEGER NOT NULL CHECK (expires >= 0),
	signed  BLOB    NOT NULL CHECK (length(signed) BETWEEN 1 AND 1050000),
	sum     BLOB    NOT NULL CHECK (length(sum) = 32)
) STRICT;
CREATE INDEX requests_expires ON requests (expires);

CREATE TABLE spent (
	scope     BLOB NOT NULL CHECK (length(scope) = 32),
	nullifier BLOB NOT NULL CHECK (length(nullifier) = 32),
	sum       BLOB NOT NULL CHECK (length(sum) = 32),
	PRIMARY KEY (scope, nullifier)
) STRICT, WITHOUT ROWID;

CREATE TABLE answers (
	request   BLOB    NOT NULL PRIMARY KEY REFERENCES requests (id),
	digest    BLOB    NOT NULL CHECK (length(digest) = 32),
	rule      TEXT    NOT NULL CHECK (rule IN ('once', 'pseudonym', 'none')),
	scope     BLOB    NOT NULL CHECK (length(scope) = 32),
	nullifier BLOB    NOT NULL CHECK (length(nullifier) = 32),
	watch     BLOB    NOT NULL CHECK (length(watch) = 32),
	until     INTEGER NOT NULL CHECK (until >= 0),
	recorded  BLOB    NOT NULL CHECK (length(recorded) = 32),
	sum       BLOB    NOT NULL CHECK (length(sum) = 32),
	record    BLOB    NOT NULL CHECK (length(record) >= 1)
) STRICT;
CREATE INDEX answers_until ON answers (until);
`,
	`
CREATE INDEX answers_scope ON answers (scope, request, until, rule, nullifier);
`,
}

// migrate brings the file up to the newest schema, one transaction a step, and
// refuses files of another program or of a newer version.
func migrate(ctx context.Context, db *sql.DB) error {
	var id, version, tables int
	for pragma, to := range map[string]*int{
		"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_master": &tables,
	} {
		if err := db.QueryRowContext(ctx, pragma).Scan(to); err != nil {
			return err
		}
	}
	switch {
	case id != applicationID && (id != 0 || version != 0 || tables != 0):
		return fmt.Errorf("%w: it belongs to another program", ErrForeign)
	case version > len(migrations):
		return fmt.Errorf("%w: it has schema %d, this program knows up to %d; use a newer one", ErrForeign, version, len(migrations))
	}
	for ; version < len(migrations); version++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for _, statement := range []string{
			migrations[version],
			fmt.Sprintf("PRAGMA application_id = %d", applicationID),
			fmt.Sprintf("PRAGMA user_version = %d", version+1),
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				tx.Rollback()
				return fmt.Errorf("schema %d: %w", version+1, err)
			}
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("schema %d: %w", version+1, err)
		}
	}
	return nil
}
