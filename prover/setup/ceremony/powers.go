package ceremony

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	"github.com/zkconsent/zkconsent/circuits/manifest"
)

// The sizes in bytes of what gnark writes.
const (
	g1Size        = bn254.SizeOfG1AffineCompressed
	g2Size        = bn254.SizeOfG2AffineCompressed
	proofSize     = g1Size + g2Size // of one update
	challengeSize = 1 + sha256.Size
)

// A chain is the payloads that build on one another: of the first phase, or of
// one circuit's second.
type chain interface {
	// size is that of a payload's file.
	size() int64
	// follow verifies that b builds on the last payload, and makes it the last.
	// Its errors say nothing of where b is from.
	follow(b []byte) *Refusal
	// contribute makes the next payload and forgets what was mixed in.
	contribute() ([]byte, error)
}

// The generators and infinity in compressed form, which no honest contribution
// shows where its own share stands.

func generatorG1() (b [g1Size]byte) {
	_, _, g, _ := bn254.Generators()
	return g.Bytes()
}

func generatorG2() (b [g2Size]byte) {
	_, _, _, g := bn254.Generators()
	return g.Bytes()
}

func infinityG1() (b [g1Size]byte) {
	return new(bn254.G1Affine).Bytes()
}

// share looks at the point by which an update shows what it mixed in.
func share(what string, b []byte) *Refusal {
	one, zero := generatorG1(), infinityG1()
	switch {
	case bytes.Equal(b[:g1Size], one[:]):
		return &Refusal{Reason: NoChange, Detail: what + " is multiplied by 1, as everybody knows"}
	case bytes.Equal(b[:g1Size], zero[:]):
		return &Refusal{Reason: NoContribution, Detail: what + " is multiplied by 0"}
	}
	return nil
}

// built checks that a payload's last bytes name the payload before it.
func built(b []byte, on manifest.Digest) *Refusal {
	tail := b[len(b)-challengeSize:]
	if tail[0] != sha256.Size || !bytes.Equal(tail[1:], on[:]) {
		return &Refusal{Reason: OtherBase, Detail: "its payload was not computed from the one before it; contribute again, to the newest"}
	}
	return nil
}

// powers is the chain of the first phase.
type powers struct {
	n    int // of the domain
	last *mpcsetup.Phase1
	base manifest.Digest // of the last payload
}

func newPowers(n int) (*powers, error) {
	p := &powers{n: n, last: mpcsetup.NewPhase1(uint64(n))}
	h := sha256.New()
	if _, err := p.last.WriteTo(h); err != nil {
		return nil, err
	}
	h.Sum(p.base[:0])
	return p, nil
}

// The offsets in a payload of the first phase.
const (
	powersAt = 3*proofSize + 8 // behind three updates and the domain's size
	tauAt    = powersAt + g2Size
)

func (p *powers) betaAt() int  { return tauAt + (2*p.n-2)*g1Size + (p.n-1)*g2Size }
func (p *powers) alphaAt() int { return p.betaAt() + p.n*g1Size }

func (p *powers) size() int64 { return int64(p.alphaAt() + p.n*g1Size + challengeSize) }

func (p *powers) follow(b []byte) *Refusal {
	if refused := built(b, p.base); refused != nil {
		return refused
	}
	for i, what := range []string{"τ", "α", "β"} {
		if refused := share(what, b[i*proofSize:]); refused != nil {
			return refused
		}
	}
	// gnark takes memory for as many points as this announces.
	if binary.BigEndian.Uint64(b[powersAt-8:]) != uint64(p.n) {
		return &Refusal{Reason: Malformed, Detail: "its payload announces another domain"}
	}
	next := new(mpcsetup.Phase1)
	if n, err := next.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		return &Refusal{Reason: Malformed, Detail: "a point of its payload is not one of its group"}
	}
	digest, refused := canonical(next.WriteTo, b)
	if refused != nil {
		return refused
	}
	if p.last.Verify(next) != nil {
		return &Refusal{Reason: BadUpdate, Detail: "its payload is not the last one with what it mixed in"}
	}
	one := generatorG1()
	for what, at := range map[string]int{"τ": tauAt, "α": p.alphaAt(), "β": p.betaAt()} {
		if bytes.Equal(b[at:at+g1Size], one[:]) {
			return &Refusal{Reason: Degenerate, Detail: what + " is 1 after it"}
		}
	}
	p.last, p.base = next, digest
	return nil
}

func (p *powers) contribute() ([]byte, error) {
	p.last.Contribute()
	var b bytes.Buffer
	_, err := p.last.WriteTo(&b)
	return b.Bytes(), err
}
