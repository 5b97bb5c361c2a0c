package verifier_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store"
	"github.com/zkconsent/zkconsent/verifier/store/postgres"
	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
)

// fleet is three replicas of one verifier on one database.
func (w *world) fleet(p party) (replicas []*verifier.Verifier) {
	w.t.Helper()
	dsn := postgrestest.Database(w.t)
	for range 3 {
		s, err := postgres.Open(context.Background(), postgres.DSN(dsn), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { s.Close() })
		replicas = append(replicas, w.verifierWith(p, s))
	}
	return replicas
}

// One person answers many requests of one scope at once, through all replicas
// of the verifier.
func TestAttack_FleetOneNullifier(t *testing.T) {
	n := 12
	switch {
	case os.Getenv("ZKCONSENT_SERVICES") != "":
		n = 100
	case testing.Short():
		n = 6
	}
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	replicas := w.fleet(w.insurer)
	shown := make([]*consent.Presentation, n)
	for i := range shown {
		shown[i] = p.present(w.ask(replicas[i%3], consent.Claim, consent.Once))
	}
	verdicts := make([]verifier.Verdict, n)
	var all sync.WaitGroup
	for i := range shown {
		all.Go(func() {
			var err error
			if verdicts[i], err = replicas[(i+1)%3].Verify(context.Background(), shown[i].Encode()); err != nil {
				t.Errorf("presentation %d: %v", i, err)
			}
		})
	}
	all.Wait()
	won := -1
	for i, v := range verdicts {
		switch {
		case v.Accepted && won >= 0:
			t.Errorf("presentations %d and %d were accepted", won, i)
		case v.Accepted:
			won = i
		case v.Reason != verifier.NullifierSpent:
			t.Errorf("presentation %d: %s", i, v)
		}
	}
	if won < 0 {
		t.Fatal("none was accepted")
	}
	// Each replica gives the winner its stored verdict, and the others theirs.
	for _, v := range replicas {
		if again := verify(t, v, shown[won], ""); again != verdicts[won] {
			t.Errorf("again: %+v, first %+v", again, verdicts[won])
		}
		verify(t, v, shown[(won+1)%n], verifier.NullifierSpent)
	}
	faulttest.Row(t, "presentations of one nullifier at once over three replicas", n,
		faulttest.Count{Outcome: "accepted", N: 1}, faulttest.Count{Outcome: "told that the nullifier is spent", N: n - 1})
}

// Two devices of one person answer one request at once, at two replicas.
func TestAttack_FleetTwoAnswersToOneRequest(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	replicas := w.fleet(w.insurer)
	r := w.ask(replicas[0], consent.Claim, consent.Pseudonym)
	shown := []*consent.Presentation{p.present(r), p.present(r)}
	var accepted [9]bool
	var all sync.WaitGroup
	for i := range accepted {
		all.Go(func() {
			v, err := replicas[i%3].Verify(context.Background(), shown[i%2].Encode())
			if accepted[i] = v.Accepted; err != nil || !v.Accepted && v.Reason != verifier.AlreadyAnswered {
				t.Errorf("%s, %v", v, err)
			}
		})
	}
	all.Wait()
	if accepted[0] == accepted[1] {
		t.Errorf("both answers to one request: accepted %v", accepted[0])
	}
	for i := range accepted { // the same bytes have the same verdict
		if accepted[i] != accepted[i%2] {
			t.Errorf("call %d: accepted %v", i, accepted[i])
		}
	}
}

// losing is a store whose database keeps an answer, or does not, and goes away
// before it has said so.
type losing struct {
	verifier.Store
	keeps, lost bool
}

func (l *losing) Accept(ctx context.Context, a verifier.Answer) error {
	if l.lost {
		return l.Store.Accept(ctx, a)
	}
	if l.lost = true; l.keeps {
		if err := l.Store.Accept(ctx, a); err != nil {
			return err
		}
	}
	return verifier.ErrStoreAway
}

// Who does not learn the verdict asks again, and is never accepted twice.
func TestStoreGoesAwayWhileItAccepts(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	for _, keeps := range []bool{true, false} {
		s, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "v.db"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		v := w.verifierWith(w.insurer, &losing{Store: s, keeps: keeps})
		shown, other := p.present(w.ask(v, consent.Claim, consent.Once)), p.present(w.ask(v, consent.Claim, consent.Once))
		verdict, err := v.Verify(context.Background(), shown.Encode())
		if !errors.Is(err, verifier.ErrStoreAway) || verdict.Accepted || verdict.Reason != verifier.Undecided {
			t.Fatalf("%s, %v", verdict, err)
		}
		if keeps {
			verify(t, v, other, verifier.NullifierSpent)
			verify(t, v, shown, "")
		} else {
			verify(t, v, other, "")
			verify(t, v, shown, verifier.NullifierSpent)
		}
	}
}
