package verifier_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/verifier"
)

// A test network has the patients, keys and questions of the real one. What was
// shown on it, where nobody is careful, serves on no other.
func TestAttack_AnotherLedger(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	asked := w.ask(v, consent.Claim, consent.Pseudonym)

	real := w.genesis
	w.genesis = sha256.Sum256([]byte("the same ledger, for tests"))
	trial := w.verifierWith(w.insurer, s)
	there := w.ask(trial, consent.Claim, consent.Pseudonym)
	shown := p.present(there)
	verify(t, trial, shown, "")
	w.genesis = real

	t.Run("as it is, in one store", func(t *testing.T) { verify(t, v, shown, verifier.UnknownRequest) })
	t.Run("as the answer to the real question", func(t *testing.T) {
		moved := *shown
		moved.Request = asked.ID
		verify(t, v, &moved, verifier.BadSignature)
	})
	honest := p.present(asked)
	if honest.Nullifier.Equal(&shown.Nullifier) || honest.Watch.Equal(&shown.Watch) {
		t.Error("a pseudonym of the test network is one of the real ledger")
	}
	verify(t, v, honest, "")
}

// A verifier that changes its key stays the same verifier: whoever answered in a
// scope before cannot answer there again, and its old key asks nothing any more.
func TestAttack_RotatedKeyOpensTheScopeAgain(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, s := w.verifierOf(w.insurer)
	before := w.ask(v, consent.Claim, consent.Once)
	late := p.present(w.ask(v, consent.Claim, consent.Once))
	first := p.present(before)
	verify(t, v, first, "")

	fresh := party{w.insurer.id, ed25519.NewKeyFromSeed(w.seed(44))}
	for i := range w.dir.Authorities {
		if a := &w.dir.Authorities[i]; a.ID.Equal(&w.insurer.id) {
			a.Key, a.Sequence = fresh.key.Public().(ed25519.PublicKey), a.Sequence+1
		}
	}
	rotated := w.verifierWith(fresh, s)
	again := p.present(w.ask(rotated, consent.Claim, consent.Once))
	if !again.Nullifier.Equal(&first.Nullifier) {
		t.Error("the same patient has another pseudonym at the same verifier")
	}
	verify(t, rotated, again, verifier.NullifierSpent)
	verify(t, rotated, late, verifier.InvalidRequest)
	if _, err := consent.SignRequest(w.insurer.key, before).Validate(consent.View{Genesis: w.genesis, Directory: &w.dir, Now: w.now}); err == nil {
		t.Error("a request under the key that was rotated away is shown to patients")
	}
	if id := directory.AuthorityID(fresh.key.Public().(ed25519.PublicKey)); id.Equal(&w.insurer.id) {
		t.Fatal("the key was not changed")
	}
}
