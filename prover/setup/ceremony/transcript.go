package ceremony

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/prover/setup"
	"github.com/zkconsent/zkconsent/prover/setup/ptau"
)

// A Transcript is a ceremony as its files tell it.
type Transcript struct {
	*Description
	Digest manifest.Digest // of the description
	First  *Phase          // nil where a file of powers stands for it
	Second *Phase          // nil where no circuit has one, and before the first is sealed
	File   *ptau.File      // what that file of powers says of itself; nil without one
	Keys   []setup.Keys    // of the description's circuits; nil until all is sealed and verified

	opened manifest.Digest // of what closed the first phase
	powers *mpcsetup.SrsCommons
}

// Powers are those of the first phase, for a universal setup: 2n−1 powers of
// tau in G1 for a domain of n, and the first two in G2. They are nil until that
// phase is sealed and verified. Callers must not change them.
func (t *Transcript) Powers() (g1 []bn254.G1Affine, g2 [2]bn254.G2Affine) {
	if t.powers == nil {
		return nil, g2
	}
	return t.powers.G1.Tau, [2]bn254.G2Affine(t.powers.G2.Tau[:2])
}

// PowersDigest names the sealed first phase: the transcript of keys that follow
// from it alone. It is zero while that phase is open.
func (t *Transcript) PowersDigest() manifest.Digest { return t.opened }

// KeysDigest names the sealed transcript of the circuits' keys. It is zero
// while a phase is open.
func (t *Transcript) KeysDigest() manifest.Digest {
	if t.Second == nil || t.Second.Seal == nil {
		return manifest.Digest{}
	}
	return t.Second.Seal.Digest()
}

// Open returns the phase that takes contributions, or nil when all is sealed.
func (t *Transcript) Open() *Phase {
	for _, p := range []*Phase{t.First, t.Second} {
		if p != nil && p.Seal == nil {
			return p
		}
	}
	return nil
}

// Complete returns a *[Refusal] unless all phases are sealed.
func (t *Transcript) Complete() error {
	p := t.Open()
	switch {
	case p == nil:
		return nil
	case p.Distinct() < t.Contributors:
		return refuse(TooFew, phaseFolder(p.Number), "%d distinct contributors in %d contributions, at least %d are needed", p.Distinct(), len(p.Contributions), t.Contributors)
	}
	return refuse(NotSealed, phaseFolder(p.Number), "seal it with a beacon")
}

