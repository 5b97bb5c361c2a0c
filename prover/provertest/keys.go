// Package provertest gives tests development keys (docs/spec.md §9.5), made
// once and shared by the test processes of a machine.
package provertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/setup"
)

// FolderVariable names the environment variable that moves the shared folder.
const FolderVariable = "ZKCONSENT_TEST_KEYS"

// Keys returns a folder with keys for the circuits, and their manifest. The
// folder outlives the test; keys are addressed by their constraint system, so
// a changed circuit gets new ones.
func Keys(tb testing.TB, ids ...consent.CircuitID) (dir string, m *manifest.Manifest) {
	tb.Helper()
	dir = os.Getenv(FolderVariable)
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		// Versions of the program that write other manifests have other folders.
		dir = filepath.Join(cache, fmt.Sprintf("zkconsent-test-keys-%d", manifest.FileVersion))
	}
	all, err := setup.Dev(context.Background(), dir, ids, nil)
	if err != nil {
		tb.Fatal(err)
	}
	// The folder may hold other tests' circuits: return those asked for.
	m = &manifest.Manifest{}
	for _, id := range ids {
		e, err := all.Find(string(id))
		if err != nil {
			tb.Fatal(err)
		}
		m.Put(*e)
	}
	return dir, m
}

// New returns a prover for the circuits with keys of [Keys].
func New(tb testing.TB, ids ...consent.CircuitID) *prover.Prover {
	tb.Helper()
	dir, m := Keys(tb, ids...)
	p, err := prover.Open(dir, m, &prover.Options{DevelopmentKeys: true})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
