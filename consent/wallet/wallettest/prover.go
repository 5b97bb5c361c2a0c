package wallettest

import (
	"context"
	"testing"

	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// A Prover makes real proofs with development keys, and finds the keys that
// verify them.
type Prover struct {
	Manifest *manifest.Manifest
	dir      string
	prover   *prover.Prover
}

// NewProver sets up the circuits, once for all tests of the machine.
func NewProver(tb testing.TB, ids ...consent.CircuitID) *Prover {
	tb.Helper()
	dir, m := provertest.Keys(tb, ids...)
	p, err := prover.Open(dir, m, &prover.Options{DevelopmentKeys: true})
	if err != nil {
		tb.Fatal(err)
	}
	return &Prover{m, dir, p}
}

// Prove is a wallet's prover.
func (p *Prover) Prove(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
	return p.prover.Prove(ctx, s, w)
}

// Key is a wallet's VerifyingKeys.
func (p *Prover) Key(c consent.CircuitID, digest [32]byte, development bool) (wallet.VerifyingKey, error) {
	e, err := p.Manifest.Find(string(c))
	if err != nil {
		return nil, err
	}
	if e.Digest() != digest {
		return nil, &manifest.Error{Circuit: string(c), Reason: "another digest"}
	}
	return proof.Open(p.dir, e, development)
}

// EnrolKey is an issuer's.
func (p *Prover) EnrolKey(digest [32]byte) (presented.Key, error) {
	for _, s := range consent.Schemes() {
		if e, err := p.Manifest.Find(string(consent.Enrol.Under(s))); err == nil && e.Digest() == digest {
			return p.Key(consent.CircuitID(e.Circuit), digest, true)
		}
	}
	return nil, &manifest.Error{Reason: "no enrol circuit has this digest"}
}
