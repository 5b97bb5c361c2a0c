package verifier

import (
	"errors"
	"fmt"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/internal/redsig"
)

// What CheckExported answers; its other errors are those of the file system.
var (
	// ErrInvalidProof reports a proof that does not prove its public inputs.
	ErrInvalidProof = errors.New("verifier: the proof does not prove these public inputs")
	// ErrOtherKeys reports a proof for keys that are not at hand, so that nothing
	// could be checked.
	ErrOtherKeys = errors.New("verifier: the proof names other keys than those at hand")
)

// Export takes the proof and its public inputs out of a record. Nothing is
// checked: the result is as true as the record, and says less than it.
func (r *Record) Export() (*consent.ExportedProof, error) {
	asked, err := consent.DecodeSignedRequest(r.Request)
	if err != nil {
		return nil, &RecordError{"request", err}
	}
	p, err := consent.DecodePresentation(r.Presentation)
	if err != nil {
		return nil, &RecordError{"presentation", err}
	}
	rk, err := redsig.DecodePoint(p.Rk[:])
	if err != nil {
		return nil, &RecordError{"presentation", err}
	}
	s, err := asked.Request.Statement(consent.Presented{
		Epoch: p.Epoch, Root: r.Epoch.Root, Nullifier: p.Nullifier, Watch: p.Watch, Rk: p.Rk, RkX: rk.X(), RkY: rk.Y(),
	})
	if err != nil {
		return nil, &RecordError{"request", err}
	}
	inputs, err := s.PublicInputs()
	if err != nil {
		return nil, &RecordError{"request", err}
	}
	return &consent.ExportedProof{Circuit: s.Circuit, Manifest: asked.Request.Manifest, Inputs: inputs, Proof: p.Proof}, nil
}

// CheckExported verifies an exported proof with the verifying key that lies in
// dir and is pinned by m: that some witness satisfies the circuit with these
// public inputs, and nothing more. Who asked, whether a holder signed, and
// whether the root was ever a ledger's is for [Recheck] of the record.
func CheckExported(dir string, m *manifest.Manifest, p *consent.ExportedProof) error {
	e, err := m.Find(string(p.Circuit))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOtherKeys, err)
	}
	if e.Digest() != p.Manifest {
		return fmt.Errorf("%w: the manifest entry of %s is %s, the proof's is %x", ErrOtherKeys, p.Circuit, e.Digest(), p.Manifest)
	}
	k, err := proof.Open(dir, e, true) // whose keys they are is for the reader of the answer to weigh
	if err != nil {
		return fmt.Errorf("verifier: %s: %w", e.Circuit, err)
	}
	if err := k.Verify(p.Inputs, p.Proof); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidProof, err)
	}
	return nil
}
