package wallet_test

import (
	"context"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
)

// A productive ledger is one that takes no development keys.
type productive struct{ wallet.Ledger }

func (p productive) Snapshot(ctx context.Context) (*wallet.Snapshot, error) {
	s, err := p.Ledger.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	out, d := *s, *s.Directory
	d.Parameters.DevelopmentKeys = false
	out.Directory, out.Head.State.Directory = &d, d.Digest()
	return &out, nil
}

// TestRefusesDevelopmentKeysInProduction: answers under such keys are worth
// nothing, since their maker can give the same in the patient's place.
func TestRefusesDevelopmentKeysInProduction(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly, consent.Enrol)
	f.given()
	r := f.request(consent.ConsentOnly)
	var refused *manifest.DevelopmentError
	if _, err := f.w.Prove(f.ctx, productive{f}, f.prover, f.review(r), true); !errors.As(err, &refused) || !errors.Is(err, wallet.ErrNoKey) {
		t.Errorf("got %v", err)
	}
	s, err := f.issuer(f.Hospital).CreateEnrolRequest(f.ctx, "17", consent.Groth16)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.w.Enrol(f.ctx, productive{f}, f.prover, s); !errors.As(err, &refused) {
		t.Errorf("enrolment: %v", err)
	}
	if len(f.w.History()) != 0 {
		t.Error("recorded as disclosed")
	}
	if _, err := f.answer(r); err != nil {
		t.Errorf("a demonstration's ledger: %v", err)
	}
}

// TestAttack_WalletFedOtherKeys: the request must name the ledger's manifest,
// and the wallet takes no key under another name. A patient must not be led to
// sign for keys of the asker's own making.
func TestAttack_WalletFedOtherKeys(t *testing.T) {
	f := newFixture(t, consent.ConsentOnly)
	f.given()
	var re *consent.RequestError
	r := f.request(consent.ConsentOnly)
	r.Manifest[0] ^= 1
	if _, err := f.w.Review(f.ctx, f, consent.SignRequest(f.Insurer.Key, r)); !errors.As(err, &re) || re.Field != "manifest" {
		t.Errorf("a request for keys that the ledger does not name: %v", err)
	}
	// The wallet's own folder has another manifest.
	r = f.request(consent.ConsentOnly)
	for i := range f.prover.Manifest.Entries {
		f.prover.Manifest.Entries[i].VerifyingKey[0] ^= 1
	}
	if _, err := f.answer(r); !errors.Is(err, wallet.ErrNoKey) {
		t.Errorf("a wallet with other keys: %v", err)
	}
}
