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
// setup by one party, with no keys.
func NewEntry(id consent.CircuitID, system constraint.ConstraintSystem) (*manifest.Entry, error) {
	digest, err := circuits.Digest(system)
	if err != nil {
		return nil, err
	}
	internal, excepted, err := freeWires(id, system)
	if err != nil {
		return nil, err
	}
	return &manifest.Entry{
		Circuit:     string(id),
		Constraints: uint64(system.GetNbConstraints()),
		Public:      uint64(circuits.PublicInputs(system)),
		System:      digest,
		Development: true,
		Internal:    internal,
		Excepted:    excepted,
	}, nil
}

// A WireError reports a circuit with wires that its inputs leave free. No keys
// are made for it: whoever proves could choose their values.
type WireError struct {
	Circuit consent.CircuitID
	Wire    freewires.Wire // the first of them
	Wires   int
}

func (e *WireError) Error() string {
	return fmt.Sprintf("setup: %s: %d wires are free, the first is %s (%s): mend the circuit; no keys are made for it", e.Circuit, e.Wires, e.Wire.Name, e.Wire.Origin)
}

// freeWires returns how many wires the system has that are no inputs, and how
// many of them follow from the inputs by a reason that package freewires lists
// as an exception. It refuses a system with a wire that does not follow.
func freeWires(id consent.CircuitID, system constraint.ConstraintSystem) (internal, excepted uint64, err error) {
	r, err := freewires.Analyse(system)
	if err != nil {
		return 0, 0, fmt.Errorf("setup: %s: %w", id, err)
	}
	if !r.Sound() {
		all := append(r.Unbound, r.Free...)
		return 0, 0, &WireError{id, all[0], len(all)}
	}
	return uint64(r.Internal), uint64(r.Excepted), nil
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
