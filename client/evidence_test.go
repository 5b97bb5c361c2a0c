package client_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
)

// TestAttack_EvidenceOfSomethingElse: a service shows a record whose parts are
// of one request and whose verdict, the same as beside it, is not what they
// lead to.
func TestAttack_EvidenceOfSomethingElse(t *testing.T) {
	q := &consent.Request{
		ID: [16]byte{7}, Circuit: consent.ConsentOnly, Rule: consent.Pseudonym, Until: 2000, Context: "claim 7",
		Trust: consent.TrustList{Name: "registrars", Sequence: 1, Authorities: []fr.Element{field.Uint(1)}},
	}
	signed := consent.SignRequest(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), q)
	p, err := consent.DecodePresentation(presentation())
	if err != nil {
		t.Fatal(err)
	}
	shown := func(change func(*verifier.Verdict)) error {
		v := verifier.Verdict{
			Accepted: true, RequestID: q.ID, Digest: sha256.Sum256(presentation()), At: 1000, Circuit: q.Circuit, Epoch: p.Epoch, Rule: q.Rule,
			Nullifier: p.Nullifier, Until: q.Until, ComparisonCode: fmt.Sprintf("%06d", consent.ComparisonCode(q.Challenge(), p.Rk)),
		}
		change(&v)
		r := verifier.Record{
			Request: signed.Encode(), Presentation: presentation(), Head: directory.Head{SignedHeader: []byte{1}, State: directory.State{Epochs: directory.Log{Count: 1}}}, Directory: []byte{1},
			Epoch: directory.Epoch{Number: p.Epoch}, Verdict: v,
		}
		_, err := client.VerdictWith(q.ID, &zkconsentv1.Verdict{
			Accepted: true, Request: hex.EncodeToString(v.RequestID[:]), Digest: hex.EncodeToString(v.Digest[:]), At: int64(v.At), Circuit: string(v.Circuit), Epoch: v.Epoch,
			Rule: string(v.Rule), Nullifier: field.Hex(v.Nullifier), Until: int64(v.Until), SpeaksForPerson: v.SpeaksForPerson, OncePer: v.OncePer, ComparisonCode: v.ComparisonCode,
		}, r.Encode())
		return err
	}
	if err := shown(func(*verifier.Verdict) {}); err != nil {
		t.Fatalf("the truth: %v", err)
	}
	for name, lie := range map[string]func(*verifier.Verdict){
		"another pseudonym":          func(v *verifier.Verdict) { v.Nullifier = field.Uint(9) },
		"another epoch":              func(v *verifier.Verdict) { v.Epoch++ },
		"a longer time":              func(v *verifier.Verdict) { v.Until++ },
		"another rule":               func(v *verifier.Verdict) { v.Rule = consent.None },
		"another circuit":            func(v *verifier.Verdict) { v.Circuit = consent.Claim },
		"one person who is not":      func(v *verifier.Verdict) { v.SpeaksForPerson = true },
		"the code of another screen": func(v *verifier.Verdict) { v.ComparisonCode = "000000" },
	} {
		if err := shown(lie); err == nil {
			t.Errorf("%s: believed", name)
		}
	}
}
