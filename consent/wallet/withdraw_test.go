package wallet_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func TestConsentIsGivenProvedAndWithdrawn(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	id := f.given()
	f.reopen()

	r := f.request(consent.ConsentOnly)
	p, err := f.answer(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.verify(r, p); err != nil {
		t.Fatalf("the verifier refuses: %v", err)
	}
	h := f.w.History()
	if len(h) != 1 || h[0].Consent != id || !h[0].Nullifier.Equal(&p.Nullifier) || h[0].SignerName != "Insurer" {
		t.Errorf("history is %+v", h)
	}
	again := f.request(consent.ConsentOnly)
	q, err := f.answer(again)
	if err != nil {
		t.Fatal(err)
	}
	if !q.Nullifier.Equal(&p.Nullifier) || q.Rk == p.Rk || q.Proof == p.Proof {
		t.Error("a pseudonym stays, everything else is new")
	}
	if n, err := f.answer(f.request(consent.ConsentOnly, func(r *consent.Request) { r.Rule, r.Until = consent.None, r.Issued+300 })); err != nil || n.Nullifier.Equal(&p.Nullifier) || n.Watch.Equal(&p.Watch) {
		t.Errorf("rule none left a pseudonym, or %v", err)
	}

	stamper := &wallet.Stamper{Ledger: f, Submit: f}
	if err := f.w.Withdraw(f.ctx, stamper, id); err != nil {
		t.Fatal(err)
	}
	if got := f.state(id); got != wallet.Withdrawing {
		t.Errorf("%v before a verified head shows it, want withdrawing", got)
	}
	f.sync()
	if got := f.state(id); got != wallet.Withdrawn {
		t.Errorf("%v, want withdrawn", got)
	}
	log, err := f.Withdrawals(f.ctx, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if w := consent.Watch(consent.WithdrawalKey(log[0].V), r.Scope(p.Rk)); !w.Equal(&p.Watch) {
		t.Error("the published v does not lead the verifier to its record")
	}
	pending, err := f.w.Pending()
	if err != nil || len(pending) != 1 || pending[0].Action != "revoke" || pending[0].At > f.Time()+3600 {
		t.Fatalf("pending %+v, %v; want one revocation within the delay", pending, err)
	}
	f.reopen()
	f.Wait(time.Hour)
	if err := f.w.Run(f.ctx, stamper); err != nil {
		t.Fatal(err)
	}
	f.sync()
	if got := f.state(id); got != wallet.Revoked {
		t.Errorf("%v, want revoked", got)
	}
	if pending, _ := f.w.Pending(); len(pending) != 0 {
		t.Errorf("still pending: %+v", pending)
	}
}

func TestWithdrawnConsentIsNeverUsedAgain(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	id := f.given()
	v := f.review(f.request(consent.ConsentOnly))
	dead := relay{errors.New("no relay")}
	if err := f.w.Withdraw(f.ctx, dead, id); err == nil {
		t.Fatal("the relay's error is hidden")
	}
	f.reopen()
	if _, err := f.w.Prove(f.ctx, f, f.prover, v, true); !errors.Is(err, wallet.ErrNoPresentation) {
		t.Errorf("a consent whose withdrawal is only pending: %v", err)
	}
	due, err := f.w.Due()
	if err != nil {
		t.Fatal(err)
	}
	if len(due) != 0 {
		t.Errorf("tried again at once: %+v", due)
	}
	f.Wait(time.Minute)
	if due, _ = f.w.Due(); len(due) == 0 || due[0].Action != "withdraw" {
		t.Errorf("the queue did not survive: %+v", due)
	}
	if err := f.w.Run(f.ctx, &wallet.Stamper{Ledger: f, Submit: f}); err != nil {
		t.Fatal(err)
	}
	f.sync()
	if got := f.state(id); got != wallet.Withdrawn {
		t.Errorf("%v, want withdrawn", got)
	}
	// A new grant of the same document is another record with another number.
	next := f.given()
	if next == id {
		t.Fatal("the withdrawn record came back")
	}
	if _, err := f.answer(f.request(consent.ConsentOnly)); err != nil {
		t.Errorf("after granting again: %v", err)
	}
}

// A phone whose clock is lost still withdraws, and what it planned by a wrong
// clock is not left until that day.
func TestWithdrawalUnderAWrongClock(t *testing.T) {
	for name, wrong := range map[string]time.Time{"1970": time.Unix(0, 0), "before 1970": time.Unix(-86400, 0), "2100": time.Unix(4_102_444_800, 0)} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			id := f.given()
			f.w.Close()
			clock := &wrong
			o := f.options()
			o.Now = func() time.Time {
				if clock != nil {
					return *clock
				}
				return f.Now()
			}
			var err error
			if f.w, err = wallet.Open(f.path, passphrase, o); err != nil {
				t.Fatal(err)
			}
			asked := &counting{err: errors.New("no relay")}
			if err := f.w.Withdraw(f.ctx, asked, id); err == nil || asked.withdrawals != 1 {
				t.Fatalf("%v, %d attempts, want one that fails", err, asked.withdrawals)
			}
			clock = nil
			f.Wait(2 * time.Minute)
			if due, err := f.w.Due(); err != nil || len(due) == 0 || due[0].Action != "withdraw" {
				t.Fatalf("with the right clock: %+v, %v, want the withdrawal", due, err)
			}
			if err := f.w.Run(f.ctx, &wallet.Stamper{Ledger: f, Submit: f}); err != nil {
				t.Fatal(err)
			}
			f.sync()
			if got := f.state(id); got != wallet.Withdrawn && got != wallet.Revoked {
				t.Errorf("%v, want withdrawn", got)
			}
		})
	}
}

