package verifier_test

import (
	"context"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// paused is a store in whose process the time goes by unnoticed, after the look
// at the ledger and before the answer is kept: a machine that was asleep, or one
// that has no time for this process. No timer has rung when it goes on.
type paused struct {
	verifier.Store
	pass func()
}

func (p paused) Spent(ctx context.Context, scope, nullifier fr.Element) (bool, error) {
	p.pass()
	return p.Store.Spent(ctx, scope, nullifier)
}

// TestAttack_DecisionOfAProcessThatStoodStill: a replica stands still between
// its look at the ledger and the answer. Meanwhile the consent is withdrawn, and
// the feed of another replica has passed the withdrawal. An answer that was kept
// now would be shown by no feed any more.
func TestAttack_DecisionOfAProcessThatStoodStill(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	still := w.verifierWith(w.insurer, paused{s, func() {
		p.withdraw()
		w.pass(lag + time.Hour)
		if _, mark := shown(t, v, 0); mark.Next != 1 {
			t.Errorf("the feed has not passed the withdrawal: %+v", mark)
		}
	}})
	answer := p.present(w.ask(v, consent.Claim, consent.Once))
	undecided(t, still, answer, context.DeadlineExceeded, verifier.Undecided)
	if found, _ := shown(t, v, 0); len(found) != 0 {
		t.Errorf("it was kept: %v", found)
	}
}

// TestAttack_LowerMaxHeadAgePassesWithdrawals: the stewards lower maxHeadAge. A
// replica that has not seen that yet decides for as long as the old one allows,
// and the feed of one that has waits for it.
func TestAttack_LowerMaxHeadAgePassesWithdrawals(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown(t, v, 0)
	w.dir.Parameters.MaxHeadAge = 60
	p.withdraw()
	w.pass(lag - time.Second)
	if found, mark := shown(t, v, 0); mark.Next != 0 || len(found) != 0 {
		t.Fatalf("a decision may still be under way: %+v, %d", mark, len(found))
	}
	w.pass(time.Second)
	if _, mark := shown(t, v, 0); mark.Next != 1 {
		t.Errorf("%+v", mark)
	}
}

// TestAttack_ForgeriesMakeTheLogBeHashed: under the rule none every look at the
// withdrawals hashes all of them. Whoever proves nothing is told so before that,
// and a consent that was withdrawn is refused all the same.
func TestAttack_ForgeriesMakeTheLogBeHashed(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	answer := p.present(w.ask(v, consent.Claim, consent.None))
	p.withdraw()
	forged := *answer
	forged.Proof = flippedAt(answer.Proof, 40)
	verify(t, v, &forged, verifier.BadSignature)
	verify(t, v, answer, verifier.Withdrawn)
}
