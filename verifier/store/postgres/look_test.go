package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
)

func TestLookChangesNothing(t *testing.T) {
	ctx, dsn := context.Background(), postgrestest.Database(t)
	l, err := LookAt(ctx, DSN(dsn))
	if err != nil || l.Schema != 0 || l.Newest < 1 || l.Commit != "on" || l.Standby || l.Server == "" {
		t.Fatalf("%+v %v", l, err)
	}
	if l, err = LookAt(ctx, DSN(dsn)); err != nil || l.Schema != 0 {
		t.Fatalf("the first look made tables: %+v %v", l, err)
	}
	open(t, dsn, nil)
	execute(t, dsn, "ALTER DATABASE "+dsn[strings.LastIndex(dsn, "=")+1:]+" SET synchronous_commit = off")
	if l, err = LookAt(ctx, DSN(dsn)); err != nil || l.Schema != l.Newest || l.Commit != "off" {
		t.Fatalf("%+v %v", l, err)
	}
	const secret = "secret-5f1e"
	if _, err := LookAt(ctx, DSN("host=127.0.0.1 port=1 user=u password="+secret+" dbname=x sslmode=disable")); err == nil || strings.Contains(err.Error(), secret) {
		t.Error(err)
	}
}
