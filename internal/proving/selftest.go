package proving

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/circuits/sample"
	"github.com/zkconsent/zkconsent/consent"
)

// Why a service is not ready.
var (
	ErrStarting = errors.New("proving: the self-test is not over")
	ErrSelfTest = errors.New("proving: the self-test failed; the log says how")
)

// Ready returns nil when the service has made and verified a proof of each of
// its circuits; else [ErrStarting], [ErrSelfTest], or an error once it was
// closed.
func (s *Service) Ready() error {
	select {
	case <-s.queue.stopped:
		return errStopped
	default:
		return *s.state.Load()
	}
}

func (s *Service) become(state error) { s.state.Store(&state) }

// SelfTest loads the keys of every circuit that is served, makes a proof of
// each with records that it draws and throws away, and verifies it. Only then
// the service takes calls. After an error it takes none until a later SelfTest
// succeeds. The operator's log says what failed.
func (s *Service) SelfTest(ctx context.Context) error {
	for _, id := range s.config.Circuits {
		if err := s.test(ctx, id); err != nil {
			if ctx.Err() != nil { // the process ends: nothing is wrong with the prover
				s.become(ErrSelfTest)
				return ctx.Err()
			}
			s.config.Log.ErrorContext(ctx, "the prover's self-test failed", slog.String("circuit", string(id)), slog.String("error", told(err)))
			s.become(ErrSelfTest)
			return fmt.Errorf("%w: %s", ErrSelfTest, id)
		}
		s.config.Log.InfoContext(ctx, "a circuit is ready", slog.String("circuit", string(id)), slog.Duration("proof", s.took.get(id)))
	}
	s.become(nil)
	return nil
}

// test goes the way of a request, from messages on.
func (s *Service) test(ctx context.Context, id consent.CircuitID) error {
	if err := s.config.Prover.Load(ctx, id); err != nil {
		return err
	}
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	c, err := sample.New(id, rand.New(rand.NewChaCha8(seed)))
	if err != nil {
		return err
	}
	claim, err := consent.DecodeStatement(c.Statement.Encode())
	if err != nil {
		return err
	}
	w, err := consent.DecodeSecretWitness(id, c.Witness.EncodeSecret())
	if err != nil {
		return err
	}
	_, err = s.work(ctx, claim, w, func(zkconsentv1.ProveStreamResponse_Stage, int) {})
	return err
}
