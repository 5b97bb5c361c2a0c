package verifier_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// asks is a template whose period of data ends at the time of the request, as
// policies have it.
func (w *world) asks(change ...func(*consent.Request)) verifier.Template {
	fixed := w.template(consent.ConsentOnly, consent.Pseudonym)
	return func(now time.Time) (consent.Request, error) {
		r := fixed
		r.QTo, r.Until = consent.Time(now.Unix()), consent.Time(now.Unix())+day
		for _, c := range change {
			c(&r)
		}
		return r, nil
	}
}

func TestAnIntentMakesOneRequest(t *testing.T) {
	w := newWorld(t)
	v, s := w.verifierOf(w.insurer)
	ctx, in := context.Background(), verifier.Intent{Owner: "cert:a", Key: "0123456789abcdef"}
	var all [50]*consent.SignedRequest
	template := w.asks()
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() {
			var err error
			if i == len(all)/2 {
				w.pass(time.Second) // calls lie on both sides of a second
			}
			if all[i], err = v.CreateOnce(ctx, in, template); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	for _, r := range all {
		if r.Request.Challenge() != all[0].Request.Challenge() {
			t.Fatal("two requests of one intent")
		}
	}
	if s.writes > len(all) {
		t.Errorf("%d writes", s.writes)
	}
	// Another process with the same key and store knows it too, while the ledger
	// is away and after the request has expired.
	other := w.verifierWith(w.insurer, s)
	w.fail = errors.New("no ledger")
	w.pass(24 * time.Hour)
	if r, err := other.CreateOnce(ctx, in, template); err != nil || r.Request.Challenge() != all[0].Request.Challenge() {
		t.Errorf("the same intent of another process: %v", err)
	}
	if _, err := other.CreateOnce(ctx, verifier.Intent{Owner: "cert:a", Key: "another"}, w.asks()); !errors.Is(err, verifier.ErrNoLedger) {
		t.Errorf("another intent without a ledger: %v", err)
	}
	w.fail = nil
	for name, change := range map[string]func(*consent.Request){
		"context": func(r *consent.Request) { r.Context = "case 8" },
		"return":  func(r *consent.Request) { r.Return = "https://elsewhere.example" },
		"policy":  func(r *consent.Request) { r.Policy = "another text" },
		"until":   func(r *consent.Request) { r.Until++ },
	} {
		if _, err := v.CreateOnce(ctx, in, w.asks(change)); !errors.Is(err, verifier.ErrReused) {
			t.Errorf("another %s under the same key: %v", name, err)
		}
	}
}

// TestAttack_IntentOfAnother: who has seen another caller's key gets neither
// that caller's request nor the id that it has, whatever name they go by.
func TestAttack_IntentOfAnother(t *testing.T) {
	w := newWorld(t)
	v, _ := w.verifierOf(w.insurer)
	ctx := context.Background()
	ids := map[[16]byte]string{}
	for _, in := range []verifier.Intent{
		{Owner: "cert:a", Key: "0123456789abcdef"}, {Owner: "cert:b", Key: "0123456789abcdef"}, {Owner: "", Key: "0123456789abcdef"},
		{Owner: "cert:a0", Key: "123456789abcdef"}, {Owner: "cert:a0123456789abcdef", Key: ""}, {Owner: "cert:a", Key: "0123456789abcdeg"},
	} {
		r, err := v.CreateOnce(ctx, in, w.asks())
		if err != nil {
			t.Fatal(err)
		}
		if by, taken := ids[r.Request.ID]; taken {
			t.Errorf("%+v has the request of %s", in, by)
		}
		ids[r.Request.ID] = in.Owner + "/" + in.Key
	}
	// Another verifier's ids are others: they come of its own signing key.
	foreign, _ := w.verifierOf(w.stranger)
	r, err := foreign.CreateOnce(ctx, verifier.Intent{Owner: "cert:a", Key: "0123456789abcdef"}, w.asks())
	if err != nil {
		t.Fatal(err)
	}
	if _, taken := ids[r.Request.ID]; taken {
		t.Error("two verifiers have one id for one intent")
	}
}

func TestARequestIsShownUntilItCannotBeAnswered(t *testing.T) {
	w := newWorld(t)
	v, s := w.verifierOf(w.insurer)
	ctx := context.Background()
	r, err := v.CreateRequest(ctx, w.template(consent.ConsentOnly, consent.Pseudonym))
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Request(ctx, r.Request.ID)
	if err != nil || string(b) != string(r.Encode()) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	// Another verifier of the same store does not hand it out.
	foreign := w.verifierWith(w.stranger, s)
	if _, err := foreign.Request(ctx, r.Request.ID); !errors.Is(err, verifier.ErrNotFound) {
		t.Errorf("another verifier's request: %v", err)
	}
	w.pass(verifier.DefaultAnswerTime + consent.ClockSkew)
	if _, err := v.Request(ctx, r.Request.ID); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	w.pass(time.Second)
	if _, err := v.Request(ctx, r.Request.ID); !errors.Is(err, verifier.ErrNotFound) {
		t.Errorf("after its end: %v", err)
	}
}
