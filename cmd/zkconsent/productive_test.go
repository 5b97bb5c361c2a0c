package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// TestRefusesDevelopmentKeysInProduction: each party of the command line asks
// its ledger's genesis, and nothing else, whether such keys may be read. An
// issuer who took them would enrol whoever their maker likes.
func TestRefusesDevelopmentKeysInProduction(t *testing.T) {
	dir, m := provertest.Keys(t, consent.Enrol)
	a := &app{home: t.TempDir(), keys: dir, stdout: io.Discard, results: io.Discard}
	status, out, complaint := invoke(t, "authority", "key")
	_, key, ok := strings.Cut(strings.TrimSpace(out), "key ")
	if status != exitDone || !ok {
		t.Fatal(complaint)
	}
	status = run(t.Context(), []string{"node", "init", "--chain", "example", "--steward-key", key, "--development-keys", "--home", a.home, "--keys", dir}, strings.NewReader(""), io.Discard, io.Discard)
	if status != exitDone {
		t.Fatalf("node init: exit status %d", status)
	}
	e, err := m.Find(string(consent.Enrol))
	if err != nil {
		t.Fatal(err)
	}
	parties := map[string]func() error{
		"the prover": func() error {
			p, err := a.prover()
			if err != nil {
				return err
			}
			return p.(interface {
				Load(context.Context, consent.CircuitID) error
			}).Load(t.Context(), consent.Enrol)
		},
		"the issuer": func() error { _, err := a.enrolKey(e.Digest()); return err },
		"a verifier": func() error { _, err := a.verifierKeys(); return err },
	}
	for name, read := range parties {
		if err := read(); err != nil {
			t.Errorf("%s of a demonstration: %v", name, err)
		}
	}
	g, err := a.genesis()
	if err != nil {
		t.Fatal(err)
	}
	g.Directory.Parameters.DevelopmentKeys = false
	if err := a.writeMessage("genesis", filepath.Join(a.home, genesisFile), g.Encode()); err != nil {
		t.Fatal(err)
	}
	parties["a wallet"] = func() error { _, err := a.walletKeys(consent.Enrol, e.Digest(), false); return err }
	for name, read := range parties {
		var refused *manifest.DevelopmentError
		if err := read(); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
