package benchmarks_test

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/issuer"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A reader follows the ledger through its node, as nobody in particular: it
// is the ledger of a wallet and of an issuer.
type reader struct{ light *light.Client }

func (s *site) reader() reader {
	s.t.Helper()
	c, err := light.Open(light.Config{Genesis: s.genesis, Source: wire.NewRemote(s.node.dial(""))})
	s.must(err)
	return reader{c}
}

func (r reader) Submit(ctx context.Context, t *transaction.Transaction) (*transaction.Result, error) {
	return r.light.Submit(ctx, t)
}

func (r reader) Head(ctx context.Context) (directory.Head, *directory.Directory, error) {
	s, err := r.Snapshot(ctx)
	if err != nil {
		return directory.Head{}, nil, err
	}
	return s.Head, s.Directory, nil
}

func (r reader) Snapshot(ctx context.Context) (*wallet.Snapshot, error) {
	if err := r.light.Sync(ctx); err != nil {
		return nil, err
	}
	head, err := r.light.Head()
	if err != nil {
		return nil, err
	}
	d, err := r.light.Directory()
	if err != nil {
		return nil, err
	}
	e, err := r.light.Newest()
	return &wallet.Snapshot{Head: head, Directory: d, Epoch: e}, err
}

func (r reader) Records(_ context.Context, from, to uint64) ([]journal.Record, error) {
	return r.light.RecordLog(from, to)
}

func (r reader) Withdrawals(_ context.Context, from, to uint64) ([]journal.Withdrawal, error) {
	return r.light.WithdrawalLog(from, to)
}

func (r reader) Path(_ context.Context, epoch directory.Epoch, index uint64) (merkle.Path, error) {
	p, newest, err := r.light.Path(index)
	switch {
	case err != nil:
		return p, fmt.Errorf("%w: %w", wallet.ErrNoLeaf, err)
	case newest != epoch:
		return p, wallet.ErrEpochReplaced
	}
	return p, nil
}

// A patient has a wallet with a consent and a credential on the ledger, and an
// account at the prover.
type patient struct {
	wallet *wallet.Wallet
	ledger reader
	prover *client.Prover
}

// people makes the patients: each enrols with the hospital, gets a credential
// from it and gives a consent, all through the processes.
func (s *site) people() (out []*patient) {
	s.t.Helper()
	ctx := s.soon()
	i, err := issuer.Open(filepath.Join(s.dir, "register"), issuer.Config{
		Genesis: s.hash, ID: s.hospital.id, Key: s.hospital.key, Ledger: s.reader(), EnrolKey: s.keys.EnrolKey,
	})
	s.must(err)
	defer i.Close()
	for k := range s.patients {
		name := patientName(k)
		p := &patient{ledger: s.reader(), prover: client.NewProver(s.prover.dial(name), nil)}
		p.wallet, _, err = wallet.Create(filepath.Join(s.dir, name), "correct horse battery", &wallet.Options{Genesis: s.hash, WorkFactor: 2, Keys: s.keys.Key})
		s.must(err)
		s.t.Cleanup(func() { _ = p.wallet.Close() })
		r, err := i.CreateEnrolRequest(ctx, name, consent.Groth16)
		s.must(err)
		enrolment, err := p.wallet.Enrol(ctx, p.ledger, p.prover, r)
		s.must(err)
		_, err = i.Enrol(ctx, name, enrolment.Encode())
		s.must(err)
		issued, err := i.Issue(ctx, s.order(name))
		s.must(err)
		_, err = p.wallet.AcceptOffer(ctx, p.ledger, issued.Offer.Encode())
		s.must(err)
		s.consents(ctx, p, uint64(k)+1)
		out = append(out, p)
	}
	return out
}

// order is a coverage of this year.
func (s *site) order(person string) issuer.Order {
	s.t.Helper()
	o := issuer.Order{Person: person, Schema: s.schema, Expires: consent.Time(time.Now().Add(100 * 24 * time.Hour).Unix())}
	for name, value := range map[string]string{"start": "2026-01-01", "end": "2026-12-31", "birthDate": "1980-05-17"} {
		n, _ := s.schema.Find(name)
		slot, _ := s.schema.Slot(n)
		a, err := slot.Encode(value)
		s.must(err)
		o.Attributes[n] = a
	}
	return o
}

// consents has a patient allow the insurer's question.
func (s *site) consents(ctx context.Context, p *patient, nonce uint64) {
	s.t.Helper()
	purposes, err := codes.ParsePurposes("CLMATTCH")
	s.must(err)
	categories, err := codes.ParseCategories("coverage,demographics")
	s.must(err)
	now := consent.Time(time.Now().Unix())
	got, err := p.wallet.Import(ctx, p.ledger, []byte("a signed document"), []wallet.Grant{{
		Actor: insurerURI, Policy: policyText,
		Terms: consent.Terms{Purposes: purposes, Categories: categories, NotBefore: now - 86400, NotAfter: now + 90*86400, DataFrom: 1, DataTo: consent.MaxTime},
	}})
	s.must(err)
	batch, err := p.wallet.Grant(ctx, p.ledger, s.hospital.id, got[0].ID)
	s.must(err)
	head, _, err := p.ledger.Head(ctx)
	s.must(err)
	tx := &transaction.Transaction{Genesis: s.hash, Expiry: head.Height + 500, Nonce: nonce, Kind: transaction.CommitConsents, Payload: transaction.SealedPayload(batch.Items)}
	tx.Sign(s.hospital.id, s.hospital.key)
	result, err := p.ledger.Submit(ctx, tx)
	s.must(err)
	s.must(result.Refused())
	for {
		s.must(p.wallet.Sync(ctx, p.ledger))
		c, err := p.wallet.Show(got[0].ID)
		s.must(err)
		if c[0].State == wallet.Registered {
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatal("the consent does not come")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
