package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
)

// A Look is how a file stands, for its operator.
type Look struct {
	Schema int64 // of the tables
	Newest int64 // that this program knows
}

// LookAt looks at a file that is there, and changes nothing in it.
func LookAt(ctx context.Context, path string) (l Look, err error) {
	q := url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)", "busy_timeout(2000)", "trusted_schema(0)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: q.Encode()}).String())
	if err != nil {
		return l, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var id int64
	if err = db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err == nil {
		err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&l.Schema)
	}
	if err != nil {
		return l, fmt.Errorf("verifier store %s: %w", path, wrap(err))
	}
	if id != applicationID {
		return l, fmt.Errorf("verifier store %s: %w: it belongs to another program", path, ErrForeign)
	}
	steps, err := fs.Glob(files, "migrations/*.sql")
	for _, s := range steps {
		var number int64
		if _, err := fmt.Sscanf(strings.TrimPrefix(s, "migrations/"), "%d", &number); err != nil {
			return l, err
		}
		l.Newest = max(l.Newest, number)
	}
	return l, err
}
