package verifier_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/verifier"
)

func point(t testing.TB, rk [32]byte) redsig.Point {
	t.Helper()
	p, err := redsig.DecodePoint(rk[:])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func undecided(t *testing.T, v *verifier.Verifier, p *consent.Presentation, want error, reason verifier.Reason) {
	t.Helper()
	verdict, err := v.Verify(context.Background(), p.Encode())
	if !errors.Is(err, want) || verdict.Accepted || verdict.Reason != reason {
		t.Fatalf("%+v, %v; want %v", verdict, err, want)
	}
}

func TestAttack_FrozenHead(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Claim, consent.Once))
	w.lag = 601 * time.Second
	undecided(t, v, shown, verifier.ErrStaleHead, verifier.StaleHead)
	w.lag = -301 * time.Second
	undecided(t, v, shown, verifier.ErrStaleHead, verifier.StaleHead)
	w.pass(600 * time.Second)
	w.lag = 600 * time.Second // the head that the request was made under
	verify(t, v, shown, "")
}

func TestEpochAgesFromItsReplacement(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	// The newest epoch has no age, however long ago it closed.
	w.pass(24 * time.Hour)
	shown := p.present(w.ask(v, consent.Claim, consent.Pseudonym))
	asked := w.template(consent.Claim, consent.Pseudonym)
	asked.MaxRootAge = 60
	strict := p.present(w.askFor(v, asked))
	late := p.present(w.askFor(v, asked))
	w.newPatient(w.issuer)
	w.closeEpoch() // replaced now
	w.pass(60 * time.Second)
	verify(t, v, strict, "")
	w.pass(time.Second)
	verify(t, v, late, verifier.StaleEpoch)
	verify(t, v, shown, "")

	ahead := *late
	ahead.Epoch = uint64(len(w.epochs))
	verify(t, v, &ahead, verifier.UnknownEpoch)
	ahead.Epoch = 1 << 63
	verify(t, v, &ahead, verifier.UnknownEpoch)
}

func TestWithdrawnIsRefusedUnderEveryRule(t *testing.T) {
	w := newWorld(t)
	p, other := w.newPatient(w.issuer), w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	var shown []*consent.Presentation
	for _, rule := range []consent.Rule{consent.Once, consent.Pseudonym, consent.None} {
		shown = append(shown, p.present(w.ask(v, consent.Claim, rule)))
	}
	shown = append(shown, p.present(w.ask(v, consent.ConsentOnly, consent.Pseudonym)))
	// In the cache before the withdrawal, in between, and after others.
	verify(t, v, other.present(w.ask(v, consent.Claim, consent.Pseudonym)), "")
	for range 5 {
		w.newPatient(w.issuer).withdraw()
	}
	p.withdraw()
	for range 2 {
		w.newPatient(w.issuer).withdraw()
	}
	writes := s.writes
	for _, one := range shown {
		verify(t, v, one, verifier.Withdrawn)
	}
	if s.writes != writes {
		t.Errorf("%d writes", s.writes-writes)
	}
	// The credential is not withdrawn.
	w.closeEpoch()
	verify(t, v, p.present(w.ask(v, consent.Eligibility, consent.Pseudonym)), "")
}

func TestAttack_SourceHidesWithdrawal(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Claim, consent.Once))
	p.withdraw()
	w.omit = func(page []verifier.Withdrawal) bool { return true }
	undecided(t, v, shown, verifier.ErrSource, verifier.Undecided)
	w.omit = nil
	verify(t, v, shown, verifier.Withdrawn)
}

func TestAttack_LyingSource(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Claim, consent.Once))
	for name, lie := range map[string]func(*directory.Head){
		"another ledger":    func(h *directory.Head) { h.State.Genesis[0]++ },
		"another directory": func(h *directory.Head) { h.State.Directory[0]++ },
		"fewer epochs":      func(h *directory.Head) { h.State.Epochs.Count--; h.State.Epoch-- },
		"earlier height":    func(h *directory.Head) { h.Height = 1 },
		"other withdrawals": func(h *directory.Head) { h.State.Withdrawals.Root[0]++ },
		"other epochs":      func(h *directory.Head) { h.State.Epochs.Root[0]++ },
	} {
		w.lie = lie
		verdict, err := v.Verify(context.Background(), shown.Encode())
		if !errors.Is(err, verifier.ErrSource) || verdict.Accepted || verdict.Reason != verifier.Undecided {
			t.Errorf("%s: %+v, %v", name, verdict, err)
		}
	}
	w.lie = nil
	down := errors.New("no node answers")
	w.fail = down
	undecided(t, v, shown, down, verifier.Undecided)
	w.fail = nil
	verify(t, v, shown, "")
}

