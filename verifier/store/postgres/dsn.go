package postgres

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotVerified reports a connection string that would send health data over
// a network to a server which nothing has identified.
var ErrNotVerified = errors.New("verifier store: a database that is not on this machine must be known by its certificate: sslmode=verify-full")

// A DSN is a connection string of PostgreSQL, as a URL or as keywords. It is a
// secret, since it may hold a password: it prints and logs as "REDACTED" and has
// no JSON or text form.
type DSN string

const redacted = "REDACTED"

// Format writes REDACTED for every verb.
func (DSN) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// String is REDACTED.
func (DSN) String() string { return redacted }

// LogValue is REDACTED.
func (DSN) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes REDACTED.
func (DSN) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// pool reads the string. Its errors never quote it: what stands where in a
// string that cannot be read is not known.
func (d DSN) pool() (*pgxpool.Config, error) {
	if d == "" {
		return nil, errors.New("verifier store: no connection string of PostgreSQL")
	}
	unreadable := errors.New("verifier store: the connection string is not one of PostgreSQL, or names a file that cannot be read")
	c, err := pgxpool.ParseConfig(string(d))
	if err != nil {
		return nil, unreadable
	}
	if guarded(c) {
		return c, nil
	}
	verifying, ok := d.verifying()
	if !ok {
		return nil, ErrNotVerified
	}
	if c, err = pgxpool.ParseConfig(verifying); err != nil {
		return nil, unreadable
	}
	if !guarded(c) {
		return nil, ErrNotVerified
	}
	return c, nil
}

// verifying is the string with sslmode=verify-full where it does not say what
// sslmode it wants.
func (d DSN) verifying() (string, bool) {
	if !strings.HasPrefix(string(d), "postgres://") && !strings.HasPrefix(string(d), "postgresql://") {
		return "sslmode=verify-full " + string(d), true // the later of two wins
	}
	u, err := url.Parse(string(d))
	if err != nil {
		return "", false
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || q.Has("sslmode") || q.Has("ssl") {
		return "", false
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "sslmode=verify-full"
	return u.String(), true
}

// guarded tells whether every server that may be connected to is on this
// machine or has to show a certificate for its name.
func guarded(c *pgxpool.Config) bool {
	ok := func(host string, t *tls.Config) bool {
		if strings.HasPrefix(host, "/") || host == "localhost" {
			return true
		}
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
			return true
		}
		return t != nil && !t.InsecureSkipVerify && t.ServerName != ""
	}
	all := ok(c.ConnConfig.Host, c.ConnConfig.TLSConfig)
	for _, f := range c.ConnConfig.Fallbacks {
		all = all && ok(f.Host, f.TLSConfig)
	}
	return all
}