type counting struct {
	withdrawals int
	err         error
}

func (c *counting) Withdraw(context.Context, fr.Element) error {
	c.withdrawals++
	return c.err
}
func (c *counting) Revoke(context.Context, uint64, fr.Element) error { return c.err }

func TestWithdrawalWhileTheProverWorks(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	id := f.given()
	slow := proverFunc(func(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
		if err := f.w.Withdraw(ctx, relay{}, id); err != nil {
			t.Error(err)
		}
		return f.prover.Prove(ctx, s, w)
	})
	if _, err := f.w.Prove(f.ctx, f, slow, f.review(f.request(consent.ConsentOnly)), true); !errors.Is(err, wallet.ErrNoPresentation) {
		t.Errorf("%v, want ErrNoPresentation", err)
	}
}

type relay struct{ err error }

func (r relay) Withdraw(context.Context, fr.Element) error       { return r.err }
func (r relay) Revoke(context.Context, uint64, fr.Element) error { return r.err }

func TestForgetErasesTheOpeningAndKeepsWithdrawal(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	id := f.given()
	salt := wallet.Salt(f.w, id)
	document := []byte("a signed document for " + f.Insurer.URI)
	if salt.IsZero() || !contains(wallet.Plaintext(f.w), salt) || !bytes.Contains(wallet.Plaintext(f.w), document) {
		t.Fatal("salt and document are not there before: this test would find nothing")
	}
	e, err := f.w.Forget(id)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Erased) == 0 || len(e.Remains) == 0 {
		t.Errorf("says nothing: %+v", e)
	}
	f.reopen()
	plain := wallet.Plaintext(f.w)
	for name, b := range map[string][]byte{"document": document, "policy": []byte(policy), "actor": []byte(f.Insurer.URI)} {
		if bytes.Contains(plain, b) {
			t.Errorf("the %s is still there", name)
		}
	}
	if contains(plain, salt) || contains(plain, f.Insurer.ID) {
		t.Error("salt or grantee is still there")
	}
	if _, err := f.answer(f.request(consent.ConsentOnly)); !errors.Is(err, wallet.ErrNoPresentation) {
		t.Errorf("proving with what was forgotten: %v", err)
	}
	stamper := &wallet.Stamper{Ledger: f, Submit: f}
	if err := f.w.Withdraw(f.ctx, stamper, id); err != nil {
		t.Fatal(err)
	}
	f.sync()
	f.Wait(2 * time.Hour)
	if err := f.w.Run(f.ctx, stamper); err != nil {
		t.Fatal(err)
	}
	f.sync()
	if got := f.state(id); got != wallet.Revoked {
		t.Errorf("%v, want revoked", got)
	}
	draft := f.draft(f.Research.URI)
	if _, err := f.w.Forget(draft); err != nil {
		t.Fatal(err)
	}
	if _, err := f.w.Show(draft); !errors.Is(err, wallet.ErrUnknownRecord) {
		t.Errorf("a forgotten draft: %v", err)
	}
}

