package verifier

import (
	"fmt"
	"path/filepath"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
)

// OpenKeys loads the verifying keys of a manifest's circuits from a folder as
// setups write it. Each file must have the digest that its entry names; the
// ledger's directory names the entry.
func OpenKeys(dir string, m *manifest.Manifest) (Keys, error) {
	keys := Keys{}
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Public > 1<<10 {
			return nil, fmt.Errorf("verifier: %s announces %d public inputs", e.Circuit, e.Public)
		}
		k, err := proof.LoadVerifyingKey(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile), consent.CircuitID(e.Circuit).Scheme(), e.VerifyingKey, int(e.Public))
		if err != nil {
			return nil, fmt.Errorf("verifier: %s: %w", e.Circuit, err)
		}
		keys[e.Digest()] = k
	}
	return keys, nil
}
