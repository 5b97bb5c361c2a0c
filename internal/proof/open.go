package proof

import (
	"fmt"
	"path/filepath"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
)

// Open reads the verifying key that a manifest's entry pins from the folder dir
// of all keys. development says whether the ledger takes keys of a setup by one
// party: that is its directory's parameter, and nobody else's to decide. Where
// it is false such an entry is a *manifest.DevelopmentError, and no file is
// read.
func Open(dir string, e *manifest.Entry, development bool) (*VerifyingKey, error) {
	if !development {
		if err := e.Production(); err != nil {
			return nil, err
		}
	}
	if e.Public > maxInputs {
		return nil, fmt.Errorf("%w: %s announces %d public inputs", ErrKey, e.Circuit, e.Public)
	}
	return LoadVerifyingKey(filepath.Join(dir, e.Folder(), manifest.VerifyingKeyFile), consent.CircuitID(e.Circuit).Scheme(), e.VerifyingKey, int(e.Public))
}
