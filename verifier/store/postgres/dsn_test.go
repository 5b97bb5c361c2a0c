package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Health data goes over no network to a server that nothing has identified.
func TestAttack_DatabaseWithoutCertificate(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGSSLMODE", "PGSSLROOTCERT", "PGSERVICE", "PGSERVICEFILE"} {
		t.Setenv(name, "")
	}
	for dsn, verified := range map[string]bool{
		"host=db.example.org user=v sslmode=disable":               false,
		"host=db.example.org user=v sslmode=allow":                 false,
		"host=db.example.org user=v sslmode=prefer":                false,
		"host=db.example.org user=v sslmode=require":               false,
		"host=db.example.org user=v sslmode=verify-ca":             false,
		"postgres://v:p@db.example.org/v?sslmode=require":          false,
		"postgres://v:p@db.example.org/v?ssl=true":                 false,
		"postgres://v:p@localhost,db.example.org/v?sslmode=prefer": false,
		"host=127.0.0.1,10.0.0.7 user=v sslmode=disable":           false,
		"host=0.0.0.0 user=v sslmode=disable":                      false,
		"host=localhost.example.org user=v sslmode=disable":        false,
		"host=@abstract user=v sslmode=disable":                    false,
		"host=db.example.org user=v sslmode=verify-full":           true,
		"host=db.example.org user=v":                               true,
		"postgres://v:p@db.example.org/v":                          true,
		"postgres://v:p@db.example.org/v?connect_timeout=3":        true,
		"postgres://v:p@a.example.org,b.example.org/v":             true,
		"host=10.0.0.7 user=v":                                     true,
	} {
		c, err := DSN(dsn).pool()
		switch {
		case !verified && !errors.Is(err, ErrNotVerified):
			t.Errorf("%s: %v", dsn, err)
		case verified && err != nil:
			t.Errorf("%s: %v", dsn, err)
		case verified:
			for i, f := range c.ConnConfig.Fallbacks {
				if f.TLSConfig == nil || f.TLSConfig.InsecureSkipVerify || f.TLSConfig.ServerName != f.Host {
					t.Errorf("%s: host %d is not verified", dsn, i+2)
				}
			}
			if tls := c.ConnConfig.TLSConfig; tls == nil || tls.InsecureSkipVerify || tls.ServerName != c.ConnConfig.Host {
				t.Errorf("%s: the server is not verified", dsn)
			}
		}
	}
	for _, dsn := range []string{"host=/run/postgresql", "host=127.0.0.1 sslmode=disable", "postgres://v@[::1]/v", "host=localhost user=v"} {
		if _, err := DSN(dsn).pool(); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

func TestConnectionStringsStaySecret(t *testing.T) {
	const secret = "hunter2"
	dsn := DSN("postgres://v:" + secret + "@db.example.org/v")
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "dsn", dsn, "in", struct{ D DSN }{dsn})
	marshalled, err := json.Marshal(map[string]any{"dsn": dsn})
	if err != nil {
		t.Fatal(err)
	}
	for name, said := range map[string]string{
		"log": logged.String(), "JSON": string(marshalled), "%v": fmt.Sprintf("%v %+v %#v", dsn, dsn, dsn), "%s": fmt.Sprintf("%s %q %x", dsn, dsn, dsn),
		"struct": fmt.Sprintf("%+v", struct{ D DSN }{dsn}),
	} {
		if strings.Contains(said, secret) || strings.Contains(said, fmt.Sprintf("%x", secret)) || !strings.Contains(said, redacted) {
			t.Errorf("%s: %s", name, said)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, bad := range []string{
		"", "host=db.example.org password=" + secret + " sslmode=disable", "postgres://v:" + secret + "/x@db.example.org", "password=" + secret + " =x",
		"host=127.0.0.1 port=1 user=v password=" + secret, "host=/nonexistent user=v password=" + secret, "postgres://v:" + secret + "@127.0.0.1:1/v",
		"host=db.example.org password=" + secret + " sslrootcert=/nonexistent",
	} {
		if _, err := Open(ctx, DSN(bad), nil); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%d bytes of a connection string that leads nowhere: %v", len(bad), err)
		}
	}
}
