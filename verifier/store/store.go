package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/zkconsent/zkconsent/verifier"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrForeign reports a file that this version of the package cannot use.
var ErrForeign = errors.New("verifier store: not a file of this program and version")

// Options of Open; the zero value is useful.
type Options struct {
	// MaxBytes bounds the file. 0 means 64 GiB. Writes beyond it fail with
	// verifier.ErrStoreFull.
	MaxBytes int64
}

const (
	pageSize     = 4096
	defaultBytes = 64 << 30
	readers      = 4
)

// A Store is a verifier.Store in a file. Its methods may be called
// concurrently.
type Store struct {
	write *sql.DB // one connection: writers queue in Go, not in SQLite
	read  *sql.DB
}

var _ verifier.Store = (*Store)(nil)

// Open opens the file and creates it if it is not there.
func Open(ctx context.Context, path string, o *Options) (*Store, error) {
	limit := int64(defaultBytes)
	if o != nil && o.MaxBytes != 0 {
		limit = o.MaxBytes
	}
	if limit < 64*pageSize {
		return nil, fmt.Errorf("verifier store: a bound of %d bytes is too small, at least %d are needed", limit, 64*pageSize)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("verifier store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("verifier store: %w", err)
	}
	s := &Store{}
	if s.write, err = connect(path, 1, limit, "foreign_keys(1)", "secure_delete(1)"); err == nil {
		if err = migrate(ctx, s.write); err == nil {
			s.read, err = connect(path, readers, limit, "query_only(1)")
		}
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("verifier store %s: %w", path, wrap(err))
	}
	return s, nil
}

func connect(path string, n int, limit int64, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "trusted_schema(0)",
		fmt.Sprintf("max_page_count(%d)", limit/pageSize),
	}, pragmas...)}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// Close closes the file.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// inTransaction runs f in a write transaction; an error of f undoes it.
func (s *Store) inTransaction(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return wrap(err)
	}
	if err := f(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return wrap(err)
	}
	return wrap(tx.Commit())
}

// wrap names SQLite's errors that a caller can do something about.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return fmt.Errorf("%w: %w", verifier.ErrStoreFull, err)
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%w: %w", verifier.ErrStoreDamaged, err)
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
			return fmt.Errorf("%w: %w", verifier.ErrStoreAway, err)
		}
	}
	return err
}
