package ceremony

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
)

// A Contributor is who contributes.
type Contributor struct {
	Key  ed25519.PrivateKey
	Name string // shown to everybody
}

// Contribute verifies the transcript and adds a contribution to the phase that
// is open, to all its circuits. What it mixes in it forgets, as far as Go lets
// it. It returns the contribution, whose digest its author keeps.
func (f *Folder) Contribute(ctx context.Context, by Contributor, progress func(Progress)) (*Contribution, error) {
	// What is wrong with the name shows before an hour's work, not after it.
	draft := &Contribution{Phase: 1, Number: 1, Name: by.Name, Key: by.Key.Public().(ed25519.PublicKey)}
	if _, err := DecodeContribution(draft.Encode()); err != nil {
		return nil, refuse(Malformed, "the contribution", "%v", err)
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := f.start(ctx, progress)
	if err != nil {
		return nil, err
	}
	if !r.allows(by.Key.Public().(ed25519.PublicKey)) {
		return nil, refuse(NotAllowed, descriptionFile, "the ceremony does not list this contributor's key")
	}
	t, chains, err := r.read(true)
	if err != nil {
		return nil, err
	}
	p := t.Open()
	if p == nil {
		return nil, refuse(Sealed, descriptionFile, "every phase is sealed; nothing can be added")
	}
	c := &Contribution{Ceremony: r.digest, Phase: p.Number, Number: len(p.Contributions) + 1, Previous: p.head, Name: by.Name}
	if c.Number > MaxContributions {
		return nil, refuse(Unexpected, phaseFolder(p.Number), "it has %d contributions, and takes no more", MaxContributions)
	}
	payloads := make([][]byte, len(chains))
	for i, name := range r.payloadFiles(c.Phase, c.Number) {
		if err := r.step("making %s", name); err != nil {
			return nil, err
		}
		if payloads[i], err = chains[i].contribute(); err != nil {
			return nil, fmt.Errorf("ceremony: %w", err)
		}
		if int64(len(payloads[i])) != chains[i].size() {
			return nil, fmt.Errorf("ceremony: %s has %d bytes in place of %d", name, len(payloads[i]), chains[i].size())
		}
		c.Payloads = append(c.Payloads, sha256.Sum256(payloads[i]))
	}
	c.sign(by.Key)
	// The signed part comes last: without it the rest does not count.
	for i, name := range r.payloadFiles(c.Phase, c.Number) {
		if err := f.write(name, payloads[i]); err != nil {
			return nil, err
		}
	}
	return c, f.writeMessage(contributionFile(c.Phase, c.Number), contributionKind, c.Encode())
}

// Seal verifies the transcript and closes the phase that is open with a beacon:
// a value from a public source that nobody could know before the last
// contribution was made.
func (f *Folder) Seal(ctx context.Context, beacon []byte, source string, progress func(Progress)) (*Seal, error) {
	s := &Seal{Phase: 1, Count: 1, Beacon: beacon, Source: source}
	if _, err := DecodeSeal(s.Encode()); err != nil {
		return nil, refuse(Malformed, "the seal", "%v", err)
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := f.start(ctx, progress)
	if err != nil {
		return nil, err
	}
	t, _, err := r.read(true)
	if err != nil {
		return nil, err
	}
	p := t.Open()
	if p == nil {
		return nil, refuse(Sealed, descriptionFile, "every phase is sealed")
	}
	if err := r.enough(p); err != nil {
		return nil, err
	}
	if p.Number == 2 && t.First != nil && string(beacon) == string(t.First.Seal.Beacon) {
		return nil, refuse(UsedBeacon, sealFile(2), "it is the first phase's; take one from after the last contribution")
	}
	s.Ceremony, s.Phase, s.Count, s.Last = r.digest, p.Number, len(p.Contributions), p.head
	return s, f.writeMessage(sealFile(p.Number), sealKind, s.Encode())
}