// Status reads the transcript and checks signatures, order and digests, and
// none of the points.
func (f *Folder) Status(ctx context.Context) (*Transcript, error) {
	r, err := f.start(ctx, nil)
	if err != nil {
		return nil, err
	}
	t, _, err := r.read(false)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Verify verifies the transcript as far as it goes: every contribution of every
// phase, the seals, and that keys follow from them. A transcript with an open
// phase is no error; ask [Transcript.Complete]. Errors are *[Refusal], those of
// the file system, or ctx's.
func (f *Folder) Verify(ctx context.Context, progress func(Progress)) (*Transcript, error) {
	r, err := f.start(ctx, progress)
	if err != nil {
		return nil, err
	}
	t, chains, err := r.read(true)
	if err != nil {
		return nil, err
	}
	if t.Open() != nil {
		return t, nil
	}
	for i, c := range chains {
		if err := r.step("sealing %s", r.keyed[i].id); err != nil {
			return nil, err
		}
		proving, verifying, refused := c.(*keyChain).seal(t.Second.Seal.Beacon)
		if refused != nil {
			refused.Where = string(r.keyed[i].id)
			return nil, refused
		}
		if err := t.keys(r.keyed[i], t.KeysDigest(), proving.WriteRawTo, verifying.WriteTo); err != nil {
			return nil, err
		}
	}
	g1, g2 := t.Powers()
	for _, c := range r.bare {
		if err := r.step("making the keys of %s", c.id); err != nil {
			return nil, err
		}
		proving, verifying, err := setup.PlonkKeys(c.system, g1, g2)
		if err != nil {
			return nil, fmt.Errorf("ceremony: %s: %w", c.id, err)
		}
		if err := t.keys(c, t.PowersDigest(), proving.WriteRawTo, verifying.WriteTo); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// keys adds a circuit's keys and the entry that pins them.
func (t *Transcript) keys(c prepared, transcript manifest.Digest, proving, verifying func(io.Writer) (int64, error)) error {
	e, err := setup.NewEntry(c.id, c.system)
	if err != nil {
		return err
	}
	e.Development, e.Transcript = false, transcript
	k := setup.Keys{Entry: *e, Proving: proving, Verifying: verifying}
	if k.Entry.ProvingKey, k.Entry.VerifyingKey, err = setup.Digests(k); err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	t.Keys = append(t.Keys, k)
	return nil
}

// Compare returns a *[Refusal] unless the manifest has, for each circuit of the
// transcript, the entry that follows from it, and no other: keys that nobody
// compared must not pass with those that were. A transcript without circuits
// has no keys to compare.
func (t *Transcript) Compare(m *manifest.Manifest) error {
	if err := t.Complete(); err != nil {
		return err
	}
	if len(t.Keys) == 0 {
		return refuse(OtherKeys, descriptionFile, "the ceremony is about no circuit, and no keys follow from it")
	}
	follows := map[string]bool{}
	for i := range t.Keys {
		e := &t.Keys[i].Entry
		follows[e.Circuit] = true
		got, err := m.Find(e.Circuit)
		if err != nil {
			return refuse(OtherKeys, e.Circuit, "the manifest has no entry for it")
		}
		if *got != *e {
			return refuse(OtherKeys, e.Circuit, "the manifest's entry is %s, the transcript's is %s", got.Digest(), e.Digest())
		}
	}
	for _, e := range m.Entries {
		if !follows[e.Circuit] {
			return refuse(OtherKeys, e.Circuit, "the manifest has keys of it, and the ceremony is not about it")
		}
	}
	return nil
}

// read reads both phases. With points it verifies them too, and returns the
// chains of the phase that is open, or of the second one.
func (r *run) read(points bool) (*Transcript, []chain, error) {
	t := &Transcript{Description: r.Description, Digest: r.digest}
	open, err := r.first(t, points)
	if err != nil || open != nil || t.First != nil && t.First.Seal == nil || len(r.keyed) == 0 {
		return t, open, err
	}
	var chains []chain
	sizes := make([]int64, len(r.keyed))
	for i, c := range r.keyed {
		sizes[i] = keySize(c.system)
		if !points {
			continue
		}
		if err := r.step("preparing %s", c.id); err != nil {
			return nil, nil, err
		}
		k, err := newKeyChain(c.system, t.powers)
		if err != nil {
			return nil, nil, fmt.Errorf("ceremony: %w", err)
		}
		chains = append(chains, k)
	}
	if t.Second, err = r.walk(2, t.opened, sizes, chains); err != nil {
		return nil, nil, err
	}
	if s := t.Second.Seal; s != nil && t.First != nil && string(s.Beacon) == string(t.First.Seal.Beacon) {
		return nil, nil, refuse(UsedBeacon, sealFile(2), "it is the first phase's; take one from after the last contribution")
	}
	return t, chains, nil
}

// first reads the first phase, and returns its chain while it is open.
func (r *run) first(t *Transcript, points bool) ([]chain, error) {
	if !r.Fresh() {
		if has, err := r.exists(phaseFolder(1)); err != nil || has {
			return nil, refuse(Unexpected, phaseFolder(1), "a file of powers stands for the first phase")
		}
		return nil, r.powersFile(t, points)
	}
	p := &powers{n: 1 << r.Power}
	size := []int64{p.size()}
	if !points {
		var err error
		t.First, err = r.walk(1, r.digest, size, nil)
		if err == nil && t.First.Seal != nil {
			t.opened = t.First.Seal.Digest()
		}
		return nil, err
	}
	p, err := newPowers(1 << r.Power)
	if err != nil {
		return nil, fmt.Errorf("ceremony: %w", err)
	}
	if t.First, err = r.walk(1, r.digest, size, []chain{p}); err != nil {
		return nil, err
	}
	if t.First.Seal == nil {
		return []chain{p}, nil
	}
	if err := r.step("sealing the powers"); err != nil {
		return nil, err
	}
	srs := p.last.Seal(t.First.Seal.Beacon)
	_, _, g1, _ := bn254.Generators()
	if srs.G1.Tau[1].Equal(&g1) || srs.G1.AlphaTau[0].Equal(&g1) || srs.G1.BetaTau[0].Equal(&g1) {
		return nil, refuse(Degenerate, sealFile(1), "τ, α or β is 1 after it")
	}
	t.powers, t.opened = &srs, t.First.Seal.Digest()
	return nil, nil
}

// powersFile reads the file that stands for the first phase.
func (r *run) powersFile(t *Transcript, points bool) error {
	if err := r.step("checking %s", ptauFile); err != nil {
		return err
	}
	file, size, err := r.open(ptauFile)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	if err := copyUntil(r.ctx, h, file, size); err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	if manifest.Digest(h.Sum(nil)) != r.Ptau {
		return refuse(OtherPowers, ptauFile, "its SHA-256 is not the one that the ceremony pins, %s", r.Ptau)
	}
	t.opened = r.digest
	if !points {
		return nil
	}
	if t.powers, t.File, err = ptau.Read(r.ctx, file, size, r.Power); err != nil {
		return refuse(Malformed, ptauFile, "%v", err)
	}
	return nil
}