// An issuer that the stewards deactivated after the question is no longer
// trusted when the answer comes.
func TestAttack_IssuerDistrustedBeforeTheAnswer(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Claim, consent.Once))
	set := func(active bool) {
		as := append([]directory.Authority(nil), w.dir.Authorities...)
		for i := range as {
			if as[i].ID.Equal(&w.issuer.id) {
				as[i].Active = active
			}
		}
		w.dir.Authorities = as
	}
	set(false)
	verify(t, v, shown, verifier.InvalidRequest)
	set(true)
	verify(t, v, shown, "")
}

func TestStandingFindsWithdrawalsWithoutThePatient(t *testing.T) {
	w := newWorld(t)
	p, q, once := w.newPatient(w.issuer), w.newPatient(w.issuer), w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := map[[16]byte]*consent.Presentation{}
	show := func(p *patient, c consent.CircuitID, rule consent.Rule, context string) [16]byte {
		template := w.template(c, rule)
		template.Context = context
		one := p.present(w.askFor(v, template))
		verify(t, v, one, "")
		shown[one.Request] = one
		return one.Request
	}
	ps, qs := show(p, consent.Claim, consent.Pseudonym, "a"), show(q, consent.Claim, consent.Pseudonym, "a")
	second, spent := show(p, consent.ConsentOnly, consent.Pseudonym, "b"), show(once, consent.Claim, consent.Once, "c")
	show(p, consent.Claim, consent.None, "d")
	eligible := show(p, consent.Eligibility, consent.Pseudonym, "e")

	standing := func() map[[16]byte]verifier.Standing {
		t.Helper()
		out := map[[16]byte]verifier.Standing{}
		if err := v.Standing(context.Background(), func(s verifier.Standing) error {
			if one := shown[s.RequestID]; one == nil || !one.Nullifier.Equal(&s.Nullifier) || one.Digest() != s.Digest {
				t.Errorf("%+v", s)
			}
			out[s.RequestID] = s
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for id, s := range standing() {
		if s.Withdrawn || s.Since != 0 {
			t.Errorf("%x is withdrawn before anybody withdrew", id)
		}
	}
	w.pass(time.Hour)
	at := consent.Time(w.now.Unix())
	p.withdraw()
	w.pass(time.Hour)
	once.withdraw()
	got := standing()
	if len(got) != 5 {
		t.Fatalf("%d standing answers, want 5", len(got))
	}
	for id, since := range map[[16]byte]consent.Time{ps: at, second: at, spent: at + 3600, qs: 0, eligible: 0} {
		if s := got[id]; s.Withdrawn != (since != 0) || s.Since != since {
			t.Errorf("%x: %+v, want %d", id[:4], s, since)
		}
	}
	w.lag = time.Hour
	if err := v.Standing(context.Background(), func(verifier.Standing) error { return nil }); !errors.Is(err, verifier.ErrStaleHead) {
		t.Errorf("a stale head: %v", err)
	}
	w.lag = 0
	enough := errors.New("enough")
	if err := v.Standing(context.Background(), func(verifier.Standing) error { return enough }); err != enough {
		t.Errorf("%v", err)
	}

	w.pass(31 * 24 * time.Hour)
	if left := standing(); len(left) != 0 {
		t.Errorf("%d are relied on after their until", len(left))
	}
	if n, err := v.Purge(context.Background()); err != nil || n != 6 {
		t.Errorf("purged %d, %v; want 6", n, err)
	}
	if _, err := v.Record(context.Background(), ps); !errors.Is(err, verifier.ErrNotFound) {
		t.Errorf("a purged record: %v", err)
	}
}
