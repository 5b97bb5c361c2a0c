package ceremony

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/durable"
	"github.com/zkconsent/zkconsent/prover/setup/ptau"
)

// Options say what a new ceremony is about.
type Options struct {
	Circuits     []consent.CircuitID // that get keys; none for powers alone
	Power        int                 // of the first phase's domain; 0: what the circuits need
	Ptau         string              // file of powers that stands for the first phase; "" for none
	Contributors int                 // distinct ones that each phase needs; 0: DefaultContributors
	Allowed      []ed25519.PublicKey // who may contribute; none: everybody
}

// Begin writes a new ceremony into the folder, which must not hold one. With a
// file of powers, the file is verified and copied.
func (f *Folder) Begin(ctx context.Context, o Options) (*Description, error) {
	d := &Description{Power: o.Power, Contributors: o.Contributors, Allowed: slices.Clone(o.Allowed)}
	if d.Contributors == 0 {
		d.Contributors = DefaultContributors
	}
	if _, err := rand.Read(d.ID[:]); err != nil {
		return nil, err
	}
	slices.SortFunc(d.Allowed, func(a, b ed25519.PublicKey) int { return slices.Compare(a, b) })
	ids := slices.Clone(o.Circuits)
	slices.Sort(ids)
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		system, digest, err := f.system(id)
		if err != nil {
			return nil, err
		}
		d.Circuits = append(d.Circuits, Circuit{id, digest})
		if need := power(system); o.Power == 0 {
			d.Power = max(d.Power, need)
		} else if o.Power < need {
			return nil, refuse(OtherPowers, string(id), "it needs powers for 2^%d", need)
		}
	}
	if _, err := DecodeDescription(d.Encode()); err != nil {
		return nil, refuse(Malformed, descriptionFile, "%v", err)
	}
	if err := os.MkdirAll(f.path, 0o755); err != nil {
		return nil, fmt.Errorf("ceremony: %w", err)
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, name := range []string{descriptionFile, phaseFolder(1), phaseFolder(2), ptauFile} {
		if has, err := f.exists(name); err != nil || has {
			return nil, errors.Join(err, refuse(Unexpected, name, "%s holds a ceremony already; name another folder", f.path))
		}
	}
	if o.Ptau != "" {
		if d.Ptau, err = f.takePowers(ctx, o.Ptau, d.Power); err != nil {
			return nil, err
		}
	}
	return d, f.writeMessage(descriptionFile, descriptionKind, d.Encode())
}

// takePowers verifies a file of powers and copies it into the folder.
func (f *Folder) takePowers(ctx context.Context, path string, power int) (digest manifest.Digest, err error) {
	in, err := os.Open(path)
	if err != nil {
		return digest, fmt.Errorf("ceremony: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return digest, fmt.Errorf("ceremony: %w", err)
	}
	if _, _, err := ptau.Read(ctx, in, info.Size(), power); err != nil {
		return digest, fmt.Errorf("ceremony: %s: %w", path, err)
	}
	h := sha256.New()
	err = durable.Replace(f.file(ptauFile), 0o644, func(w io.Writer) error {
		return copyUntil(ctx, io.MultiWriter(w, h), in, info.Size())
	})
	if err != nil {
		return digest, fmt.Errorf("ceremony: %w", err)
	}
	h.Sum(digest[:0])
	// What was copied is what was verified, even if somebody writes to the other.
	copied, err := os.Open(f.file(ptauFile))
	if err != nil {
		return digest, fmt.Errorf("ceremony: %w", err)
	}
	defer copied.Close()
	_, _, err = ptau.Read(ctx, copied, info.Size(), power)
	return digest, err
}
