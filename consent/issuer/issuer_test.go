package issuer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/issuer"
	"github.com/zkconsent/zkconsent/consent/wallet/wallettest"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

type fixture struct {
	*wallettest.World
	t      *testing.T
	ctx    context.Context
	prover *wallettest.Prover
	path   string
	i      *issuer.Issuer
	ledger *flaky
}

// flaky is a ledger whose answers get lost.
type flaky struct {
	*wallettest.World
	refuse  error // nothing is submitted
	lose    error // it is submitted, and the answer is lost
	swallow bool  // nothing is submitted, and the answer says that all was accepted
	submits int
	full    map[transaction.Kind]bool // kinds whose quota of the epoch is used up
}

func (f *flaky) Submit(ctx context.Context, t *transaction.Transaction) (*transaction.Result, error) {
	f.submits++
	if f.refuse != nil {
		return nil, f.refuse
	}
	if f.swallow {
		return &transaction.Result{Height: 1, Items: make([]transaction.ItemCode, 1)}, nil
	}
	if f.full[t.Kind] {
		r := &transaction.Result{Height: 1}
		for range t.Items() {
			r.Items = append(r.Items, transaction.OverQuota)
		}
		return r, nil
	}
	r, err := f.World.Submit(ctx, t)
	if f.lose != nil {
		return nil, f.lose
	}
	return r, err
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	p := wallettest.NewProver(t, consent.Enrol)
	w := wallettest.New(t, p.Manifest)
	f := &fixture{World: w, t: t, ctx: context.Background(), prover: p, path: filepath.Join(t.TempDir(), "register"), ledger: &flaky{World: w}}
	f.open()
	t.Cleanup(func() { f.i.Close() })
	return f
}

func (f *fixture) config() issuer.Config {
	return issuer.Config{Genesis: f.Genesis, ID: f.Hospital.ID, Key: f.Hospital.Key, Ledger: f.ledger, EnrolKey: f.prover.EnrolKey, Now: f.Now}
}

