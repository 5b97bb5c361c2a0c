package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
	"github.com/zkconsent/zkconsent/verifier/store/storetest"
)

// TestAttack_AnswerThatNoStandbyHas: the standby of a fleet's database is gone,
// so an answer waits to be on two disks. The replica gives up waiting; the answer
// must not be told by whoever asks next, since it is on one disk alone, and a
// failover would forget it.
func TestAttack_AnswerThatNoStandbyHas(t *testing.T) {
	ctx := context.Background()
	server := postgrestest.Start(t)
	dsn := server.Database(t)
	s := open(t, dsn, &Options{Timeout: time.Second})
	if err := s.AddRequest(ctx, storetest.Asked(1)); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = 'gone'", "SELECT pg_reload_conf()"} {
		execute(t, dsn, statement)
	}
	a := storetest.Answer(1, consent.Once, 5)
	waits := false
	for end := time.Now().Add(30 * time.Second); !waits && time.Now().Before(end); { // until the setting holds
		n := storetest.Asked(uint64(time.Now().UnixNano()))
		waits = errors.Is(s.AddRequest(ctx, n), verifier.ErrStoreAway)
	}
	if !waits {
		t.Fatal("the setting does not hold")
	}
	if err := s.Accept(ctx, a); !errors.Is(err, verifier.ErrStoreAway) {
		t.Fatalf("%v", err)
	}
	other := open(t, dsn, &Options{Timeout: time.Second})
	for range 20 {
		if got, err := other.Answer(ctx, a.Request); !errors.Is(err, verifier.ErrNotFound) {
			t.Fatalf("an answer that no standby has: %v, %v", got.Request, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()"} {
		execute(t, dsn, statement)
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := other.Answer(ctx, a.Request); err == nil {
			return // the standby is back, so to speak
		}
	}
	t.Error("the answer was not kept in the end")
}
