package verifying_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/verifier"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
)

// long tells that the tests run at full length.
func long() bool { return os.Getenv("ZKCONSENT_SERVICES") != "" }

// recovery is how soon after a fault everything must work again. Only the long
// run, on a machine of its own, holds the service to it.
const recovery = 5 * time.Second

func recovered(t *testing.T, what string, since time.Time) {
	t.Helper()
	took := time.Since(since)
	t.Logf("%s: recovered after %s", what, took.Round(time.Millisecond))
	if long() && took > recovery {
		t.Errorf("%s: recovered after %s, allowed are %s", what, took, recovery)
	}
}

// TestFault_LedgerGone takes the ledger's node away until its last head is too
// old to decide by, and brings it back. What was acknowledged before is there
// all the time; nothing new is decided meanwhile, and afterwards everything.
func TestFault_LedgerGone(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient()
	d := w.open()
	before := d.ask(func(r *zkconsentv1.CreateRequestRequest) { r.IdempotencyKey = "made-before-the-fault" })
	pending := d.ask()
	accepted, waiting := p.answer(before.SignedRequest), p.answer(pending.SignedRequest)
	was := d.verdict(accepted)
	if !was.Accepted {
		t.Fatal(was)
	}
	stream, err := d.api.WatchWithdrawals(as(w.ctx, "cert:clerk"), &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{})
	w.must(err)

	last, _, err := d.ledger.Head(w.ctx)
	w.must(err)
	w.halt()
	if long() {
		time.Sleep(65 * time.Second) // the ledger's maxHeadAge is a minute
	} else {
		d.ahead.Store(int64(65 * time.Second))
	}
	w.eventually("the end of decisions", func() bool {
		return d.service.Ready() != nil && d.ledger.Ready() != nil
	})
	refusals := 0
	for range 20 {
		_, err := d.api.Verify(w.ctx, &zkconsentv1.VerifyRequest{Presentation: waiting})
		refused(t, err, codes.Unavailable, refusal.NoLedger)
		refusals++
	}
	_, err = d.api.CreateRequest(as(w.ctx, "cert:clerk"), &zkconsentv1.CreateRequestRequest{Policy: "claims"})
	refused(t, err, codes.Unavailable, refusal.NoLedger)
	_, err = d.api.ScopeStats(w.ctx, &zkconsentv1.ScopeStatsRequest{Rule: "pseudonym", Context: "claims 2026"})
	refused(t, err, codes.Unavailable, refusal.NoLedger)
	if got := d.batch(waiting, accepted, nil); got[0] != "stale-head" || got[1] != "accepted" || got[2] != "malformed" {
		t.Errorf("%q", got)
	}
	for err = nil; err == nil; {
		_, err = stream.Recv()
	}
	refused(t, err, codes.Unavailable, refusal.NoLedger)
	d.holds(t, before, accepted, was)

	w.start()
	back := time.Now()
	d.ahead.Store(0)
	w.eventually("a decision", func() bool {
		r, err := d.api.Verify(w.ctx, &zkconsentv1.VerifyRequest{Presentation: waiting})
		return err == nil && r.Verdict.Accepted
	})
	w.eventually("a newer head", func() bool {
		h, _, err := d.ledger.Head(w.ctx)
		return err == nil && h.Height > last.Height+1 && d.service.Ready() == nil
	})
	recovered(t, "ledger gone", back)
	d.holds(t, before, accepted, was)
	stream, err = d.api.WatchWithdrawals(as(w.ctx, "cert:clerk"), &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{})
	w.must(err)
	p.withdraw()
	heard := 0
	for heard < 2 {
		m, err := stream.Recv()
		w.must(err)
		heard += len(m.Withdrawn)
	}
	faulttest.Row(t, "ledger gone from a verifier's service", 1, faulttest.Count{Outcome: "recovered", N: 1},
		faulttest.Count{Outcome: "refused as undecided meanwhile", N: refusals}, faulttest.Count{Outcome: "acknowledged and lost", N: 0})
}

// holds checks that what was acknowledged is there.
func (d *desk) holds(t *testing.T, made *zkconsentv1.CreateRequestResponse, presentation []byte, was *zkconsentv1.Verdict) {
	t.Helper()
	if v := d.verdict(presentation); v.String() != was.String() {
		t.Errorf("the verdict is another one: %v", v)
	}
	if r, err := d.api.GetVerdict(d.w.ctx, &zkconsentv1.GetVerdictRequest{Request: made.Id}); err != nil || r.Verdict.String() != was.String() {
		t.Errorf("the verdict is lost: %v, %v", r, err)
	}
	r, err := d.api.CreateRequest(as(d.w.ctx, "cert:clerk"), &zkconsentv1.CreateRequestRequest{Policy: "claims", IdempotencyKey: "made-before-the-fault"})
	if err != nil || !bytes.Equal(r.SignedRequest, made.SignedRequest) {
		t.Errorf("the request is lost: %v", err)
	}
}