func (f *fixture) open() {
	f.t.Helper()
	var err error
	if f.i, err = issuer.Open(f.path, f.config()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) reopen() {
	f.t.Helper()
	if err := f.i.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.open()
}

func (f *fixture) request(person string) *consent.EnrolRequest {
	f.t.Helper()
	r, err := f.i.CreateEnrolRequest(f.ctx, person, consent.Groth16)
	if err != nil {
		f.t.Fatal(err)
	}
	return r.Request
}

func (f *fixture) enrol(h wallettest.Holder, person string) (*issuer.Enrolled, error) {
	f.t.Helper()
	return f.i.Enrol(f.ctx, person, h.Enrol(f.t, f.prover, f.request(person)).Encode())
}

func (f *fixture) enrolled(h wallettest.Holder, person string) *issuer.Enrolled {
	f.t.Helper()
	e, err := f.enrol(h, person)
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

func (f *fixture) order(person string) issuer.Order {
	o := issuer.Order{Person: person, Schema: f.Schema, Expires: f.Time() + 86400}
	o.Attributes[1] = consent.Attribute{Value: consent.DayValue(3000), Present: true}
	return o
}

func (f *fixture) issued(person string) *issuer.Issued {
	f.t.Helper()
	c, err := f.i.Issue(f.ctx, f.order(person))
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fixture) status(person string) []issuer.Status {
	f.t.Helper()
	s, err := f.i.Credentials(f.ctx, person)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// live counts the leaves on the ledger that are not revoked.
func (f *fixture) live() uint64 {
	f.t.Helper()
	_, d, err := f.Head(f.ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	a, _ := d.Authority(f.Hospital.ID)
	return a.Live
}

func TestStolenPhoneKeepsSince(t *testing.T) {
	f := newFixture(t)
	first := f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	f.issued("patient 7")
	f.Wait(72 * time.Hour)
	e := f.enrolled(wallettest.NewHolder(t, 2, 7), "patient 7")
	if !e.Rotated || e.Restarted || e.Since != first.Since || e.Holder.Equal(&first.Holder) {
		t.Errorf("a new ask with the same nk: %+v, want since %d kept", e, first.Since)
	}
	if len(e.Revoking) != 1 {
		t.Fatalf("%d credentials of the thief's holder to be revoked, want 1", len(e.Revoking))
	}
	c := f.issued("patient 7")
	s := f.status("patient 7")
	if len(s) != 2 || !s[0].Revoked || s[1].Revoked || s[1].Revoking {
		t.Errorf("credentials are %+v, want the old one revoked before the new one is issued", s)
	}
	if got := c.Offer.Credential.Attributes[0].Value; got != consent.DayValue(first.Since) {
		t.Errorf("since is %d, want the first enrolment's", got)
	}
	if !c.Offer.Credential.Holder.Equal(&e.Holder) {
		t.Error("issued to the old holder")
	}
	if f.live() != 1 {
		t.Errorf("%d live leaves, want 1", f.live())
	}
}

func TestReissuedWalletRestartsSince(t *testing.T) {
	f := newFixture(t)
	old := wallettest.NewHolder(t, 1, 7)
	first := f.enrolled(old, "patient 7")
	f.issued("patient 7")
	f.Wait(72 * time.Hour)
	e := f.enrolled(wallettest.NewHolder(t, 2, 8), "patient 7")
	if !e.Restarted || e.Rotated || e.Since != first.Since+5 || len(e.Revoking) != 1 {
		t.Errorf("a new nk: %+v, want since %d", e, first.Since+5)
	}
	f.Wait(24 * time.Hour)
	// Going back to the first wallet does not bring back its day.
	back := f.enrolled(old, "patient 7")
	if !back.Restarted || back.Since != first.Since+6 {
		t.Errorf("the first wallet again: %+v, want since %d", back, first.Since+6)
	}
	same := f.enrolled(old, "patient 7")
	if same.Restarted || same.Rotated || same.Since != back.Since || len(same.Revoking) != 0 {
		t.Errorf("the same wallet again: %+v, want no change", same)
	}
}

// A scope with rule once takes wallets known since the day on which it opened.
// Somebody who answers there on that day and enrols another wallet on the same
// day would answer twice if the new wallet were known since that day, too; and
// likewise as long as the old wallet's credential is not revoked.
func TestAttack_SecondWallet(t *testing.T) {
	f := newFixture(t)
	enters := func(c *issuer.Issued, opened uint64) bool {
		a := c.Offer.Credential.Attributes[0]
		return a.Present && a.Value <= consent.DayValue(opened)
	}
	today := func() uint64 { return uint64(f.Time()) / 86400 }
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	if first := f.issued("patient 7"); !enters(first, today()) {
		t.Fatal("an honest first wallet is shut out of a scope that opens on its day")
	}
	second := f.enrolled(wallettest.NewHolder(t, 2, 8), "patient 7")
	if c := f.issued("patient 7"); !second.Restarted || enters(c, today()) || enters(c, today()+1) {
		t.Errorf("a second wallet of one day enters a scope that opened today or opens tomorrow: %+v", second)
	}
	f.Wait(30 * 24 * time.Hour)
	// The third wallet comes while the ledger cannot be reached: the second
	// goes on proving for ten days, also in scopes that open meanwhile.
	f.ledger.refuse = errors.New("no route")
	f.enrolled(wallettest.NewHolder(t, 3, 9), "patient 7")
	f.Wait(10 * 24 * time.Hour)
	f.ledger.refuse = nil
	if err := f.i.Resume(f.ctx); err != nil {
		t.Fatal(err)
	}
	if c := f.issued("patient 7"); enters(c, today()) || enters(c, today()-5) {
		t.Error("a third wallet enters a scope that opened before the second was revoked")
	}
}

func TestAttack_WalletOfAnotherPerson(t *testing.T) {
	f := newFixture(t)
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	if _, err := f.enrol(wallettest.NewHolder(t, 1, 7), "patient 8"); !errors.Is(err, issuer.ErrBound) {
		t.Errorf("the same wallet: %v, want ErrBound", err)
	}
	if _, err := f.enrol(wallettest.NewHolder(t, 2, 7), "patient 8"); !errors.Is(err, issuer.ErrBound) {
		t.Errorf("its nk with another ask: %v, want ErrBound", err)
	}
	if _, err := f.i.Person(f.ctx, "patient 8"); !errors.Is(err, issuer.ErrUnknownPerson) {
		t.Errorf("the other person is enrolled: %v", err)
	}
	// The pseudonym stays bound after its person moved on.
	f.enrolled(wallettest.NewHolder(t, 3, 9), "patient 7")
	if _, err := f.enrol(wallettest.NewHolder(t, 1, 7), "patient 8"); !errors.Is(err, issuer.ErrBound) {
		t.Errorf("after its person moved on: %v, want ErrBound", err)
	}
}

func TestRefusesEnrolments(t *testing.T) {
	f := newFixture(t)
	h := wallettest.NewHolder(t, 1, 7)
	r := f.request("patient 7")
	good := h.Enrol(t, f.prover, r)
	other := wallettest.NewHolder(t, 2, 8).Enrol(t, f.prover, f.request("patient 9"))
	for name, c := range map[string]struct {
		person string
		change func(*consent.Enrolment)
		want   error
	}{
		"for another person":          {"patient 8", func(*consent.Enrolment) {}, issuer.ErrUnknownRequest},
		"of a request never made":     {"patient 7", func(n *consent.Enrolment) { n.Request[0] ^= 1 }, issuer.ErrUnknownRequest},
		"another holder in it":        {"patient 7", func(n *consent.Enrolment) { n.Holder = other.Holder }, presented.ErrSignature},
		"another nullifier in it":     {"patient 7", func(n *consent.Enrolment) { n.Nullifier = other.Nullifier }, presented.ErrSignature},
		"another proof in it":         {"patient 7", func(n *consent.Enrolment) { n.Proof = other.Proof }, presented.ErrSignature},
		"another's signature and key": {"patient 7", func(n *consent.Enrolment) { n.Rk, n.Signature = other.Rk, other.Signature }, presented.ErrSignature},
		"a key everybody signs for":   {"patient 7", func(n *consent.Enrolment) { n.Rk = [32]byte{31: 1} }, presented.ErrKey},
		"an answer to another request": {"patient 7", func(n *consent.Enrolment) {
			id := n.Request
			*n = *other
			n.Request = id
		}, presented.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			n := *good
			c.change(&n)
			if _, err := f.i.Enrol(f.ctx, c.person, n.Encode()); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	if _, err := f.i.Enrol(f.ctx, "patient 7", good.Encode()[1:]); err == nil {
		t.Error("malformed bytes were accepted")
	}
	if _, err := f.i.Person(f.ctx, "patient 7"); !errors.Is(err, issuer.ErrUnknownPerson) {
		t.Fatalf("a refused enrolment changed the register: %v", err)
	}
	for range 2 {
		e, err := f.i.Enrol(f.ctx, "patient 7", good.Encode())
		if err != nil || !e.Holder.Equal(&good.Holder) {
			t.Fatalf("a good answer, twice: %v", err)
		}
	}
	again := wallettest.NewHolder(t, 3, 9).Enrol(t, f.prover, r)
	if _, err := f.i.Enrol(f.ctx, "patient 7", again.Encode()); !errors.Is(err, issuer.ErrAnswered) {
		t.Errorf("a second answer: %v, want ErrAnswered", err)
	}
	late := f.request("patient 10")
	n := wallettest.NewHolder(t, 4, 10).Enrol(t, f.prover, late)
	f.Wait(time.Hour)
	if _, err := f.i.Enrol(f.ctx, "patient 10", n.Encode()); !errors.Is(err, issuer.ErrExpired) {
		t.Errorf("too late: %v, want ErrExpired", err)
	}
}

func TestIssueFillsSinceAndHidesNothing(t *testing.T) {
	f := newFixture(t)
	e := f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	c := f.issued("patient 7")
	leaf := consent.Leaf(consent.KindCredential, f.Hospital.ID, c.Offer.Credential.Commitment(), c.Offer.Lock)
	log, err := f.Records(f.ctx, 0, 1)
	if err != nil || !log[0].Leaf.Equal(&leaf) {
		t.Fatalf("the offer is not what stands on the ledger: %v", err)
	}
	if got := c.Offer.Credential.Attributes[0]; got != (consent.Attribute{Value: consent.DayValue(e.Since), Present: true}) {
		t.Errorf("slot 0 is %+v", got)
	}
	d := f.issued("patient 7")
	if x, y := d.Offer.Credential.Salt, c.Offer.Credential.Salt; x.Equal(&y) {
		t.Error("two credentials share a salt")
	}
	if got, err := f.i.Offer(f.ctx, c.ID); err != nil || !bytes.Equal(got.Encode(), c.Offer.Encode()) {
		t.Errorf("the offer cannot be had again: %v", err)
	}
	if err := f.i.Delivered(f.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := f.i.Offer(f.ctx, c.ID); !errors.Is(err, issuer.ErrDelivered) {
		t.Errorf("after delivery: %v", err)
	}
}

func TestDeliveredAttributesLeaveTheRegister(t *testing.T) {
	f := newFixture(t)
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	c := f.issued("patient 7")
	salt := c.Offer.Credential.Salt.Bytes()
	found := func() bool {
		f.i.Close() // the write-ahead log goes into the file
		files, err := filepath.Glob(f.path + "*")
		if err != nil {
			t.Fatal(err)
		}
		hit := false
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			hit = hit || bytes.Contains(b, salt[:])
		}
		f.open()
		return hit
	}
	if !found() {
		t.Fatal("the salt is not in the register before: this test would find nothing")
	}
	if err := f.i.Delivered(f.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	if found() {
		t.Error("the salt is still in the register's files")
	}
}

func TestRefusesOrders(t *testing.T) {
	f := newFixture(t)
	if _, err := f.i.Issue(f.ctx, f.order("patient 7")); !errors.Is(err, issuer.ErrUnknownPerson) {
		t.Errorf("a person never enrolled: %v", err)
	}
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	for name, c := range map[string]struct {
		field  string
		change func(*issuer.Order)
	}{
		"no schema":         {"schema", func(o *issuer.Order) { o.Schema = nil }},
		"an unknown schema": {"schema", func(o *issuer.Order) { s := *o.Schema; s.Version++; o.Schema = &s }},
		"expired":           {"expires", func(o *issuer.Order) { o.Expires = f.Time() }},
		"its own since":     {"attributes", func(o *issuer.Order) { o.Attributes[0] = consent.Attribute{Value: 1, Present: true} }},
		"undeclared":        {"attributes", func(o *issuer.Order) { o.Attributes[9] = consent.Attribute{Value: 1, Present: true} }},
		"absent with value": {"attributes", func(o *issuer.Order) { o.Attributes[2] = consent.Attribute{Value: 1} }},
		"no such code":      {"attributes", func(o *issuer.Order) { o.Attributes[2] = consent.Attribute{Value: ^uint64(0), Present: true} }},
	} {
		o := f.order("patient 7")
		c.change(&o)
		var oe *issuer.OrderError
		if _, err := f.i.Issue(f.ctx, o); !errors.As(err, &oe) || oe.Field != c.field {
			t.Errorf("%s: %v, want a fault of %s", name, err, c.field)
		}
	}
	if f.live() != 0 {
		t.Error("a refused order reached the ledger")
	}
}

func TestLostAnswersAreSentAgain(t *testing.T) {
	for name, fail := range map[string]func(*flaky, error){
		"never arrived":      func(l *flaky, err error) { l.refuse = err },
		"the answer is lost": func(l *flaky, err error) { l.lose = err },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
			lost := errors.New("connection lost")
			fail(f.ledger, lost)
			c, err := f.i.Issue(f.ctx, f.order("patient 7"))
			if !errors.Is(err, lost) || c == nil {
				t.Fatalf("%v, %v; want the offer and the ledger's error", c, err)
			}
			// The process dies here.
			f.reopen()
			fail(f.ledger, nil)
			if err := f.i.Resume(f.ctx); err != nil {
				t.Fatal(err)
			}
			s := f.status("patient 7")
			if len(s) != 1 || !s[0].Committed || !s[0].Placed || f.live() != 1 {
				t.Errorf("%+v with %d live leaves, want one committed once", s, f.live())
			}
			fail(f.ledger, lost)
			if err := f.i.Revoke(f.ctx, c.ID); !errors.Is(err, lost) {
				t.Fatalf("%v, want the ledger's error", err)
			}
			f.reopen()
			fail(f.ledger, nil)
			if err := f.i.Resume(f.ctx); err != nil {
				t.Fatal(err)
			}
			if s := f.status("patient 7"); !s[0].Revoked || s[0].Revoking || f.live() != 0 {
				t.Errorf("%+v with %d live leaves, want it revoked", s, f.live())
			}
			submits := f.ledger.submits
			if err := f.i.Resume(f.ctx); err != nil || f.ledger.submits != submits {
				t.Errorf("nothing is left to do, and it sent %d: %v", f.ledger.submits-submits, err)
			}
		})
	}
}

func TestNothingIsIssuedBeforeTheOldHolderIsRevoked(t *testing.T) {
	f := newFixture(t)
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	f.issued("patient 7")
	f.enrolled(wallettest.NewHolder(t, 2, 7), "patient 7")
	f.ledger.refuse = errors.New("connection lost")
	if _, err := f.i.Issue(f.ctx, f.order("patient 7")); !errors.Is(err, issuer.ErrRevoking) {
		t.Errorf("%v, want ErrRevoking", err)
	}
	if s := f.status("patient 7"); len(s) != 1 {
		t.Errorf("%d credentials, want the old one alone", len(s))
	}
}

// TestAttack_NodeSwallowsRevocation has a node that acknowledges what it never
// passes on: an acknowledged revocation that is not on the ledger would leave a
// stolen wallet's credential good while its issuer believes it dead.
func TestAttack_NodeSwallowsRevocation(t *testing.T) {
	f := newFixture(t)
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	c := f.issued("patient 7")
	f.ledger.swallow = true
	for what, revoke := range map[string]func() error{
		"one credential": func() error { return f.i.Revoke(f.ctx, c.ID) },
		"a person":       func() error { return f.i.RevokePerson(f.ctx, "patient 7") },
	} {
		if err := revoke(); !errors.Is(err, issuer.ErrRevoking) {
			t.Errorf("%s: %v, want ErrRevoking", what, err)
		}
	}
	if s := f.status("patient 7"); s[0].Revoked || !s[0].Revoking || f.live() != 1 {
		t.Errorf("%+v with %d live leaves, want it still to be revoked", s, f.live())
	}
	f.enrolled(wallettest.NewHolder(t, 2, 7), "patient 7")
	if _, err := f.i.Issue(f.ctx, f.order("patient 7")); !errors.Is(err, issuer.ErrRevoking) {
		t.Errorf("issuing to the new wallet: %v, want ErrRevoking", err)
	}
	f.ledger.swallow = false
	if err := f.i.RevokePerson(f.ctx, "patient 7"); err != nil {
		t.Fatal(err)
	}
	if s := f.status("patient 7"); !s[0].Revoked || s[0].Revoking || f.live() != 0 {
		t.Errorf("%+v with %d live leaves, want it revoked", s, f.live())
	}
}

func TestAttack_NodeSwallowsCommit(t *testing.T) {
	f := newFixture(t)
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	f.ledger.swallow = true
	c := f.issued("patient 7")
	f.ledger.swallow = false
	// A revocation must find the leaf, so it waits for it to be there.
	if err := f.i.Revoke(f.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	if s := f.status("patient 7"); !s[0].Placed || !s[0].Revoked || f.live() != 0 {
		t.Errorf("%+v with %d live leaves, want it committed and revoked", s, f.live())
	}
	f.ledger.swallow = true
	f.issued("patient 7")
	f.ledger.swallow = false
	if err := f.i.Resume(f.ctx); err != nil || f.live() != 1 {
		t.Errorf("%d live leaves, want the swallowed commit sent again: %v", f.live(), err)
	}
}

func TestRefusesStaleHeadAndForeignKey(t *testing.T) {
	f := newFixture(t)
	f.Freeze()
	f.Sleep(61 * time.Second)
	if _, err := f.i.CreateEnrolRequest(f.ctx, "patient 7", consent.Groth16); !errors.Is(err, issuer.ErrStale) {
		t.Errorf("%v, want ErrStale", err)
	}
	f.Thaw()
	f.Wait(time.Second)
	f.i.Close()
	c := f.config()
	c.Key = f.Clinic.Key
	i, err := issuer.Open(f.path, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.CreateEnrolRequest(f.ctx, "patient 7", consent.Groth16); !errors.Is(err, issuer.ErrNotIssuer) {
		t.Errorf("another's key: %v, want ErrNotIssuer", err)
	}
	i.Close()
	c.ID = f.Clinic.ID
	if _, err := issuer.Open(f.path, c); err == nil {
		t.Error("another authority opened the register")
	}
	f.open()
	if _, err := f.i.CreateEnrolRequest(f.ctx, strings.Repeat("x", issuer.MaxPerson+1), consent.Groth16); !errors.Is(err, issuer.ErrPerson) {
		t.Errorf("a person's number without bound: %v", err)
	}
}

func TestConfigKeepsItsKey(t *testing.T) {
	f := newFixture(t)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("starting", "config", f.config())
	if o := f.order("patient 7"); fmt.Sprintf("%v %+v", o, &o) != "REDACTED REDACTED" {
		t.Errorf("an order shows its values: %v", o)
	}
	seed := fmt.Sprintf("%x", f.Hospital.Key.Seed())
	for _, text := range []string{log.String(), fmt.Sprintf("%v %+v %x", f.config(), f.config(), f.config())} {
		if strings.Contains(text, seed) || !strings.Contains(text, "REDACTED") {
			t.Errorf("the key is shown: %s", text)
		}
	}
}

func TestRegisterIsPrivateAndOpenOnce(t *testing.T) {
	f := newFixture(t)
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	files, err := filepath.Glob(f.path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
		}
	}
	if i, err := issuer.Open(f.path, f.config()); err == nil {
		i.Close()
		t.Error("a register was opened twice")
	}
}
