// Package setup makes proving and verifying keys for the circuits (docs/spec.md
// §9.4, §9.5). It is the only place that runs the setups of Groth16 and PLONK.
//
// # Caveats
//
// [Dev] is a setup by one party: whoever ran it, or reads this process's
// memory while it runs, can forge proofs for the keys it makes. The entries it
// writes are marked Development, and a ledger whose members do not all trust
// one machine must not put them into its directory.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/gnarklog"
)

// A Stage is what a setup is doing.
type Stage string

// ErrCeremonyKeys reports a folder whose manifest has keys of a ceremony that
// development keys would replace: the files are damaged or missing, or the
// circuit has changed.
var ErrCeremonyKeys = errors.New("the keys here are of a ceremony, and not whole or of another version; development keys do not replace them")

// The stages of each circuit.
const (
	Waiting   Stage = "waiting"   // for another setup in the same folder
	Compiling Stage = "compiling" // the circuit
	Checking  Stage = "checking"  // keys that are already there
	Making    Stage = "making"    // keys; seconds, and not interruptible
	Writing   Stage = "writing"   // keys to disk
	Done      Stage = "done"
)

// Progress reports a stage of one of Total circuits; Number counts from 1.
type Progress struct {
	Circuit       consent.CircuitID
	Stage         Stage
	Number, Total int
}

// Dev makes development keys for the circuits ids in dir, and returns the
// manifest of everything in dir, which it also writes to manifest.json there.
// Keys that are there already and whole are kept; a circuit that changed has
// another constraint system and gets new keys beside the old. Keys of a
// ceremony are never replaced: where they are not whole it is
// [ErrCeremonyKeys]. Setups of
// several processes in one dir wait for one another. progress may be nil.
//
// ctx is looked at between stages. Every file is written whole or not at all;
// after a crash in between, keys and manifest may disagree, which the digests
// show to whoever loads them, and which the next Dev repairs.
func Dev(ctx context.Context, dir string, ids []consent.CircuitID, progress func(Progress)) (*manifest.Manifest, error) {
	gnarklog.Off()
	if progress == nil {
		progress = func(Progress) {}
	}
	progress(Progress{Stage: Waiting, Total: len(ids)})
	m, path, unlock, err := openFolder(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for i, id := range ids {
		report := func(s Stage) error {
			progress(Progress{id, s, i + 1, len(ids)})
			return ctx.Err()
		}
		entry, err := devCircuit(dir, id, m, report)
		if err != nil {
			return nil, fmt.Errorf("setup: %s: %w", id, err)
		}
		m.Put(*entry)
		if _, err := writeBytes(path, m.EncodeJSON()); err != nil {
			return nil, fmt.Errorf("setup: %w", err)
		}
		if err := report(Done); err != nil {
			return nil, fmt.Errorf("setup: %w", err)
		}
	}
	return m, nil
}

func devCircuit(dir string, id consent.CircuitID, m *manifest.Manifest, report func(Stage) error) (*manifest.Entry, error) {
	if err := report(Compiling); err != nil {
		return nil, err
	}
	compiled, err := circuits.Compile(id)
	if err != nil {
		return nil, err
	}
	system, ok := compiled.(*cs.R1CS) // the type of both schemes' systems
	if !ok {
		return nil, fmt.Errorf("compiled to %T", compiled)
	}
	digest, err := circuits.Digest(system)
	if err != nil {
		return nil, err
	}
	if err := report(Checking); err != nil {
		return nil, err
	}
	old, err := m.Find(string(id))
	if err == nil && old.System == digest && whole(dir, old) {
		return old, nil
	}
	if err == nil && !old.Development {
		return nil, fmt.Errorf("%w; fetch its keys again, or name another folder than %s", ErrCeremonyKeys, dir)
	}
	if err := report(Making); err != nil {
		return nil, err
	}
	pk, vk, err := devKeys(id, system)
	if err != nil {
		return nil, err
	}
	if err := report(Writing); err != nil {
		return nil, err
	}
	entry, err := NewEntry(id, system)
	if err != nil {
		return nil, err
	}
	return entry, writeKeys(dir, entry, pk.WriteRawTo, vk.WriteTo)
}

// A key is a proving or a verifying key of either scheme.
type key interface {
	WriteTo(io.Writer) (int64, error)
	WriteRawTo(io.Writer) (int64, error)
}

// devKeys makes the keys of a circuit's scheme.
func devKeys(id consent.CircuitID, system *cs.R1CS) (proving, verifying key, err error) {
	if id.Scheme() == consent.Plonk {
		return devPlonk(system)
	}
	var pk groth16.ProvingKey
	var vk groth16.VerifyingKey
	return &pk, &vk, groth16.Setup(system, &pk, &vk)
}

// whole reports whether an entry's files are there and as they were written.
func whole(dir string, e *manifest.Entry) bool {
	folder := filepath.Join(dir, e.Folder())
	pk, err := fileDigest(filepath.Join(folder, manifest.ProvingKeyFile))
	if err != nil || pk != e.ProvingKey {
		return false
	}
	vk, err := fileDigest(filepath.Join(folder, manifest.VerifyingKeyFile))
	return err == nil && vk == e.VerifyingKey
}