// breakable is a store that can be taken away.
type breakable struct {
	verifier.Store
	gone atomic.Bool
}

var errGone = errors.New("dial tcp 10.1.2.3:5432: connection refused by verifier-db")

func (b *breakable) fault() error {
	if b.gone.Load() {
		return errGone
	}
	return nil
}

func (b *breakable) AddRequest(ctx context.Context, a verifier.Asked) error {
	if err := b.fault(); err != nil {
		return err
	}
	return b.Store.AddRequest(ctx, a)
}

func (b *breakable) Request(ctx context.Context, id [16]byte) (verifier.Asked, error) {
	if err := b.fault(); err != nil {
		return verifier.Asked{}, err
	}
	return b.Store.Request(ctx, id)
}

func (b *breakable) Answer(ctx context.Context, id [16]byte) (verifier.Answer, error) {
	if err := b.fault(); err != nil {
		return verifier.Answer{}, err
	}
	return b.Store.Answer(ctx, id)
}

func (b *breakable) StandingIn(ctx context.Context, scope fr.Element, now consent.Time, after *[16]byte, limit int) ([]verifier.Answer, error) {
	if err := b.fault(); err != nil {
		return nil, err
	}
	return b.Store.StandingIn(ctx, scope, now, after, limit)
}

// TestFault_StoreGone takes the store away. Nothing is decided, no caller reads
// the store's own words, and everything goes on when it is back.
func TestFault_StoreGone(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	b := &breakable{Store: d.store}
	broken := &desk{w: w, store: d.store, folder: d.folder, log: &logged{}}
	broken.run(w.insurer, b)
	made := broken.ask()
	b.gone.Store(true)
	calls := map[string]func() error{
		"CreateRequest": func() error {
			_, err := broken.api.CreateRequest(w.ctx, &zkconsentv1.CreateRequestRequest{Policy: "claims"})
			return err
		},
		"GetRequest": func() error {
			_, err := broken.api.GetRequest(w.ctx, &zkconsentv1.GetRequestRequest{Id: made.Id})
			return err
		},
		"Verify": func() error {
			_, err := broken.api.Verify(w.ctx, &zkconsentv1.VerifyRequest{Presentation: shaped(1)})
			return err
		},
		"GetVerdict": func() error {
			_, err := broken.api.GetVerdict(w.ctx, &zkconsentv1.GetVerdictRequest{Request: made.Id})
			return err
		},
		"ScopeStats": func() error {
			_, err := broken.api.ScopeStats(w.ctx, &zkconsentv1.ScopeStatsRequest{Rule: "pseudonym", Context: "x"})
			return err
		},
	}
	for name, call := range calls {
		err := call()
		t.Log(name)
		refused(t, err, codes.Unavailable, refusal.NoStore)
		if err != nil && bytes.Contains([]byte(err.Error()), []byte("verifier-db")) {
			t.Errorf("%s hands out the store's words: %v", name, err)
		}
	}
	if broken.service.Ready() == nil {
		t.Error("ready without a store")
	}
	if got := broken.batch(shaped(1)); got[0] != "undecided" {
		t.Errorf("%q", got)
	}
	back := time.Now()
	b.gone.Store(false)
	w.eventually("readiness", func() bool { return broken.service.Ready() == nil })
	recovered(t, "store gone", back)
	if v := broken.verdict(shaped(1)); v.Reason != "unknown-request" {
		t.Errorf("%v", v)
	}
	faulttest.Row(t, "store gone from a verifier's service", 1, faulttest.Count{Outcome: "recovered", N: 1},
		faulttest.Count{Outcome: "calls refused meanwhile", N: len(calls)})
}

// TestNothingIsLeftRunning: a service and its ledger end with all they started,
// streams included.
func TestNothingIsLeftRunning(t *testing.T) {
	w := newWorld(t)
	before := goleak.IgnoreCurrent()
	t.Run("served", func(t *testing.T) {
		inner := *w
		inner.t = t
		d := inner.open()
		stream, err := d.api.WatchWithdrawals(w.ctx, &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{})
		w.must(err)
		_, err = stream.Recv()
		w.must(err)
		d.ask()
	})
	goleak.VerifyNone(t, before)
}
