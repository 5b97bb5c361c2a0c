package benchmarks_test

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/redsig"
)

// A forger answers a request with a key of its own, a signature that holds, and
// the proof of another statement, points of the right groups: a verifier finds
// out at its last step, which is the dearest, and nobody has to prove anything.
type forger struct {
	ask      redsig.SecretKey
	ak       redsig.Point
	nonceKey [redsig.NonceKeySize]byte
}

func newForger() (*forger, error) {
	f := &forger{}
	var derived [64]byte
	if _, err := rand.Read(derived[:]); err != nil {
		return nil, err
	}
	if _, err := rand.Read(f.nonceKey[:]); err != nil {
		return nil, err
	}
	var err error
	if f.ask, err = redsig.NewSecretKey(derived); err != nil {
		return nil, err
	}
	f.ak, err = f.ask.Public()
	return f, err
}

// answer is a presentation for the newest epoch with a proof that was made for
// something else.
func (f *forger) answer(r *consent.Request, epoch directory.Epoch, proof consent.Proof) (*consent.Presentation, error) {
	alpha, err := redsig.Blind(f.nonceKey, fresh(), r.Challenge())
	if err != nil {
		return nil, err
	}
	rk, err := redsig.RandomizePublic(f.ak, alpha)
	if err != nil {
		return nil, err
	}
	rsk, err := redsig.Randomize(f.ask, alpha)
	if err != nil {
		return nil, err
	}
	shown := consent.Presented{Epoch: epoch.Number, Root: epoch.Root, Rk: rk.Bytes(), RkX: rk.X(), RkY: rk.Y()}
	for _, e := range []*fr.Element{&shown.Nullifier, &shown.Watch} {
		if _, err := e.SetRandom(); err != nil {
			return nil, err
		}
	}
	s, err := r.Statement(shown)
	if err != nil {
		return nil, err
	}
	m, err := s.SignedDigest(proof)
	if err != nil {
		return nil, err
	}
	signature, err := redsig.Sign(rsk, f.nonceKey, fresh(), m)
	if err != nil {
		return nil, err
	}
	return &consent.Presentation{
		Request: r.ID, Epoch: epoch.Number, Nullifier: shown.Nullifier, Watch: shown.Watch, Rk: shown.Rk, Proof: proof, Signature: signature,
	}, nil
}

func fresh() (b [redsig.FreshSize]byte) {
	rand.Read(b[:]) // never fails
	return b
}

// answers are so many of them to one new request.
func (f *forger) answers(ctx context.Context, l *services, n int) (out [][]byte, err error) {
	made := l.sample.Load()
	if made == nil {
		return nil, errors.New("nobody has made a proof yet")
	}
	p, err := consent.DecodePresentation(made.bytes)
	if err != nil {
		return nil, err
	}
	asked, err := l.ask(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := l.reader.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	for range n {
		a, err := f.answer(asked.Request, snapshot.Epoch, p.Proof)
		if err != nil {
			return nil, err
		}
		out = append(out, a.Encode())
	}
	return out, nil
}
