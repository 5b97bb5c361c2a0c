package verifying_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/verifying"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc/codes"
)

func asPolicyError(err error, to **verifying.PolicyError) bool { return errors.As(err, to) }

// changed is a presentation with other bytes at a place.
func changed(b []byte, at int, to ...byte) []byte {
	out := bytes.Clone(b)
	copy(out[at:], to)
	return out
}

// batch returns the reasons of a batch, in order; "accepted" for none.
func (d *desk) batch(presentations ...[]byte) (reasons []string) {
	d.w.t.Helper()
	r, err := d.api.VerifyBatch(as(d.w.ctx, "cert:clerk"), &zkconsentv1.VerifyBatchRequest{Presentations: presentations})
	d.w.must(err)
	for _, v := range r.Verdicts {
		if v.Accepted == (v.Reason != "") {
			d.w.t.Errorf("%v", v)
		}
		reasons = append(reasons, max(v.Reason, map[bool]string{true: "accepted"}[v.Accepted]))
	}
	return reasons
}

func TestBatchNamesEachReason(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient()
	d := w.open()
	one, two := d.ask(), d.ask()
	first, second, third := p.answer(one.SignedRequest), p.answer(one.SignedRequest), p.answer(two.SignedRequest)
	got := d.batch(
		first,
		nil,
		[]byte("not a presentation"),
		append(bytes.Clone(third), 0),
		changed(third, 4, bytes.Repeat([]byte{9}, 16)...),
		changed(third, 20, 0, 0, 1),
		changed(third, 92, make([]byte, 32)...),
		changed(third, len(third)-40, third[len(third)-40]^1),
		changed(third, 28, make([]byte, 32)...),
		bytes.Repeat([]byte{1}, 4096),
	)
	want := []string{"accepted", "malformed", "malformed", "malformed", "unknown-request", "unknown-epoch", "bad-key", "bad-signature", "bad-signature", "malformed"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := d.batch(second, first); !slices.Equal(got, []string{"already-answered", "accepted"}) {
		t.Errorf("%q", got)
	}
	p.withdraw()
	w.eventually("the withdrawal", func() bool {
		_, m, err := d.mark()
		return err == nil && m == 1
	})
	if got := d.batch(third); !slices.Equal(got, []string{"withdrawn"}) {
		t.Errorf("%q", got)
	}
}

// mark is where the verifier's copy of the withdrawal log stands.
func (d *desk) mark() (next, count uint64, err error) {
	m, err := d.verifier.Mark(d.w.ctx, 0)
	return m.Next, m.Count, err
}

// TestAttack_OversizeBatch: no batch is larger than the bound, whatever the
// field rules before the service let through.
func TestAttack_OversizeBatch(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	for _, n := range []int{0, verifying.MaxBatch + 1, 10_000} {
		_, err := d.api.VerifyBatch(w.ctx, &zkconsentv1.VerifyBatchRequest{Presentations: make([][]byte, n)})
		refused(t, err, codes.InvalidArgument, refusal.Malformed)
	}
	if got := d.batch(make([][]byte, verifying.MaxBatch)...); len(got) != verifying.MaxBatch {
		t.Errorf("%d verdicts", len(got))
	}
}

// held is a store whose reads of requests wait.
type held struct {
	verifier.Store
	mu      sync.Mutex
	waiting int
	open    chan struct{}
}

func (h *held) Request(ctx context.Context, id [16]byte) (verifier.Asked, error) {
	if id != [16]byte{} { // which the probe of readiness asks for
		h.mu.Lock()
		h.waiting++
		h.mu.Unlock()
		select {
		case <-h.open:
		case <-ctx.Done():
			return verifier.Asked{}, ctx.Err()
		}
	}
	return h.Store.Request(ctx, id)
}

func (h *held) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

// shaped has a presentation's form and names a request.
func shaped(n byte) []byte {
	b := make([]byte, 316)
	copy(b, "ZKP\x01")
	b[4] = n
	return b
}

// TestAttack_QueueFlood: beyond its places the service refuses, at once and
// with a time after which to try again; who goes away stops its batch.
func TestAttack_QueueFlood(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	h := &held{Store: d.store, open: make(chan struct{})}
	flooded := &desk{w: w, store: d.store, folder: d.folder, log: &logged{}}
	flooded.run(w.insurer, h, func(c *verifying.Config) { c.Calls = 4 })
	ctx, away := context.WithCancel(as(w.ctx, "cert:clerk"))
	defer away()
	ends := make(chan error)
	for range 8 {
		go func() {
			_, err := flooded.api.VerifyBatch(ctx, &zkconsentv1.VerifyBatchRequest{Presentations: slices.Repeat([][]byte{shaped(1)}, verifying.MaxBatch)})
			ends <- err
		}()
	}
	for range 5 { // three have places, and keep them; the fourth is for others
		refused(t, <-ends, codes.ResourceExhausted, refusal.Busy)
	}
	w.eventually("work", func() bool { return h.count() > 0 })
	before := h.count()
	waits := make(chan error)
	go func() {
		_, err := flooded.api.Verify(w.ctx, &zkconsentv1.VerifyRequest{Presentation: shaped(1)})
		waits <- err
	}()
	w.eventually("a stranger at work", func() bool { return h.count() > before })
	_, err := flooded.api.Verify(w.ctx, &zkconsentv1.VerifyRequest{Presentation: shaped(2)})
	refused(t, err, codes.ResourceExhausted, refusal.Busy)
	away()
	for range 3 {
		if err := <-ends; err == nil {
			t.Error("a batch that nobody waits for was finished")
		}
	}
	asked := h.count()
	if asked > 4*verifying.MaxBatch/2 {
		t.Errorf("%d presentations of batches that nobody waits for were looked at", asked)
	}
	close(h.open)
	if err := <-waits; err != nil {
		t.Error(err)
	}
	w.eventually("a free place", func() bool {
		r, err := flooded.api.Verify(w.ctx, &zkconsentv1.VerifyRequest{Presentation: shaped(3)})
		return err == nil && r.Verdict.Reason == string(verifier.UnknownRequest)
	})
}

// TestAttack_StrangersTakeEveryPlace: strangers send junk from everywhere, more
// than there are places. A place is left for the verifier's own staff.
func TestAttack_StrangersTakeEveryPlace(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	h := &held{Store: d.store, open: make(chan struct{})}
	flooded := &desk{w: w, store: d.store, folder: d.folder, log: &logged{}}
	flooded.run(w.insurer, h, func(c *verifying.Config) { c.Calls = 4 })
	ends := make(chan error)
	verify := func(ctx context.Context) {
		_, err := flooded.api.Verify(ctx, &zkconsentv1.VerifyRequest{Presentation: shaped(1)})
		ends <- err
	}
	for range 8 {
		go verify(w.ctx)
	}
	for range 5 {
		refused(t, <-ends, codes.ResourceExhausted, refusal.Busy)
	}
	go verify(as(w.ctx, "cert:clerk"))
	w.eventually("the clerk's place", func() bool { return h.count() == 4 })
	close(h.open)
	for range 4 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

// TestAttack_ColleagueReadsVerdicts: whoever has the role may read every verdict
// of this verifier, those of another department too. Who did is in the log, and
// strangers' calls are not.
func TestAttack_ColleagueReadsVerdicts(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient()
	d := w.open()
	made := d.ask()
	v := d.verdict(p.answer(made.SignedRequest))
	if _, err := d.api.GetVerdict(as(w.ctx, "cert:colleague"), &zkconsentv1.GetVerdictRequest{Request: made.Id}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.api.GetRequest(w.ctx, &zkconsentv1.GetRequestRequest{Id: made.Id}); err != nil {
		t.Fatal(err)
	}
	var read []string
	for line := range strings.Lines(d.log.String()) {
		if strings.Contains(line, "cert:colleague") {
			read = append(read, line)
		}
	}
	if len(read) != 1 || !strings.Contains(read[0], "verdict read") || !strings.Contains(read[0], v.Digest) {
		t.Errorf("%q", read)
	}
	for _, secret := range []string{made.Id, v.Nullifier, "claims 2026"} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// TestAttack_ReplaysAtOnce: fifty strangers send one presentation at the same
// moment. It is accepted once, and all get that verdict.
func TestAttack_ReplaysAtOnce(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient()
	d := w.open()
	b := p.answer(d.ask().SignedRequest)
	var verdicts [50]string
	var group sync.WaitGroup
	for i := range verdicts {
		group.Go(func() {
			r, err := d.api.Verify(w.ctx, &zkconsentv1.VerifyRequest{Presentation: b})
			if err != nil || !r.Verdict.Accepted {
				t.Errorf("%v, %v", r, err)
				return
			}
			// A verdict's words in one order.
			verdicts[i] = fmt.Sprint(r.Verdict.At, r.Verdict.Digest, r.Verdict.Nullifier, r.Verdict.Until, r.Verdict.ComparisonCode)
		})
	}
	group.Wait()
	for _, v := range verdicts {
		if v != verdicts[0] {
			t.Fatalf("two verdicts: %s and %s", v, verdicts[0])
		}
	}
	scope := d.stats("claims 2026")
	if scope.Answers.Count != 0 || !scope.Answers.Suppressed {
		t.Errorf("%v", scope)
	}
	if c, err := d.verifier.CountScope(w.ctx, "pseudonym", "claims 2026", 0); err != nil || c.Answers != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestAttack_AnswerToAnotherVerifier: a presentation made for one verifier is
// unknown to another, also where both keep their answers in one store.
func TestAttack_AnswerToAnotherVerifier(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient()
	d := w.open()
	made := d.ask()
	b := p.answer(made.SignedRequest)
	other := &desk{w: w, store: d.store, folder: d.folder, log: &logged{}}
	other.run(w.another, d.store)
	if v := other.verdict(b); v.Reason != "unknown-request" {
		t.Errorf("%v", v)
	}
	if v := d.verdict(b); !v.Accepted {
		t.Errorf("%v", v)
	}
	if v := other.verdict(b); v.Reason != "unknown-request" {
		t.Errorf("after it was accepted: %v", v)
	}
	_, err := other.api.GetVerdict(w.ctx, &zkconsentv1.GetVerdictRequest{Request: made.Id})
	refused(t, err, codes.NotFound, refusal.Unknown)
}
