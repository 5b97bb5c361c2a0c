package issuer_test

import (
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent/issuer"
	"github.com/zkconsent/zkconsent/consent/wallet/wallettest"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// TestAttack_QuotaHoldsUpRevocation uses up the issuer's quota of leaves, as a
// thief of its key would, and then that of revocations. A full quota of one
// kind must not keep a stolen wallet's credential alive, and one of revocations
// only until the next epoch.
func TestAttack_QuotaHoldsUpRevocation(t *testing.T) {
	f := newFixture(t)
	f.enrolled(wallettest.NewHolder(t, 1, 7), "patient 7")
	stolen, other := f.issued("patient 7"), f.issued("patient 7")
	f.ledger.full = map[transaction.Kind]bool{transaction.CommitCredentials: true}
	if c, err := f.i.Issue(f.ctx, f.order("patient 7")); !errors.Is(err, issuer.ErrQuota) || c == nil {
		t.Fatalf("%v, %v; want the offer, to be committed in the next epoch", c, err)
	}
	if err := f.i.Revoke(f.ctx, stolen.ID); err != nil || f.live() != 1 {
		t.Errorf("%d live leaves, want the stolen one revoked: %v", f.live(), err)
	}
	f.ledger.full = map[transaction.Kind]bool{transaction.Revoke: true}
	if err := f.i.Revoke(f.ctx, other.ID); !errors.Is(err, issuer.ErrRevoking) || !errors.Is(err, issuer.ErrQuota) {
		t.Errorf("%v, want that it waits for the quota", err)
	}
	if s := f.status("patient 7"); !s[1].Revoking || s[1].Revoked || !s[2].Placed {
		t.Errorf("%+v, want one still to be revoked, and the other committed meanwhile", s)
	}
	f.ledger.full = nil
	if err := f.i.Resume(f.ctx); err != nil || f.live() != 1 {
		t.Errorf("%d live leaves, want the one that was issued last: %v", f.live(), err)
	}
}
