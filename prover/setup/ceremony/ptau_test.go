package ceremony

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover/setup/ptau"
	"github.com/zkconsent/zkconsent/prover/setup/ptau/ptautest"
)

// fromFile begins a ceremony whose first phase is a file of powers.
func fromFile(t *testing.T, path string) (*Folder, error) {
	t.Helper()
	f := tiny(filepath.Join(t.TempDir(), "c"))
	_, err := f.Begin(t.Context(), Options{Circuits: []consent.CircuitID{cube, fourth}, Ptau: path})
	return f, err
}

func TestPowersOfSnarkjsBecomeKeys(t *testing.T) {
	f, err := fromFile(t, filepath.Join("..", "ptau", "testdata", "power4.ptau"))
	if err != nil {
		t.Fatal(err)
	}
	contribute(t, f, 1, 2, 3)
	seal(t, f, 1)
	transcript := verified(t, f)
	if err := transcript.Complete(); err != nil || transcript.First != nil || len(transcript.Keys) != 2 {
		t.Fatalf("%+v, %v", transcript, err)
	}
	if c := transcript.File.Contributions; len(c) != 3 || c[0].Name != "first" {
		t.Errorf("the file tells of %+v", c)
	}
	if transcript.PowersDigest() != transcript.Digest {
		t.Error("the powers' transcript is not what pins the file")
	}
}

// TestAttack_OtherPowersFile: one whose tau somebody knows.
func TestAttack_OtherPowersFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.ptau")
	good := ptautest.Write(4, 3, 5, 7)
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := fromFile(t, path)
	if err != nil {
		t.Fatal(err)
	}
	f.put(t, ptauFile, ptautest.Write(4, 11, 5, 7))
	refused(t, f, OtherPowers)
	f.put(t, ptauFile, good[:len(good)-1])
	refused(t, f, OtherPowers)
	f.remove(t, ptauFile)
	refused(t, f, Missing)
	pipe(t, f.file(ptauFile))
	refused(t, f, Unexpected)
	f.put(t, ptauFile, good)
	verified(t, f)
	f.put(t, contributionFile(1, 1), []byte("x"))
	refused(t, f, Unexpected)

	// Powers that are none are not taken.
	for name, b := range map[string][]byte{"tau is 1": ptautest.Write(4, 1, 5, 7), "cut short": good[:len(good)-1], "too few": ptautest.Write(1, 3, 5, 7)} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var bad *ptau.Error
		if _, err := fromFile(t, path); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAttack_PinnedFalsePowers: a ceremony that was begun by somebody who pins
// a file that holds no powers.
func TestAttack_PinnedFalsePowers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.ptau")
	if err := os.WriteFile(path, ptautest.Write(4, 3, 5, 7), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := fromFile(t, path)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(f.bytes(t, ptauFile))
	copy(bad[200:264], bad[264:328])
	f.put(t, ptauFile, bad)
	b, err := f.readMessage(descriptionFile, descriptionKind, maxDescription)
	if err != nil {
		t.Fatal(err)
	}
	d, err := DecodeDescription(b)
	if err != nil {
		t.Fatal(err)
	}
	d.Ptau = sha256.Sum256(bad)
	f.put(t, descriptionFile, d.Encode())
	refused(t, f, Malformed)
}
