package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

// lag is how long after a withdrawal an answer may still be kept that was
// decided before it, under the world's parameters.
const lag = 600*time.Second + consent.ClockSkew + 2*verifier.DefaultDecideWithin

// shown calls Withdrawn and returns the requests that it shows.
func shown(t *testing.T, v *verifier.Verifier, from uint64) (map[[16]byte]verifier.Standing, verifier.Mark) {
	t.Helper()
	out := map[[16]byte]verifier.Standing{}
	mark, err := v.Withdrawn(context.Background(), from, func(s verifier.Standing) error {
		if _, twice := out[s.RequestID]; twice || !s.Withdrawn {
			t.Errorf("%+v, twice %v", s, twice)
		}
		out[s.RequestID] = s
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, mark
}

// gate is a store whose answers wait before they are kept.
type gate struct {
	verifier.Store
	arrived, open chan struct{}
}

func (g *gate) Accept(ctx context.Context, a verifier.Answer) error {
	select {
	case g.arrived <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-g.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	return g.Store.Accept(ctx, a)
}

// TestAttack_AnswerKeptAfterTheLook: a withdrawal comes between the look that
// an answer is decided under and the moment that it is kept, and the feed walks
// in between, on another replica. The answer is shown afterwards, to who goes on
// from where the feed said, until no such answer can come any more.
func TestAttack_AnswerKeptAfterTheLook(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	replica, s := w.verifierOf(w.insurer)
	g := &gate{s, make(chan struct{}), make(chan struct{})}
	began := w.clock() // by the slow one's clock no time goes by
	slow, err := verifier.New(verifier.Config{
		ID: w.insurer.id, Key: w.insurer.key, Genesis: w.genesis, Roots: w, Keys: w.keys, Store: g, Now: func() time.Time { return began },
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := p.present(w.ask(replica, consent.Claim, consent.Pseudonym))
	done := make(chan verifier.Verdict)
	go func() {
		verdict, err := slow.Verify(context.Background(), answer.Encode())
		if err != nil {
			t.Error(err)
		}
		done <- verdict
	}()
	<-g.arrived
	p.withdraw()
	found, mark := shown(t, replica, 0)
	if len(found) != 0 || mark.Count != 1 || mark.Next != 0 {
		t.Fatalf("before it is kept: %v, %+v", found, mark)
	}
	w.pass(lag - time.Second)
	if _, mark = shown(t, replica, mark.Next); mark.Next != 0 {
		t.Fatalf("a decision may still be under way: %+v", mark)
	}
	close(g.open)
	if verdict := <-done; !verdict.Accepted {
		t.Fatal(verdict)
	}
	found, mark = shown(t, replica, mark.Next)
	if len(found) != 1 || mark.Next != 0 {
		t.Fatalf("after it is kept: %v, %+v", found, mark)
	}
	w.pass(time.Second)
	found, mark = shown(t, replica, mark.Next)
	if len(found) != 1 || mark.Next != 1 {
		t.Fatalf("when none can follow any more: %v, %+v", found, mark)
	}
	if found, mark = shown(t, replica, mark.Next); len(found) != 0 || mark.Next != 1 {
		t.Errorf("afterwards: %v, %+v", found, mark)
	}
	if found, _ = shown(t, replica, 0); len(found) != 1 {
		t.Errorf("who begins again: %v", found)
	}
	if _, err := replica.Withdrawn(context.Background(), 2, nil); !errors.Is(err, verifier.ErrPosition) {
		t.Errorf("beyond the log: %v", err)
	}
}

// A decision that takes longer than the feed waits for is none.
func TestADecisionHasAnEnd(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	g := &gate{s, make(chan struct{}, 2), make(chan struct{})}
	slow, err := verifier.New(verifier.Config{
		ID: w.insurer.id, Key: w.insurer.key, Genesis: w.genesis, Roots: w, Keys: w.keys, Store: g, Now: w.clock, DecideWithin: 500 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := p.present(w.ask(v, consent.Claim, consent.Pseudonym))
	undecided(t, slow, answer, context.DeadlineExceeded, verifier.Undecided)
	verify(t, v, answer, "") // nothing was kept
}

// kept is a ledger's answer without a proof, for the walks over many.
func (w *world) kept(t *testing.T, s verifier.Store, n uint64, v uint64, until consent.Time) [16]byte {
	t.Helper()
	id := [16]byte{byte(n >> 8), byte(n), 1}
	scope := field.Of("test-scope", []byte{byte(n % 7)})
	if err := s.AddRequest(context.Background(), verifier.Asked{ID: id, Expires: until, Signed: []byte("request")}); err != nil {
		t.Fatal(err)
	}
	err := s.Accept(context.Background(), verifier.Answer{
		Request: id, Rule: consent.Pseudonym, Scope: scope, Nullifier: field.Uint(n), Watch: consent.Watch(consent.WithdrawalKey(field.Uint(v)), scope),
		Until: until, Record: []byte("record"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) publish(v uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.withdrawals = append(w.withdrawals, verifier.Withdrawal{V: field.Uint(v), At: uint64(w.now.Unix())})
}

// TestEveryWithdrawnAnswerIsShown: whoever goes on from the mark, in calls of
// whatever size of log, is shown each standing answer that is withdrawn, those
// past their end not.
func TestEveryWithdrawnAnswerIsShown(t *testing.T) {
	w := newWorld(t)
	v, s := w.verifierOf(w.insurer)
	until := consent.Time(w.clock().Unix()) + 30*day
	want := map[[16]byte]bool{}
	for n := range uint64(200) {
		id := w.kept(t, s, n, n+1, until-consent.Time(n%2)*31*day)
		if n%2 == 0 && n < 150 {
			want[id] = true
		}
	}
	got, from := map[[16]byte]bool{}, uint64(0)
	for n := range uint64(150) { // first many at once, then few
		w.publish(n + 1)
		w.pass(time.Minute)
		if n < 100 {
			continue
		}
		found, mark := shown(t, v, from)
		if mark.Next < from || mark.Next > mark.Count || mark.Count != n+1 {
			t.Fatalf("from %d: %+v", from, mark)
		}
		from = mark.Next
		for id := range found {
			got[id] = true
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d answers were shown, want %d", len(got), len(want))
	}
	for id := range want {
		if !got[id] {
			t.Errorf("request %x is missing", id)
		}
	}
	// An error ends the walk, and the mark goes nowhere.
	stop := errors.New("enough")
	if mark, err := v.Withdrawn(context.Background(), 0, func(verifier.Standing) error { return stop }); err != stop || mark.Next != 0 {
		t.Errorf("%+v, %v", mark, err)
	}
}

// TestNoAnswerIsMissedBetweenLooks accepts and withdraws at the same time, on
// two replicas of one store, while a third walks: when all is done, each
// accepted answer whose consent was withdrawn was shown.
func TestNoAnswerIsMissedBetweenLooks(t *testing.T) {
	const patients = 4
	w := newWorld(t)
	var ps []*patient
	for range patients {
		ps = append(ps, w.newPatient(w.issuer))
	}
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	replicas := [2]*verifier.Verifier{w.verifierWith(w.insurer, s), w.verifierWith(w.insurer, s)}
	var answers [][]byte
	for _, p := range ps {
		answers = append(answers, p.present(w.ask(v, consent.ConsentOnly, consent.Pseudonym)).Encode())
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	accepted := map[[16]byte]bool{}
	for i, p := range ps {
		group.Go(func() {
			verdict, err := replicas[i%2].Verify(context.Background(), answers[i])
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if verdict.Accepted {
				accepted[verdict.RequestID] = true
			} else if verdict.Reason != verifier.Withdrawn {
				t.Error(verdict)
			}
		})
		group.Go(p.withdraw)
	}
	all := make(chan struct{})
	go func() { group.Wait(); close(all) }()
	got, from := map[[16]byte]bool{}, uint64(0)
	for rounds, over := 0, false; rounds < 2; {
		select {
		case <-all:
			over = true
		default:
		}
		if over {
			rounds++
			w.pass(lag) // the last look is one at which all is settled
		}
		found, mark := shown(t, v, from)
		for id := range found {
			got[id] = true
		}
		from = mark.Next
	}
	if fmt.Sprint(got) != fmt.Sprint(accepted) {
		t.Errorf("shown %v, accepted and withdrawn %v", got, accepted)
	}
	if from != patients {
		t.Errorf("goes on from %d, want %d", from, patients)
	}
}

func TestScopeIsCounted(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	count := func() verifier.ScopeCount {
		t.Helper()
		c, err := v.CountScope(context.Background(), consent.Pseudonym, "case 7", 0)
		if err != nil {
			t.Fatal(err)
		}
		c.Head = 0
		return c
	}
	verify(t, v, p.present(w.ask(v, consent.ConsentOnly, consent.Pseudonym)), "")
	verify(t, v, p.present(w.ask(v, consent.ConsentOnly, consent.Pseudonym)), "")
	if got := count(); got != (verifier.ScopeCount{Answers: 2, Nullifiers: 1, Standing: 2}) {
		t.Errorf("two answers of one holder: %+v", got)
	}
	p.withdraw()
	if got := count(); got != (verifier.ScopeCount{Answers: 2, Nullifiers: 1, Withdrawn: 2}) {
		t.Errorf("withdrawn: %+v", got)
	}
	w.pass(31 * 24 * time.Hour)
	if got := count(); got != (verifier.ScopeCount{Answers: 2, Nullifiers: 1}) {
		t.Errorf("past their end: %+v", got)
	}
	if c, err := v.CountScope(context.Background(), consent.Pseudonym, "case 8", 0); err != nil || c.Answers != 0 {
		t.Errorf("another scope: %+v, %v", c, err)
	}
}
