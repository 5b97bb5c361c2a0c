package proving

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/prover"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// A Service makes proofs for its callers. It is safe for use by several
// goroutines, and starts none.
type Service struct {
	zkconsentv1.UnimplementedProverServiceServer

	config Config
	queue  *queue
	took   means
	state  atomic.Pointer[error] // what Ready returns

	started, made, turnedAway atomic.Uint64
}

var _ zkconsentv1.ProverServiceServer = (*Service)(nil)

// New returns a service. It refuses every call until [Service.SelfTest] has
// succeeded.
func New(c Config) (*Service, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	s := &Service{config: c, queue: newQueue(c.Workers, c.Queue, c.PerPrincipal)}
	s.become(ErrStarting)
	return s, nil
}

// Close refuses all that wait and all that come, and returns when the proofs
// under way are over. A server that drains calls it after its last call.
func (s *Service) Close() { s.queue.stop() }

// Prove implements zkconsentv1.ProverServiceServer. It overwrites the
// request's witness.
func (s *Service) Prove(ctx context.Context, r *zkconsentv1.ProveRequest) (*zkconsentv1.ProveResponse, error) {
	proof, err := s.prove(ctx, r.GetStatement(), r.GetWitness(), func(zkconsentv1.ProveStreamResponse_Stage, int) {})
	if err != nil {
		return nil, err
	}
	return &zkconsentv1.ProveResponse{Proof: []byte(proof)}, nil
}

// ProveStream implements zkconsentv1.ProverServiceServer. It overwrites the
// request's witness.
func (s *Service) ProveStream(r *zkconsentv1.ProveStreamRequest, stream grpc.ServerStreamingServer[zkconsentv1.ProveStreamResponse]) error {
	// A stage that cannot be told ends nothing here: the caller is gone, which
	// ends the stream's context.
	proof, err := s.prove(stream.Context(), r.GetStatement(), r.GetWitness(), func(stage zkconsentv1.ProveStreamResponse_Stage, ahead int) {
		_ = stream.Send(&zkconsentv1.ProveStreamResponse{Stage: stage, Ahead: uint32(ahead)})
	})
	if err != nil {
		return err
	}
	return stream.Send(&zkconsentv1.ProveStreamResponse{Stage: zkconsentv1.ProveStreamResponse_STAGE_DONE, Proof: []byte(proof)})
}

// Circuits implements zkconsentv1.ProverServiceServer.
func (s *Service) Circuits(context.Context, *zkconsentv1.CircuitsRequest) (*zkconsentv1.CircuitsResponse, error) {
	out := &zkconsentv1.CircuitsResponse{}
	for _, id := range consent.Circuits() {
		if !slices.Contains(s.config.Circuits, id) {
			continue
		}
		e, _ := s.config.Prover.Entry(id) // New looked for each
		digest := e.Digest()
		out.Circuits = append(out.Circuits, &zkconsentv1.Circuit{Id: string(id), Manifest: hex.EncodeToString(digest[:])})
	}
	return out, nil
}

// prove does the work of both calls. secret is overwritten before it waits for
// anything, and the decoded witness when the proof is over.
func (s *Service) prove(ctx context.Context, statement, secret []byte, tell func(zkconsentv1.ProveStreamResponse_Stage, int)) (consent.Proof, error) {
	defer clear(secret)
	if err := s.Ready(); err != nil {
		return "", refused("", err)
	}
	claim, err := consent.DecodeStatement(statement)
	if err != nil {
		return "", unread("statement", err)
	}
	id := claim.Circuit
	if !slices.Contains(s.config.Circuits, id) {
		return "", refusal.New(codes.NotFound, refusal.NotServed, "this service does not prove %s: ask it for its circuits", id)
	}
	w, err := consent.DecodeSecretWitness(id, secret)
	if err != nil {
		return "", unread("witness", err)
	}
	defer w.Erase()
	clear(secret)

	t, ahead, err := s.queue.enter(ctx, identity.From(ctx).Name, s.took.get(id))
	if err != nil {
		if busy := new(busyError); errors.As(err, &busy) {
			s.turnedAway.Add(1)
		}
		return "", refused(id, err)
	}
	select {
	case <-t.ready:
	default:
		tell(zkconsentv1.ProveStreamResponse_STAGE_QUEUED, ahead)
	}
	if err := s.queue.wait(ctx, t); err != nil {
		return "", refused(id, err)
	}
	defer s.queue.leave(t)
	proof, err := s.work(ctx, claim, w, tell)
	if err != nil {
		return "", refused(id, err)
	}
	return proof, nil
}

// work makes one proof, and takes its time.
func (s *Service) work(ctx context.Context, claim *consent.Statement, w *consent.Witness, tell func(zkconsentv1.ProveStreamResponse_Stage, int)) (proof consent.Proof, err error) {
	s.started.Add(1)
	begun := time.Now()
	defer func() {
		// Neither what was panicked with nor the stack, which has arguments in
		// it, may be written.
		if recover() != nil {
			proof, err = "", errPanic
		}
		switch {
		case err == nil:
			s.took.add(claim.Circuit, time.Since(begun))
			s.made.Add(1)
		case errors.Is(err, prover.ErrNotSatisfied) || ctx.Err() != nil:
		default:
			s.config.Log.ErrorContext(ctx, "a proof could not be made", slog.String("circuit", string(claim.Circuit)), slog.String("error", told(err)))
		}
	}()
	return s.config.Prover.ProveInStages(ctx, claim, w, func(stage prover.Stage) { tell(stageOf(stage), 0) })
}

func stageOf(s prover.Stage) zkconsentv1.ProveStreamResponse_Stage {
	switch s {
	case prover.Preparing:
		return zkconsentv1.ProveStreamResponse_STAGE_PREPARING
	case prover.Proving:
		return zkconsentv1.ProveStreamResponse_STAGE_PROVING
	case prover.Checking:
		return zkconsentv1.ProveStreamResponse_STAGE_CHECKING
	}
	return zkconsentv1.ProveStreamResponse_STAGE_UNSPECIFIED
}

// Figures are what a service did and does, for gauges and counters.
type Figures struct {
	Workers    int    // proofs that may be under way
	Working    int    // proofs under way
	Waiting    int    // requests that wait
	Started    uint64 // proofs that were begun
	Made       uint64 // proofs that were made
	TurnedAway uint64 // requests for which there was no place
	// Took is how long a proof of each circuit took lately.
	Took map[consent.CircuitID]time.Duration
}

// Figures returns the figures of this moment.
func (s *Service) Figures() Figures {
	f := Figures{
		Workers: s.config.Workers, Started: s.started.Load(), Made: s.made.Load(), TurnedAway: s.turnedAway.Load(),
		Took: map[consent.CircuitID]time.Duration{},
	}
	s.queue.mu.Lock()
	f.Working, f.Waiting = len(s.queue.working), s.queue.count()
	s.queue.mu.Unlock()
	for _, id := range s.config.Circuits {
		f.Took[id] = s.took.get(id)
	}
	return f
}
