package setup

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/consensys/gnark/constraint"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/freewires"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
)

// NewEntry is a circuit's manifest entry but for what its keys are: as of a
// setup by one party, with no keys. A circuit with an input or a wire that is
// free gets none: the error wraps a *[freewires.FreeError].
func NewEntry(id consent.CircuitID, system constraint.ConstraintSystem) (*manifest.Entry, error) {
	digest, err := circuits.Digest(system)
	if err != nil {
		return nil, err
	}
	wires, err := freewires.Check(system)
	if err != nil {
		return nil, fmt.Errorf("setup: %s: %w", id, err)
	}
	return &manifest.Entry{
		Circuit:     string(id),
		Constraints: uint64(system.GetNbConstraints()),
		Public:      uint64(circuits.PublicInputs(system)),
		System:      digest,
		Development: true,
		Internal:    uint64(wires.Internal),
		Excepted:    uint64(wires.Excepted),
	}, nil
}

// writeKeys writes a circuit's keys into its folder below dir and their digests
// into the entry.
func writeKeys(dir string, e *manifest.Entry, proving, verifying func(io.Writer) (int64, error)) (err error) {
	folder := filepath.Join(dir, e.Folder())
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	// The proving key in raw form: no square roots when it is loaded, and its digest
	// is checked before it is.
	if e.ProvingKey, err = writeFile(filepath.Join(folder, manifest.ProvingKeyFile), proving); err != nil {
		return err
	}
	e.VerifyingKey, err = writeFile(filepath.Join(folder, manifest.VerifyingKeyFile), verifying)
	return err
}
