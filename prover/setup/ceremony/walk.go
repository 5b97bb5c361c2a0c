package ceremony

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/internal/signed"
)

// A Phase is what stands in one phase.
type Phase struct {
	Number        int
	Contributions []Contribution
	Seal          *Seal // nil while the phase is open

	head manifest.Digest // what the next contribution names as the one before it
}

// Distinct is the number of different keys that contributed.
func (p *Phase) Distinct() int {
	keys := map[string]bool{}
	for _, c := range p.Contributions {
		keys[string(c.Key)] = true
	}
	return len(keys)
}

// walk reads a phase that begins after opened and checks each contribution:
// that it is signed and in its place, and, where there are chains, that its
// payloads build on the ones before.
func (r *run) walk(phase int, opened manifest.Digest, sizes []int64, chains []chain) (*Phase, error) {
	n, err := r.count(phase)
	if err != nil {
		return nil, err
	}
	p := &Phase{Number: phase, head: opened}
	r.at.Total = max(r.at.Total, r.at.Done+n*len(sizes))
	for number := 1; number <= n; number++ {
		name := contributionFile(phase, number)
		b, err := r.readMessage(name, contributionKind, maxContribution)
		if err != nil {
			return nil, err
		}
		c, err := DecodeContribution(b)
		if err != nil {
			return nil, refuse(Malformed, name, "%v", err)
		}
		if refused := r.inPlace(c, p, len(sizes)); refused != nil {
			refused.Where = name
			return nil, refused
		}
		for i, file := range r.payloadFiles(phase, number) {
			if err := r.step("checking %s", file); err != nil {
				return nil, err
			}
			b, err := r.payload(file, sizes[i], c.Payloads[i])
			if err != nil {
				return nil, err
			}
			if chains == nil {
				continue
			}
			if refused := chains[i].follow(b); refused != nil {
				refused.Where = file
				return nil, refused
			}
		}
		p.Contributions = append(p.Contributions, *c)
		p.head = sha256.Sum256(b)
	}
	return p, r.readSeal(p)
}

// inPlace checks what a contribution says of itself.
func (r *run) inPlace(c *Contribution, p *Phase, payloads int) *Refusal {
	number := len(p.Contributions) + 1
	because := func(why Reason, detail string) *Refusal { return &Refusal{Reason: why, Detail: detail} }
	switch {
	case c.Ceremony != r.digest:
		return because(ForeignCeremony, "it was made for another ceremony")
	case c.Phase != p.Number:
		return because(WrongPhase, "it was made for the other phase")
	case c.Number != number:
		return because(OutOfOrder, "it was made for another place in the order")
	case c.Previous != p.head:
		return because(NotChained, "it was made after something else than stands before it")
	case len(c.Payloads) != payloads:
		return because(Malformed, "it is for another number of circuits")
	case !signed.Verify(c.Key, signed.CeremonyContribution, c.message(false), c.Signature[:]):
		return because(BadSignature, "the key that it names did not sign it")
	case !r.allows(c.Key):
		return because(NotAllowed, "the ceremony does not list the key that signed it")
	}
	return nil
}

func (r *run) allows(key ed25519.PublicKey) bool {
	for _, k := range r.Allowed {
		if bytes.Equal(k, key) {
			return true
		}
	}
	return len(r.Allowed) == 0
}

// payload reads a payload's file, whose size is known beforehand.
func (r *run) payload(name string, size int64, digest manifest.Digest) ([]byte, error) {
	b, err := r.readBounded(name, size)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != size {
		return nil, refuse(WrongSize, name, "%d bytes, such a payload has %d", len(b), size)
	}
	if sha256.Sum256(b) != digest {
		return nil, refuse(WrongPayload, name, "it is not the file that the contributor signed; ask for it again")
	}
	return b, nil
}

// readSeal reads the seal of a phase, if it has one.
func (r *run) readSeal(p *Phase) error {
	name := sealFile(p.Number)
	has, err := r.exists(name)
	if err != nil || !has {
		return err
	}
	b, err := r.readMessage(name, sealKind, maxSeal)
	if err != nil {
		return err
	}
	s, err := DecodeSeal(b)
	switch {
	case err != nil:
		return refuse(Malformed, name, "%v", err)
	case s.Ceremony != r.digest:
		return refuse(ForeignCeremony, name, "it was made for another ceremony")
	case s.Phase != p.Number:
		return refuse(WrongPhase, name, "it was made for the other phase")
	case s.Count != len(p.Contributions) || s.Last != p.head:
		return refuse(WrongSeal, name, "it seals %d contributions, others than the %d that stand here", s.Count, len(p.Contributions))
	}
	if err := r.enough(p); err != nil {
		return err
	}
	p.Seal = s
	return nil
}

// enough demands as many distinct contributors as the ceremony does.
func (r *run) enough(p *Phase) error {
	if n := p.Distinct(); n < r.Contributors {
		return refuse(TooFew, phaseFolder(p.Number), "%d distinct contributors in %d contributions, at least %d are needed", n, len(p.Contributions), r.Contributors)
	}
	return nil
}
