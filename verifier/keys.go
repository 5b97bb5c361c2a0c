package verifier

import (
	"fmt"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/proof"
)

// OpenKeys loads the verifying keys of a manifest's circuits from a folder as
// setups write it. Each file must have the digest that its entry names; the
// ledger's directory names the entry. p are the parameters of that directory:
// keys of a setup by one party are a *manifest.DevelopmentError unless they
// allow them.
func OpenKeys(dir string, m *manifest.Manifest, p directory.Parameters) (Keys, error) {
	keys := Keys{}
	for i := range m.Entries {
		e := &m.Entries[i]
		k, err := proof.Open(dir, e, p.DevelopmentKeys)
		if err != nil {
			return nil, fmt.Errorf("verifier: %s: %w", e.Circuit, err)
		}
		keys[e.Digest()] = k
	}
	return keys, nil
}
