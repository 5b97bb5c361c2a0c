package wallet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
)

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
	if err := f.w.Withdraw(f.ctx, &wallet.Stamper{Ledger: f, Submit: f}, id); err != nil {
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

// A registrar that commits a batch in another order must not hide the earlier
// numbers from a wallet that has nothing but its words.
func TestAttack_RegistrarCommitsInAnotherOrder(t *testing.T) {
	f := newFixture(t)
	var ids []wallet.ID
	for i := range 4 {
		ids = append(ids, f.draft(f.Insurer.URI, func(g *wallet.Grant) { g.Terms.NotAfter += consent.Time(i) }))
	}
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, ids...)
	if err != nil {
		t.Fatal(err)
	}
	f.Register(f.Hospital, batch.Items[2], batch.Items[0])
	f.Register(f.Hospital, batch.Items[3], batch.Items[1])
	restored, err := wallet.Restore(f.path+"-restored", passphrase, f.words.Reveal(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if err := restored.Sync(f.ctx, f); err != nil {
		t.Fatal(err)
	}
	found, err := restored.List()
	if err != nil || len(found) != len(ids) {
		t.Fatalf("%d consents found, %v; want all %d", len(found), err, len(ids))
	}
	for _, c := range found {
		if err := restored.Withdraw(f.ctx, &wallet.Stamper{Ledger: f, Submit: f}, c.ID); err != nil {
			t.Fatal(err)
		}
	}
	f.sync()
	for i, id := range ids {
		if got := f.state(id); got != wallet.Withdrawn {
			t.Errorf("consent %d is %v, want withdrawn", i, got)
		}
	}
}

// A registrar that holds consents back and commits the last one alone must not
// hide it from a patient who lost the phone and has the words.
func TestAttack_RegistrarHoldsConsentsBack(t *testing.T) {
	f := newFixture(t)
	var ids []wallet.ID
	for i := range 40 {
		ids = append(ids, f.draft(f.Insurer.URI, func(g *wallet.Grant) { g.Terms.NotAfter += consent.Time(i) }))
	}
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, ids...)
	if err != nil {
		t.Fatal(err)
	}
	f.Register(f.Hospital, batch.Items[39])
	restored, err := wallet.Restore(f.path+"-restored", passphrase, f.words.Reveal(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if err := restored.Sync(f.ctx, f); err != nil {
		t.Fatal(err)
	}
	found, err := restored.List()
	if err != nil || len(found) != 1 {
		t.Fatalf("%d consents found, %v; want the one that was committed", len(found), err)
	}
	if err := restored.Withdraw(f.ctx, &wallet.Stamper{Ledger: f, Submit: f}, found[0].ID); err != nil {
		t.Fatal(err)
	}
	f.sync()
	if got := f.state(ids[39]); got != wallet.Withdrawn {
		t.Errorf("the consent is %v, want withdrawn", got)
	}
}

func TestSealsNoFurtherThanTheWordsReach(t *testing.T) {
	f := newFixture(t)
	var grants []wallet.Grant
	for i := range 1025 {
		g := wallet.Grant{Actor: f.Insurer.URI, Terms: f.terms(), Policy: policy}
		g.Terms.NotAfter += consent.Time(i)
		grants = append(grants, g)
	}
	all, err := f.w.Import(f.ctx, f, []byte("a document"), grants)
	if err != nil {
		t.Fatal(err)
	}
	var ids []wallet.ID
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	if _, err := f.w.Grant(f.ctx, f, f.Hospital.ID, ids...); !errors.Is(err, wallet.ErrAhead) {
		t.Fatalf("1025 at once: %v, want ErrAhead", err)
	}
	batch, err := f.w.Grant(f.ctx, f, f.Hospital.ID, ids[:1024]...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.w.Grant(f.ctx, f, f.Hospital.ID, ids[1024]); !errors.Is(err, wallet.ErrAhead) {
		t.Errorf("one more: %v, want ErrAhead", err)
	}
	f.Register(f.Hospital, batch.Items[0])
	if _, err := f.w.Grant(f.ctx, f, f.Hospital.ID, ids[1024]); err != nil {
		t.Errorf("after one is on the ledger: %v", err)
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
		t.Run(name, func(t *testing.T) {
			c.l.fixture = f
			if _, err := f.w.Prove(f.ctx, c.l, f.prover, v, true); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
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
