package issuer

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
	_ "modernc.org/sqlite" // registers the driver
)

const registerVersion = 1

// tables: a person has one live holder; a nullifier belongs to one person for
// ever; credentials stay listed after they are revoked.
const tables = `
CREATE TABLE IF NOT EXISTS register (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, genesis BLOB NOT NULL, authority BLOB NOT NULL, read INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS requests (id BLOB PRIMARY KEY, person TEXT NOT NULL, message BLOB NOT NULL, expires INTEGER NOT NULL, answer BLOB);
CREATE TABLE IF NOT EXISTS persons (person TEXT PRIMARY KEY, holder BLOB NOT NULL UNIQUE, nullifier BLOB NOT NULL UNIQUE, since INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS nullifiers (nullifier BLOB PRIMARY KEY, person TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS credentials (
	id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL REFERENCES persons(person), holder BLOB NOT NULL, schema TEXT NOT NULL,
	cm BLOB NOT NULL UNIQUE, lock BLOB NOT NULL UNIQUE, expires INTEGER NOT NULL,
	committed INTEGER NOT NULL DEFAULT 0, place INTEGER, revoking INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0, offer BLOB);
CREATE INDEX IF NOT EXISTS by_person ON credentials(person);
`

func openRegister(path string, genesis [32]byte, authority fr.Element) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("issuer: register %s: %w", path, err)
	}
	// SQLite would make it readable for everybody; its other files follow it.
	f, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("issuer: register: %w", err)
	}
	f.Close()
	q := url.Values{"_pragma": {"busy_timeout(1000)", "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)"}, "_txlock": {"immediate"}}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("issuer: register %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // the register's lock belongs to one connection
	if err := prepare(db, genesis, authority); err != nil {
		db.Close()
		return nil, fmt.Errorf("issuer: register %s: %w", path, err)
	}
	return db, nil
}

func prepare(db *sql.DB, genesis [32]byte, authority fr.Element) error {
	if _, err := db.Exec(tables); err != nil {
		return err
	}
	id := authority.Bytes()
	if _, err := db.Exec(`INSERT OR IGNORE INTO register VALUES (1, ?, ?, ?, 0)`, registerVersion, genesis[:], id[:]); err != nil {
		return err
	}
	var version int
	var g, a []byte
	if err := db.QueryRow(`SELECT version, genesis, authority FROM register`).Scan(&version, &g, &a); err != nil {
		return err
	}
	switch {
	case version != registerVersion:
		return fmt.Errorf("it has version %d, this program reads %d", version, registerVersion)
	case !bytes.Equal(g, genesis[:]):
		return fmt.Errorf("it belongs to another ledger")
	case !bytes.Equal(a, id[:]):
		return fmt.Errorf("it belongs to another authority")
	}
	return nil
}

// transact runs f in one transaction, and undoes it all if f fails.
func (i *Issuer) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := i.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("issuer: register: %w", err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("issuer: register: %w", err)
	}
	return nil
}

func elementBytes(e fr.Element) []byte {
	b := e.Bytes()
	return b[:]
}

func element(b []byte) (fr.Element, error) {
	e, err := field.Parse(b)
	if err != nil {
		return e, fmt.Errorf("issuer: register: %w", err)
	}
	return e, nil
}
