// Package prover turns a statement and a witness into a proof under the
// statement's circuit, by Groth16 or by PLONK (docs/spec.md §9). A wallet runs
// it itself, or asks a service that does.
//
// # Caveats
//
// A [Prover] sees a patient's keys ak and nk and the opened records. It keeps
// none of it, puts none of it into errors, and silences gnark's logger, whose
// solver prints wire values. It cannot sign: what it proves is worth nothing
// without the holder's signature. Work inside gnark cannot be interrupted;
// a context that ends there is honoured a fraction of a second later, under
// PLONK some seconds later.
//
// What gnark was handed is overwritten after each proof; what gnark and its
// copies of it leave on the heap (the solved wires, the polynomials of them,
// the values of the circuit's fields) is not, until the memory is used again.
package prover

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend/witness"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/gnarklog"
	"github.com/zkconsent/zkconsent/internal/proof"
)

// The errors of Prove. They carry no values: gnark's own errors quote wires,
// and are dropped.
var (
	// ErrNotSatisfied reports a witness that does not prove the statement.
	ErrNotSatisfied = errors.New("prover: the records do not satisfy the statement")
	// ErrProving reports a proof that could not be computed although the
	// witness satisfies the statement.
	ErrProving = errors.New("prover: the proof could not be computed")
	// ErrSelfCheck reports a computed proof that does not verify. It was not
	// given out; the keys or the machine are at fault.
	ErrSelfCheck = errors.New("prover: the computed proof does not verify")
)

// Options are what Open can be told beyond its arguments. A nil *Options is
// the zero Options.
type Options struct {
	// Preload lists circuits whose keys Open loads itself, so that damaged
	// keys are found at start and the first proof does not wait. Others are
	// loaded when they are first used.
	Preload []consent.CircuitID
	// DevelopmentKeys lets the prover use keys of a setup by one party. It is
	// the parameter of that name in the ledger's directory, false for a ledger
	// whose answers mean something. Without it such keys are a KeyError.
	DevelopmentKeys bool
}

// A Prover holds the keys of the circuits in a manifest. It is safe for use by
// several goroutines; each proof uses all processors, so callers that want to
// bound latency bound the number of proofs under way.
type Prover struct {
	dir         string
	development bool
	circuits    map[consent.CircuitID]*circuit
}

// circuit is one circuit's keys, loaded once.
type circuit struct {
	entry manifest.Entry
	load  sync.Mutex
	keys  *keys // nil until loaded; a failed load is tried again
}

// Open returns a prover for the circuits of m, whose keys lie in dir as
// package setup writes them.
func Open(dir string, m *manifest.Manifest, o *Options) (*Prover, error) {
	gnarklog.Off()
	if o == nil {
		o = &Options{}
	}
	p := &Prover{dir: dir, development: o.DevelopmentKeys, circuits: map[consent.CircuitID]*circuit{}}
	for _, e := range m.Entries {
		id := consent.CircuitID(e.Circuit)
		if !id.Known() {
			return nil, &circuits.CircuitError{Circuit: id}
		}
		p.circuits[id] = &circuit{entry: e}
	}
	for _, id := range o.Preload {
		if err := p.Load(context.Background(), id); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Circuits returns the circuits that the prover has an entry for.
func (p *Prover) Circuits() []consent.CircuitID {
	var ids []consent.CircuitID
	for _, id := range consent.Circuits() {
		if p.circuits[id] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// Entry returns the manifest's entry of a circuit, whose digest names the keys,
// and false for a circuit without one.
func (p *Prover) Entry(id consent.CircuitID) (manifest.Entry, bool) {
	c := p.circuits[id]
	if c == nil {
		return manifest.Entry{}, false
	}
	return c.entry, true
}

// Load loads a circuit's keys unless they are loaded. The error is a
// *[KeyError], or *manifest.Error for a circuit without an entry.
func (p *Prover) Load(ctx context.Context, id consent.CircuitID) error {
	_, err := p.keysOf(ctx, id)
	return err
}

func (p *Prover) keysOf(ctx context.Context, id consent.CircuitID) (*keys, error) {
	c := p.circuits[id]
	if c == nil {
		return nil, &manifest.Error{Circuit: string(id), Reason: "this prover has no keys for it"}
	}
	c.load.Lock()
	defer c.load.Unlock()
	if c.keys != nil {
		return c.keys, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k, err := loadKeys(p.dir, &c.entry, p.development)
	if err != nil {
		return nil, err
	}
	c.keys = k
	return k, nil
}

// A Stage is a part of the work on a proof.
type Stage int

// The stages, in their order.
const (
	Preparing Stage = iota + 1 // the keys are loaded and the witness is completed
	Proving                    // the proof is computed
	Checking                   // the proof is verified
)

// Prove returns a proof of the statement, after verifying it. It fails with
// the errors of circuits.Assign, of [Prover.Load], with [ErrNotSatisfied],
// [ErrProving] or [ErrSelfCheck], or with ctx's, which is looked at before and
// between the stages.
func (p *Prover) Prove(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
	return p.ProveInStages(ctx, s, w, func(Stage) {})
}

// ProveInStages is Prove, and calls begin, in the caller's goroutine, as each
// stage begins.
func (p *Prover) ProveInStages(ctx context.Context, s *consent.Statement, w *consent.Witness, begin func(Stage)) (consent.Proof, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	begin(Preparing)
	inputs, err := s.PublicInputs()
	if err != nil {
		return "", err
	}
	full, err := circuits.NewWitness(s, w)
	if err != nil {
		return "", err
	}
	defer erase(full)
	k, err := p.keysOf(ctx, s.Circuit)
	if err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	begin(Proving)
	b, err := k.prove(full)
	var unsatisfied *cs.UnsatisfiedConstraintError
	switch {
	case errors.As(err, &unsatisfied):
		return "", ErrNotSatisfied
	case errors.Is(err, proof.ErrMalformed):
		return "", fmt.Errorf("%w: %w", ErrSelfCheck, proof.ErrMalformed)
	case err != nil:
		return "", ErrProving
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	begin(Checking)
	// From the bytes, so that what leaves is what was verified.
	if err := k.verifying.Verify(inputs, b); err != nil {
		return "", fmt.Errorf("%w: %w", ErrSelfCheck, err)
	}
	return b, nil
}

// erase overwrites the values of the circuit's inputs, the private ones among
// them.
func erase(full witness.Witness) {
	if v, ok := full.Vector().(fr.Vector); ok {
		clear(v)
	}
}
