package verifier_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"github.com/zkconsent/zkconsent/verifier"
)

// TestRefusesDevelopmentKeysInProduction: whoever made them could claim from
// the insurer in the name of patients who never consented.
func TestRefusesDevelopmentKeysInProduction(t *testing.T) {
	dir, m := provertest.Keys(t, consent.Eligibility)
	var refused *manifest.DevelopmentError
	if k, err := verifier.OpenKeys(dir, m, directory.Parameters{}); !errors.As(err, &refused) || k != nil {
		t.Errorf("got %v", err)
	}
	if _, err := verifier.OpenKeys(dir, m, directory.Parameters{DevelopmentKeys: true}); err != nil {
		t.Error(err)
	}
	// An entry that calls itself a ceremony's is another entry than the ledger's.
	e := m.Entries[0]
	e.Development, e.Transcript = false, manifest.Digest{1}
	if e.Digest() == m.Entries[0].Digest() {
		t.Error("an entry can be relabelled")
	}
}

// otherKeys are a verifying key of its own maker for a circuit, where the real
// one should lie, and a manifest that pins it.
func otherKeys(t *testing.T, id consent.CircuitID) (dir string, real, forged *manifest.Manifest) {
	t.Helper()
	from, real := provertest.Keys(t, id)
	e := real.Entries[0]
	b, err := os.ReadFile(filepath.Join(from, e.Folder(), manifest.VerifyingKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	var vk groth16.VerifyingKey
	if _, err := vk.ReadFrom(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	vk.G1.Alpha.Double(&vk.G1.Alpha)
	var out bytes.Buffer
	if _, err := vk.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, e.Folder()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	e.VerifyingKey = sha256.Sum256(out.Bytes())
	forged = &manifest.Manifest{}
	forged.Put(e)
	return dir, real, forged
}

// TestAttack_VerifierFedOtherKeys: the ledger names the manifest's digest, so
// that a verifier who was given keys of somebody's own making decides nothing
// with them. Otherwise their maker could have any claim paid.
func TestAttack_VerifierFedOtherKeys(t *testing.T) {
	w := newWorld(t)
	p := w.newPatient(w.issuer)
	w.closeEpoch()
	v, store := w.verifierOf(w.insurer)
	shown := p.present(w.ask(v, consent.Eligibility, consent.Pseudonym))

	dir, real, forged := otherKeys(t, consent.Eligibility)
	if _, err := verifier.OpenKeys(dir, real, w.dir.Parameters); !errors.Is(err, proof.ErrKeyDigest) {
		t.Errorf("another file under the real entry: %v", err)
	}
	keys, err := verifier.OpenKeys(dir, forged, w.dir.Parameters)
	if err != nil {
		t.Fatal(err)
	}
	w.keys = keys
	deceived := w.verifierWith(w.insurer, store)
	if verdict, err := deceived.Verify(context.Background(), shown.Encode()); err == nil || verdict.Accepted {
		t.Errorf("decided with keys that the ledger does not name: %+v, %v", verdict, err)
	}
	if _, err := deceived.CreateRequest(context.Background(), w.template(consent.Eligibility, consent.Pseudonym)); err == nil {
		t.Error("asked under keys that the ledger does not name")
	}
	verify(t, v, shown, "")
}