func TestRestoredWalletFindsItsLocksAndWithdraws(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly, consent.Enrol)
	// Nineteen numbers that never reach the ledger lie between two that do.
	first := f.draft(f.Insurer.URI)
	var ids []wallet.ID
	for i := range 19 {
		ids = append(ids, f.draft(f.Insurer.URI, func(g *wallet.Grant) { g.Terms.NotAfter += consent.Time(i + 1) }))
	}
	last := f.draft(f.Research.URI)
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, append(append([]wallet.ID{first}, ids...), last)...)
	if err != nil {
		t.Fatal(err)
	}
	f.Register(f.Hospital, batch.Items[20], batch.Items[0])
	f.sync()
	i := f.issuer(f.Hospital)
	was, err := f.enrol(i, f.w, "patient 7")
	if err != nil {
		t.Fatal(err)
	}

	o := f.options()
	r, err := wallet.Restore(f.path+"-restored", passphrase, f.words.Reveal(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Sync(f.ctx, f); err != nil {
		t.Fatal(err)
	}
	all, err := r.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || !all[0].Found || !all[1].Found {
		t.Fatalf("found %+v, want the two on the ledger", all)
	}
	now, err := f.enrol(i, r, "patient 7")
	if err != nil {
		t.Fatal(err)
	}
	if now.Restarted || now.Rotated || now.Since != was.Since || !now.Holder.Equal(&was.Holder) {
		t.Errorf("the issuer takes the restored wallet for another one: %+v", now)
	}
	a, b := f.w.History(), r.History()
	if x, y := a[len(a)-1].Nullifier, b[len(b)-1].Nullifier; !x.Equal(&y) {
		t.Error("the restored wallet has another nullifier")
	}
	stamper := &wallet.Stamper{Ledger: f, Submit: f}
	for _, c := range all {
		if err := r.Withdraw(f.ctx, stamper, c.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Sync(f.ctx, f); err != nil {
		t.Fatal(err)
	}
	f.Wait(2 * time.Hour)
	if err := r.Run(f.ctx, stamper); err != nil {
		t.Fatal(err)
	}
	if err := r.Sync(f.ctx, f); err != nil {
		t.Fatal(err)
	}
	// The first machine learns what the second one did.
	f.sync()
	for _, id := range []wallet.ID{first, last} {
		if got := f.state(id); got != wallet.Revoked {
			t.Errorf("on the first machine: %v, want revoked", got)
		}
	}
}

func TestStamperRefusesWhatTheLedgerRefused(t *testing.T) {
	f := newFixture(t)
	s := &wallet.Stamper{Ledger: f, Submit: f}
	var ie *wallet.ItemError
	if err := s.Revoke(f.ctx, 77, field.Uint(1)); !errors.As(err, &ie) || ie.Code != transaction.UnknownIndex {
		t.Errorf("%v, want an unknown index", err)
	}
	if err := s.Withdraw(f.ctx, field.Uint(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Withdraw(f.ctx, field.Uint(1)); err != nil {
		t.Errorf("withdrawn twice: %v, want done", err)
	}
}

func TestWithdrawalOfWhatTheRegistrarCommitsLater(t *testing.T) {
	f := newFixture(t)
	id := f.draft(f.Insurer.URI)
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	stamper := &wallet.Stamper{Ledger: f, Submit: f}
	if err := f.w.Withdraw(f.ctx, stamper, id); err != nil {
		t.Fatal(err)
	}
	f.sync()
	if got := f.state(id); got != wallet.Withdrawn {
		t.Errorf("%v before it was committed, want withdrawn", got)
	}
	r, err := wallet.Restore(f.path+"-restored", passphrase, f.words.Reveal(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Sync(f.ctx, f); err != nil {
		t.Fatal(err)
	}
	f.Register(f.Hospital, batch.Items...)
	for name, w := range map[string]*wallet.Wallet{"the wallet": f.w, "the restored wallet": r} {
		if err := w.Sync(f.ctx, f); err != nil {
			t.Fatal(err)
		}
		all, err := w.List()
		if err != nil || len(all) != 1 || all[0].State != wallet.Withdrawn {
			t.Errorf("%s: %+v, %v; want it withdrawn", name, all, err)
		}
		if p, _ := w.Pending(); len(p) != 1 || p[0].Action != "revoke" {
			t.Errorf("%s: pending %+v, want the revocation of the late leaf", name, p)
		}
	}
}

// An old copy of the file does not know its last number. Granting reads the
// ledger first, so that the number is not used twice.
func TestAttack_OldCopyOfTheFile(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	id := f.draft(f.Insurer.URI)
	old, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	f.Register(f.Hospital, batch.Items...)
	if err := f.w.Withdraw(f.ctx, &wallet.Stamper{Ledger: f, Submit: f}, id); err != nil {
		t.Fatal(err)
	}
	f.w.Close()
	if err := os.WriteFile(f.path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	f.reopen()
	again, err := f.w.Grant(f.ctx, f, f.Hospital.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := again.Items[0].Lock, batch.Items[0].Lock; a.Equal(&b) {
		t.Error("the number of a record on the ledger was used again")
	}
	all, err := f.w.List()
	if err != nil || len(all) != 2 || !all[1].Found || all[1].State != wallet.Withdrawn {
		t.Errorf("%+v, %v; want the lost record found and withdrawn", all, err)
	}
}
