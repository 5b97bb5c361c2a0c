package verifier_test

import (
	"context"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/verifier"
)

// distrust takes an authority's records from an index on off the tree, as the
// ledger's stewards do, from the next epoch on.
func (w *world) distrust(p party, from uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dir.Distrusts = append(w.dir.Distrusts, directory.Distrust{Authority: p.id, From: from, To: from + 1<<10, Epoch: uint64(len(w.epochs))})
}

func askAgain(t *testing.T, v *verifier.Verifier) (again, all int) {
	t.Helper()
	if err := v.Standing(context.Background(), func(s verifier.Standing) error {
		all++
		if s.AskAgain {
			again++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return again, all
}

// TestAttack_StolenIssuerKey: whoever stole an issuer's key answers with a
// record of their own making. When the stewards distrust what the key signed
// since, nothing that may rest on it is accepted any more, not even under the
// epoch that still holds it, and what was accepted is to be asked for again.
func TestAttack_StolenIssuerKey(t *testing.T) {
	w := newWorld(t)
	honest := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	verify(t, v, honest.present(w.ask(v, consent.Claim, consent.Pseudonym)), "")
	stolen := w.records.Len()
	thief := w.newPatient(w.issuer)
	w.closeEpoch()
	verify(t, v, thief.present(w.ask(v, consent.Claim, consent.Pseudonym)), "")
	next := thief.present(w.ask(v, consent.Claim, consent.Pseudonym))
	if again, all := askAgain(t, v); again != 0 || all != 2 {
		t.Fatalf("%d of %d answers to be asked again before anybody was distrusted", again, all)
	}

	w.distrust(w.issuer, stolen)
	verify(t, v, next, verifier.Distrusted)
	if again, all := askAgain(t, v); again != 1 || all != 2 {
		t.Errorf("%d of %d answers to be asked again, want the one of the epoch with the thief's record", again, all)
	}

	w.newPatient(w.issuer2)
	w.closeEpoch() // the tree without them
	verify(t, v, honest.present(w.ask(v, consent.Claim, consent.Pseudonym)), "")
}

// TestDistrustOfOneIssuerLeavesOthersAlone: an answer whose trust list does not
// hold the authority stands.
func TestDistrustOfOneIssuerLeavesOthersAlone(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, _ := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Claim, consent.Pseudonym)) // trusts Clinic A alone
	w.distrust(w.issuer2, 0)
	verify(t, v, shown, "")
	if again, all := askAgain(t, v); again != 0 || all != 1 {
		t.Errorf("%d of %d answers to be asked again", again, all)
	}
}

// TestAttack_RecordOfDistrustedEpoch: a verifier that accepted in spite of the
// directory cannot show the verdict to an auditor.
func TestAttack_RecordOfDistrustedEpoch(t *testing.T) {
	w := newWorld(t)
	_, _, record := recorded(t, w, consent.Claim)
	r, err := verifier.DecodeRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	w.distrust(w.issuer, 0)
	head, dir, err := w.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r.Head, r.Directory = *head, dir.Encode()
	var faulty *verifier.RecordError
	if _, err := verifier.Recheck(r.Encode(), w.trust()); !errors.As(err, &faulty) || faulty.Part != "epoch" {
		t.Errorf("%v, want a fault of the epoch", err)
	}
}
