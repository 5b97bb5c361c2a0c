package ceremony

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
)

// TestAttack_ContributionExchangedBehindTheSeal: as many as before, but the
// last is of somebody who knows what was mixed in.
func TestAttack_ContributionExchangedBehindTheSeal(t *testing.T) {
	for phase, stage := range map[int]string{1: halfway, 2: whole} {
		f := at(t, stage)
		sealed := f.bytes(t, sealFile(phase))
		f.remove(t, append(files(phase, 3), sealFile(phase))...)
		contribute(t, f, 4)
		f.put(t, sealFile(phase), sealed)
		refused(t, f, WrongSeal)
	}
}

// TestSealedKeysAreLookedAt: the keys, not the contributions alone.
func TestSealedKeysAreLookedAt(t *testing.T) {
	tau, alpha, beta := scalar(3), scalar(5), scalar(7)
	first := craftPowers(t, firstPowers(t, 8), tau, alpha, beta, nil)
	p := new(mpcsetup.Phase1)
	if _, err := p.ReadFrom(bytes.NewReader(first)); err != nil {
		t.Fatal(err)
	}
	srs := p.Seal(beacon(1))
	for name, spoil := range map[string]func(*keyChain){
		"nothing":       func(*keyChain) {},
		"δ is infinity": func(k *keyChain) { k.last.Parameters.G2.Delta = bn254.G2Affine{} },
		"α is 1": func(k *keyChain) {
			k.powers.G1.AlphaTau = slices.Clone(k.powers.G1.AlphaTau) // the other cases' too
			_, _, k.powers.G1.AlphaTau[0], _ = bn254.Generators()
		},
	} {
		k, err := newKeyChain(mustSystem(t), &srs)
		if err != nil {
			t.Fatal(err)
		}
		spoil(k)
		_, _, refused := k.seal(beacon(2))
		if want := name != "nothing"; (refused != nil) != want || want && refused.Reason != Degenerate {
			t.Errorf("%s: %v", name, refused)
		}
	}
}

// TestRefusesOwnMistakesBeforeTheWork: a name that is none is known to be one
// before the folder is read.
func TestRefusesOwnMistakesBeforeTheWork(t *testing.T) {
	working := func(p Progress) { t.Errorf("%s before the mistake was found", p.Doing) }
	for _, name := range []string{"", "\x1b[2J", strings.Repeat("x", MaxName+1)} {
		_, err := at(t, begun).Contribute(t.Context(), Contributor{key(1), name}, working)
		because(t, err, Malformed)
	}
	_, err := at(t, powered).Seal(t.Context(), beacon(1)[:31], "", working)
	because(t, err, Malformed)
	_, err = at(t, powered).Seal(t.Context(), beacon(1), "two\nlines", working)
	because(t, err, Malformed)
}

// TestRefusesWhatIsNoFile: a named pipe would keep its reader for ever.
func TestRefusesWhatIsNoFile(t *testing.T) {
	for _, name := range []string{descriptionFile, contributionFile(1, 1), payloadFile(2, 2, cube), sealFile(1)} {
		f := at(t, keyed)
		f.remove(t, name)
		if err := os.Mkdir(f.file(name), 0o700); err != nil {
			t.Fatal(err)
		}
		refused(t, f, Unexpected)
		f.remove(t, name)
		pipe(t, f.file(name))
		refused(t, f, Unexpected)
	}
}

// TestAttack_PowersTooFewForTheCircuit: whoever begins a ceremony writes what
// it is about, and not with this program.
func TestAttack_PowersTooFewForTheCircuit(t *testing.T) {
	f := at(t, begun)
	b, err := f.readMessage(descriptionFile, descriptionKind, maxDescription)
	if err != nil {
		t.Fatal(err)
	}
	d, err := DecodeDescription(b)
	if err != nil {
		t.Fatal(err)
	}
	d.Power = 1
	f.put(t, descriptionFile, d.Encode())
	refused(t, f, OtherPowers)
	_, err = f.Contribute(t.Context(), contributor(1), nil)
	because(t, err, OtherPowers)
}

func TestCopyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var to bytes.Buffer
	if err := copyUntil(ctx, &to, strings.NewReader("powers"), 6); err != nil || to.String() != "powers" {
		t.Errorf("copied %q, %v", to.String(), err)
	}
	cancel()
	if err := copyUntil(ctx, &to, strings.NewReader("powers"), 6); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
