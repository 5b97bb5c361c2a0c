// Package ceremony makes keys in which no single party has to be believed
// (docs/spec.md §9.6): several contributors, one after the other, each mix
// something secret into gnark's multi-party setup and forget it. Whoever would
// forge proofs needs what all of them drew. A ceremony is a folder of files
// that the parties exchange; it verifies offline, from this program's circuits.
//
// # Caveats
//
// The setup is sound if at least one contributor forgot. Distinct keys are not
// distinct people: whoever runs a ceremony names the keys that may contribute,
// or publishes who stands behind each, and readers of [Transcript] look at the
// names. What a contributor draws lives inside gnark's functions alone, but
// nothing erases it: it may stay in the memory of the process until it ends,
// and in swap or a core dump after that. Contribute on a machine without swap,
// and turn it off afterwards. A beacon must come from a public source and from
// after the last contribution; this package cannot know whether it did.
// The last contributions of an open phase can be left out by whoever passes
// the folder on: contributors keep their digests and look for them.
package ceremony

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/gnarklog"
	"github.com/zkconsent/zkconsent/prover/setup"
)

// A Folder is a ceremony's folder.
type Folder struct {
	path    string
	compile func(consent.CircuitID) (constraint.ConstraintSystem, error)
}

// In returns the ceremony in a folder, which need not exist yet.
func In(path string) *Folder {
	gnarklog.Off()
	return &Folder{path, circuits.Compile}
}

// Progress reports what is being done, and how much of the work lies behind.
// Steps inside gnark take seconds and are not interruptible.
type Progress struct {
	Doing       string
	Done, Total int
}

// lock keeps other processes from writing into the folder.
func (f *Folder) lock(ctx context.Context) (unlock func(), err error) {
	return setup.Lock(ctx, filepath.Join(f.path, "ceremony.lock"))
}

// A run is one reading of a ceremony: what it is about, and this program's
// systems for it.
type run struct {
	*Folder
	*Description
	ctx      context.Context
	digest   manifest.Digest // of the description
	keyed    []prepared      // circuits with a second phase: Groth16's, in the description's order
	bare     []prepared      // circuits whose keys follow from the first: PLONK's
	progress func(Progress)
	at       Progress
}

func (f *Folder) start(ctx context.Context, progress func(Progress)) (*run, error) {
	b, err := f.readMessage(descriptionFile, descriptionKind, maxDescription)
	if err != nil {
		return nil, err
	}
	d, err := DecodeDescription(b)
	if err != nil {
		return nil, refuse(Malformed, descriptionFile, "%v", err)
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	r := &run{Folder: f, Description: d, ctx: ctx, digest: d.Digest(), progress: progress}
	for _, c := range d.Circuits {
		if err := r.step("compiling %s", c.ID); err != nil {
			return nil, err
		}
		system, digest, err := f.system(c.ID)
		if err != nil {
			return nil, err
		}
		if digest != c.System {
			return nil, refuse(OtherSystem, string(c.ID), "this program compiles it to %s, the ceremony is about %s; take the version of the program that began it", digest, c.System)
		}
		if need := power(system); need > d.Power {
			return nil, refuse(OtherPowers, string(c.ID), "it needs powers for 2^%d, the ceremony's are for 2^%d", need, d.Power)
		}
		if secondPhase(system) {
			r.keyed = append(r.keyed, prepared{c.ID, system})
		} else {
			r.bare = append(r.bare, prepared{c.ID, system})
		}
	}
	return r, nil
}

// A prepared circuit has its constraint system. gnark has one type for both
// schemes' systems.
type prepared struct {
	id     consent.CircuitID
	system *cs.R1CS
}

// secondPhase reports whether a system's keys need one: Groth16's.
func secondPhase(system *cs.R1CS) bool { return system.Type == constraint.SystemR1CS }

// power is the least n for which powers of a domain of 2^n serve the system.
func power(system *cs.R1CS) (n int) {
	for n = 1; secondPhase(system) && 1<<n < domain(system) || !secondPhase(system) && 2<<n-1 < setup.PlonkPowers(system); n++ {
	}
	return n
}

// step reports the next piece of work, and asks whether it is still wanted.
func (r *run) step(format string, args ...any) error {
	r.at.Doing = fmt.Sprintf(format, args...)
	r.at.Total = max(r.at.Total, r.at.Done+1)
	r.progress(r.at)
	r.at.Done++
	return r.ctx.Err()
}

// system compiles a circuit and returns its digest, too.
func (f *Folder) system(id consent.CircuitID) (*cs.R1CS, manifest.Digest, error) {
	compiled, err := f.compile(id)
	if err != nil {
		return nil, manifest.Digest{}, fmt.Errorf("ceremony: %w", err)
	}
	system, ok := compiled.(*cs.R1CS)
	if !ok || len(system.GetCommitments().CommitmentIndexes()) != 0 {
		return nil, manifest.Digest{}, fmt.Errorf("ceremony: %s compiles to %T or has commitments", id, compiled)
	}
	digest, err := circuits.Digest(system)
	return system, digest, err
}
