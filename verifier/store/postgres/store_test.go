package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
	"github.com/zkconsent/zkconsent/verifier/store/storetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a store that is closed when the test ends.
func open(t testing.TB, dsn string, o *Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), DSN(dsn), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// on is a database that stores are opened on as often as a test asks.
func on(dsn string) storetest.Database {
	return storetest.Database{
		Open: func(t testing.TB) storetest.Store {
			t.Helper()
			return open(t, dsn, nil)
		},
		Execute: func(t testing.TB, statement string) { execute(t, dsn, statement) },
		Schema:  "zkconsent_verifier.",
		Bytes:   func(hex string) string { return fmt.Sprintf("'\\x%s'", hex) },
	}
}

func execute(t testing.TB, dsn, statement string) {
	t.Helper()
	if err := postgrestest.Execute(context.Background(), dsn, statement); err != nil {
		t.Fatal(err)
	}
}

func fresh(t testing.TB) storetest.Database { return on(postgrestest.Database(t)) }

func TestKeepsWhatStoresPromise(t *testing.T) { storetest.Run(t, fresh) }

func TestAttack_RowsAlteredInTheDatabase(t *testing.T) { storetest.AlteredRows(t, fresh) }

func TestAttack_ReplicasSameNullifier(t *testing.T) { storetest.SameNullifier(t, fresh(t), 100) }

func TestManyReplicasStartAtOnce(t *testing.T) {
	dsn := postgrestest.Database(t)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			s, err := Open(context.Background(), DSN(dsn), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := s.Request(context.Background(), storetest.ID(1)); !errors.Is(err, verifier.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestRefusesForeignAndNewerTables(t *testing.T) {
	ctx := context.Background()
	dsn := postgrestest.Database(t)
	execute(t, dsn, "CREATE SCHEMA zkconsent_verifier CREATE TABLE requests (x int)")
	if _, err := Open(ctx, DSN(dsn), nil); !errors.Is(err, ErrForeign) {
		t.Errorf("another program's tables: %v", err)
	}
	dsn = postgrestest.Database(t)
	open(t, dsn, nil)
	execute(t, dsn, "INSERT INTO "+versions+" (version_id, is_applied) VALUES (99, true)")
	if _, err := Open(ctx, DSN(dsn), nil); !errors.Is(err, ErrForeign) {
		t.Errorf("a newer schema: %v", err)
	}
}

// A replica needs no right to change tables, nor to change what is kept.
func TestServesWithTheRightsItNeeds(t *testing.T) {
	ctx, dsn := context.Background(), postgrestest.Database(t)
	role := "replica_" + dsn[strings.LastIndex(dsn, "=")+1:]
	execute(t, dsn, "CREATE ROLE "+role+" LOGIN")
	t.Cleanup(func() { postgrestest.Execute(ctx, dsn, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	as := strings.Replace(dsn, "user=postgres", "user="+role, 1)
	if _, err := Open(ctx, DSN(as), nil); err == nil {
		t.Fatal("tables were made without the right to")
	}
	open(t, dsn, nil)
	execute(t, dsn, "GRANT USAGE ON SCHEMA zkconsent_verifier TO "+role+
		"; GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA zkconsent_verifier TO "+role)
	s := open(t, as, nil)
	storetest.Add(t, s, 1)
	if err := s.Accept(ctx, storetest.Answer(1, consent.Once, 5)); err != nil {
		t.Error(err)
	}
	if n, err := s.Purge(ctx, 5000); err != nil || n != 1 {
		t.Errorf("purged %d, %v", n, err)
	}
	storetest.Sound(t, s)
}

func TestPurgesInSteps(t *testing.T) {
	ctx, dsn := context.Background(), postgrestest.Database(t)
	s := open(t, dsn, nil)
	const n = 2*purged + 1
	execute(t, dsn, fmt.Sprintf(`INSERT INTO %s SELECT decode(lpad(to_hex(g), 32, '0'), 'hex'), g / 7, 'x', decode(repeat('00', 32), 'hex')
		FROM generate_series(1, %d) g`, requests, n))
	for _, kept := range []uint64{n + 7, n + 8} {
		if err := s.AddRequest(ctx, verifier.Asked{ID: storetest.ID(kept), Expires: 1, Signed: []byte{1}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Accept(ctx, storetest.Answer(kept, consent.Once, kept)); err != nil {
			t.Fatal(err)
		}
	}
	if gone, err := s.Purge(ctx, 1500); err != nil || gone != 0 {
		t.Fatalf("purged %d, %v", gone, err)
	}
	storetest.Sound(t, s) // the rows without a sum are gone
	if gone, err := s.Purge(ctx, 3000); err != nil || gone != 2 {
		t.Fatalf("purged %d, %v", gone, err)
	}
	if _, err := s.Request(ctx, storetest.ID(n+7)); !errors.Is(err, verifier.ErrNotFound) {
		t.Error(err)
	}
}

func TestRefusesServersThatForget(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server of its own")
	}
	s := postgrestest.Start(t, "fsync=off")
	if _, err := Open(context.Background(), DSN(s.DSN("postgres")), nil); !errors.Is(err, ErrNotDurable) {
		t.Errorf("fsync is off: %v", err)
	}
}

// Whatever the role or the database says, commits are synchronous.
func TestCommitsSynchronously(t *testing.T) {
	ctx, dsn := context.Background(), postgrestest.Database(t)
	execute(t, dsn, "ALTER DATABASE "+dsn[strings.LastIndex(dsn, "=")+1:]+" SET synchronous_commit = off")
	s := open(t, dsn, nil)
	var sync string
	if err := s.pool.QueryRow(ctx, "SHOW synchronous_commit").Scan(&sync); err != nil || sync != "on" {
		t.Errorf("synchronous_commit is %q, %v", sync, err)
	}
}
