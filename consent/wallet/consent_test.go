package wallet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
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
	if err := f.w.Withdraw(f.ctx, f, stamper, id); err != nil {
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
	if err := f.w.Withdraw(f.ctx, f, dead, id); err == nil {
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

func TestWithdrawalWhileTheProverWorks(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	id := f.given()
	slow := proverFunc(func(ctx context.Context, s *consent.Statement, w *consent.Witness) ([consent.ProofSize]byte, error) {
		if err := f.w.Withdraw(ctx, f, relay{}, id); err != nil {
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

type proverFunc func(context.Context, *consent.Statement, *consent.Witness) ([consent.ProofSize]byte, error)

func (p proverFunc) Prove(ctx context.Context, s *consent.Statement, w *consent.Witness) ([consent.ProofSize]byte, error) {
	return p(ctx, s, w)
}

func TestAttack_LyingProver(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	other, err := f.answer(f.request(consent.ConsentOnly))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]struct {
		prove proverFunc
		want  error
	}{
		"a proof of another statement": {func(context.Context, *consent.Statement, *consent.Witness) ([consent.ProofSize]byte, error) {
			return other.Proof, nil
		}, wallet.ErrLyingProver},
		"no proof at all": {func(context.Context, *consent.Statement, *consent.Witness) (b [consent.ProofSize]byte, err error) {
			return b, nil
		}, wallet.ErrLyingProver},
		"a statement changed in the wallet's hands": {func(ctx context.Context, s *consent.Statement, w *consent.Witness) ([consent.ProofSize]byte, error) {
			s.Until = s.Now
			return f.prover.Prove(ctx, s, w)
		}, wallet.ErrLyingProver},
		"an error that tells the witness": {func(_ context.Context, _ *consent.Statement, w *consent.Witness) (b [consent.ProofSize]byte, err error) {
			return b, errors.New(w.Holder.Nk.String())
		}, wallet.ErrProver},
	} {
		before := len(f.w.History())
		_, err := f.w.Prove(f.ctx, f, p.prove, f.review(f.request(consent.ConsentOnly)), true)
		if !errors.Is(err, p.want) || err.Error() != p.want.Error() {
			t.Errorf("%s: %v, want %v and nothing else", name, err, p.want)
		}
		if len(f.w.History()) != before {
			t.Errorf("%s: recorded as disclosed", name)
		}
	}
}

func TestAttack_GranteeOrScopeOfAnother(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	// Research signs a request in the insurer's name.
	r := f.request(consent.ConsentOnly)
	var re *consent.RequestError
	if _, err := f.w.Review(f.ctx, f, consent.SignRequest(f.Research.Key, r)); !errors.As(err, &re) || re.Field != "signature" {
		t.Errorf("%v, want a refused signature", err)
	}
	// Research asks in its own name for the same context: the consent given to
	// the insurer does not serve.
	own := f.request(consent.ConsentOnly, func(r *consent.Request) { r.Signer = f.Research.ID })
	v, err := f.w.Review(f.ctx, f, consent.SignRequest(f.Research.Key, own))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.w.Prove(f.ctx, f, f.prover, v, true); !errors.Is(err, wallet.ErrNoPresentation) {
		t.Errorf("%v, want ErrNoPresentation", err)
	}
	if a, b := own.Scope([32]byte{}), r.Scope([32]byte{}); a.Equal(&b) {
		t.Error("two signers share a scope")
	}
	if _, err := f.w.Review(f.ctx, f, consent.SignRequest(f.Insurer.Key, f.request(consent.ConsentOnly, func(r *consent.Request) { r.Context = "release" }))); !errors.As(err, &re) || re.Field != "context" {
		t.Errorf("the scope of enrolment: %v", err)
	}
	// What was reviewed is what is answered, whatever happens to the original.
	signed := consent.SignRequest(f.Insurer.Key, r)
	v = f.review(r)
	signed.Request.Until += 86400
	p, err := f.w.Prove(f.ctx, f, f.prover, v, true)
	if err != nil {
		t.Fatal(err)
	}
	if f.verify(r, p) == nil {
		t.Error("a request that changed after the review was answered")
	}
}

func TestDeclinedLackingAndFalseAreOneAnswer(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	for name, r := range map[string]*consent.Request{
		"another purpose":        f.request(consent.ConsentOnly, func(r *consent.Request) { r.Purpose = f.Purpose("HMARKT") }),
		"more categories":        f.request(consent.ConsentOnly, func(r *consent.Request) { r.Categories |= f.Category("HIV") }),
		"a policy not agreed":    f.request(consent.ConsentOnly, func(r *consent.Request) { r.Policy = "another" }),
		"beyond the consent":     f.request(consent.ConsentOnly, func(r *consent.Request) { r.Until = f.Time() + 100*86400 }),
		"an untrusted registrar": f.request(consent.ConsentOnly, func(r *consent.Request) { r.Signer = f.Research.ID }),
	} {
		key := f.Insurer.Key
		if r.Signer.Equal(&f.Research.ID) {
			key = f.Research.Key
		}
		v, err := f.w.Review(f.ctx, f, consent.SignRequest(key, r))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = f.w.Prove(f.ctx, f, f.prover, v, true)
		if err != wallet.ErrNoPresentation {
			t.Errorf("%s: %v, want exactly ErrNoPresentation", name, err)
		}
		why, err := f.w.Explain(v)
		if err != nil || len(why) != 1 || why[0].Reason == "it serves" {
			t.Errorf("%s: the patient is told %+v, %v", name, why, err)
		}
	}
	if _, err := f.w.Prove(f.ctx, f, f.prover, f.review(f.request(consent.ConsentOnly)), false); err != wallet.ErrNoPresentation {
		t.Errorf("declined: %v, want exactly ErrNoPresentation", err)
	}
}

func TestAttack_RegistrarPutsInAnotherLock(t *testing.T) {
	f := newFixture(t)
	id := f.draft(f.Insurer.URI)
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	f.Register(f.Hospital, consent.Sealed{Commitment: batch.Items[0].Commitment, Lock: field.Uint(5)})
	f.sync()
	if got := f.state(id); got != wallet.Misregistered {
		t.Errorf("%v, want misregistered", got)
	}
	if err := f.w.Withdraw(f.ctx, f, &wallet.Stamper{Ledger: f, Submit: f}, id); err != nil {
		t.Errorf("withdrawing it: %v", err)
	}
}

func TestAttack_RegistrarPutsInAnotherConsent(t *testing.T) {
	f := newFixture(t)
	id := f.draft(f.Insurer.URI)
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	f.Register(f.Hospital, consent.Sealed{Commitment: field.Uint(5), Lock: batch.Items[0].Lock})
	f.sync()
	if got := f.state(id); got != wallet.Misregistered {
		t.Errorf("%v, want misregistered", got)
	}
}

func TestAttack_CopiedLock(t *testing.T) {
	f := newFixture(t)
	id := f.draft(f.Insurer.URI)
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	f.Register(f.Clinic, consent.Sealed{Commitment: field.Uint(5), Lock: batch.Items[0].Lock})
	f.sync()
	if got := f.state(id); got != wallet.Sealed {
		t.Errorf("%v after somebody copied the lock, want sealed", got)
	}
	f.Register(f.Hospital, batch.Items...)
	f.sync()
	if got := f.state(id); got != wallet.Registered {
		t.Errorf("%v, want registered", got)
	}
	if all, _ := f.w.List(); len(all) != 1 {
		t.Errorf("%d records, want 1", len(all))
	}
}

func TestGrantSavesBeforeItHandsOut(t *testing.T) {
	f := newFixture(t)
	a, b := f.draft(f.Insurer.URI), f.draft(f.Research.URI)
	first, err := f.w.Grant(f.ctx, f, f.Hospital.ID, a, b)
	if err != nil {
		t.Fatal(err)
	}
	f.reopen()
	again, err := f.w.Grant(f.ctx, f, f.Hospital.ID, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Encode(), again.Encode()) {
		t.Error("a batch that was lost cannot be exported again as it was")
	}
	if x, y := first.Items[0].Lock, first.Items[1].Lock; x.Equal(&y) {
		t.Error("two records share a lock")
	}
	if _, err := f.w.Grant(f.ctx, f, f.Clinic.ID, a); !errors.Is(err, wallet.ErrState) {
		t.Errorf("for another registrar: %v", err)
	}
	if _, err := f.w.Grant(f.ctx, f, f.Insurer.ID, a); !errors.Is(err, wallet.ErrRegistrar) {
		t.Errorf("for no registrar: %v", err)
	}
	if same := f.draft(f.Insurer.URI); same != a {
		t.Error("importing the same again made another record")
	}
}

func TestRefusesUnknownActorAndEmptyTerms(t *testing.T) {
	f := newFixture(t)
	for name, g := range map[string]wallet.Grant{
		"an unknown actor":        {Actor: "https://nobody.example", Terms: f.terms(), Policy: policy},
		"a hospital, no verifier": {Actor: f.Hospital.URI, Terms: f.terms(), Policy: policy},
		"no policy":               {Actor: f.Insurer.URI, Terms: f.terms()},
		"no terms":                {Actor: f.Insurer.URI, Policy: policy},
	} {
		var ae *wallet.ActorError
		var te *wallet.TermsError
		if _, err := f.w.Import(f.ctx, f, []byte("d"), []wallet.Grant{g}); !errors.As(err, &ae) && !errors.As(err, &te) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, _ := f.w.List(); len(all) != 0 {
		t.Errorf("%d records after refused imports", len(all))
	}
}

func TestAttack_FrozenLedger(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	v := f.review(f.request(consent.ConsentOnly))
	f.Freeze()
	f.Sleep(61 * time.Second)
	if _, err := f.w.Prove(f.ctx, f, f.prover, v, true); !errors.Is(err, wallet.ErrStale) {
		t.Errorf("proving: %v, want ErrStale", err)
	}
	if err := f.w.Sync(f.ctx, f); !errors.Is(err, wallet.ErrStale) {
		t.Errorf("syncing: %v, want ErrStale", err)
	}
	f.Thaw()
	f.Wait(time.Second)
	if _, err := f.w.Prove(f.ctx, f, f.prover, v, true); err != nil {
		t.Errorf("after the ledger went on: %v", err)
	}
}

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
	if err := f.w.Withdraw(f.ctx, f, stamper, id); err != nil {
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
	// Twenty numbers that never reach the ledger lie between two that do.
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
		if err := r.Withdraw(f.ctx, f, stamper, c.ID); err != nil {
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

// moving is a ledger whose epoch closes between a snapshot and the paths.
type moving struct {
	*fixture
	times int
}

func (m *moving) Path(ctx context.Context, e directory.Epoch, index uint64) (merkle.Path, error) {
	if m.times > 0 {
		m.times--
		return merkle.Path{}, fmt.Errorf("of %d: %w", e.Number, wallet.ErrEpochReplaced)
	}
	return m.fixture.Path(ctx, e, index)
}

func TestEpochThatClosesMeanwhile(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	m := &moving{f, 2}
	if _, err := f.w.Prove(f.ctx, m, f.prover, f.review(f.request(consent.ConsentOnly)), true); err != nil {
		t.Errorf("an epoch closed twice: %v", err)
	}
	m.times = 9
	if _, err := f.w.Prove(f.ctx, m, f.prover, f.review(f.request(consent.ConsentOnly)), true); !errors.Is(err, wallet.ErrEpochReplaced) {
		t.Errorf("%v, want ErrEpochReplaced", err)
	}
}

// A lying ledger changes what the world shows.
type lying struct {
	*fixture
	snapshot func(*wallet.Snapshot)
	path     func(*merkle.Path)
	records  func([]journal.Record) []journal.Record
}

func (l *lying) Snapshot(ctx context.Context) (*wallet.Snapshot, error) {
	s, err := l.fixture.Snapshot(ctx)
	if err == nil && l.snapshot != nil {
		l.snapshot(s)
	}
	return s, err
}

func (l *lying) Path(ctx context.Context, e directory.Epoch, index uint64) (merkle.Path, error) {
	p, err := l.fixture.Path(ctx, e, index)
	if err == nil && l.path != nil {
		l.path(&p)
	}
	return p, err
}

func (l *lying) Records(ctx context.Context, from, to uint64) ([]journal.Record, error) {
	r, err := l.fixture.Records(ctx, from, to)
	if err == nil && l.records != nil {
		r = l.records(r)
	}
	return r, err
}

func TestAttack_LyingLedger(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	v := f.review(f.request(consent.ConsentOnly))
	for name, c := range map[string]struct {
		l    *lying
		want error
	}{
		"another ledger":          {&lying{snapshot: func(s *wallet.Snapshot) { s.Head.State.Genesis[0] ^= 1 }}, wallet.ErrLedger},
		"a directory of its own":  {&lying{snapshot: func(s *wallet.Snapshot) { s.Directory.Parameters.MaxHeadAge++ }}, wallet.ErrLedger},
		"no directory":            {&lying{snapshot: func(s *wallet.Snapshot) { s.Directory = nil }}, wallet.ErrLedger},
		"an epoch of its own":     {&lying{snapshot: func(s *wallet.Snapshot) { s.Epoch.Root = field.Uint(1) }}, wallet.ErrLedger},
		"a head of tomorrow":      {&lying{snapshot: func(s *wallet.Snapshot) { s.Head.Time += 86400 }}, wallet.ErrStale},
		"a path to another root":  {&lying{path: func(p *merkle.Path) { p.Siblings[3][0] = field.Uint(1) }}, wallet.ErrNoPresentation},
		"a path of another index": {&lying{path: func(p *merkle.Path) { p.Index++ }}, wallet.ErrLedger},
		"a short path":            {&lying{path: func(p *merkle.Path) { p.Siblings = p.Siblings[:14] }}, wallet.ErrLedger},
	} {
		c.l.fixture = f
		if _, err := f.w.Prove(f.ctx, c.l, f.prover, v, true); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	f.Register(f.Clinic, consent.Sealed{Commitment: field.Uint(1), Lock: field.Uint(2)})
	short := &lying{fixture: f, records: func(r []journal.Record) []journal.Record { return r[:len(r)-1] }}
	if err := f.w.Sync(f.ctx, short); !errors.Is(err, wallet.ErrLedger) {
		t.Errorf("entries left out: %v, want ErrLedger", err)
	}
	f.sync()
	back := &lying{fixture: f, snapshot: func(s *wallet.Snapshot) { s.Epoch.Records = 0 }}
	if err := f.w.Sync(f.ctx, back); !errors.Is(err, wallet.ErrLedger) {
		t.Errorf("a log that became shorter: %v, want ErrLedger", err)
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
	if err := f.w.Withdraw(f.ctx, f, stamper, id); err != nil {
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
	if err := f.w.Withdraw(f.ctx, f, &wallet.Stamper{Ledger: f, Submit: f}, id); err != nil {
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
