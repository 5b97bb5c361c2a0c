package client

import (
	"context"
	"errors"
	"io"
	"strings"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
)

// A Stage is a part of a prover's work.
type Stage string

// The stages, in their order.
const (
	Queued    Stage = "queued"    // the request waits for a place
	Preparing Stage = "preparing" // keys are loaded, the witness is completed
	Proving   Stage = "proving"   // the proof is computed
	Checking  Stage = "checking"  // the proof is verified
)

// A Prover is a prover's service. It proves for a wallet (it is a
// wallet.Prover), which verifies the proof and signs it itself.
//
// It sends a patient's secrets to that service. The bytes in which they travel
// are overwritten as soon as the call has ended; the copies that the libraries
// of the transport have made of them are not ours to overwrite, and neither are
// the service's.
type Prover struct {
	conn     *Conn
	api      zkconsentv1.ProverServiceClient
	progress func(stage Stage, ahead int)
}

// NewProver is the prover at the other end of a connection. progress, if it is
// not nil, is called for each stage that begins, in one goroutine; a proof that
// is tried again begins again.
func NewProver(c *Conn, progress func(stage Stage, ahead int)) *Prover {
	return &Prover{c, zkconsentv1.NewProverServiceClient(c), progress}
}

// Prove has a statement proved. The error is an *[Error], or wraps [ErrAnswer]
// where the answer is no proof of the circuit's size; whether a proof proves the
// statement is for the wallet to verify.
func (p *Prover) Prove(ctx context.Context, s *consent.Statement, w *consent.Witness) (consent.Proof, error) {
	return p.send(ctx, s, w.EncodeSecret())
}

// send has a statement proved with a witness message, which it overwrites.
func (p *Prover) send(ctx context.Context, s *consent.Statement, secret []byte) (consent.Proof, error) {
	defer clear(secret)
	var b []byte
	var err error
	if p.progress == nil {
		var out *zkconsentv1.ProveResponse
		out, err = p.api.Prove(ctx, &zkconsentv1.ProveRequest{Statement: s.Encode(), Witness: secret})
		b = out.GetProof()
	} else {
		b, err = p.streamed(ctx, &zkconsentv1.ProveStreamRequest{Statement: s.Encode(), Witness: secret})
	}
	if err != nil {
		return "", err
	}
	if len(b) != s.Circuit.ProofSize() {
		return "", wrong("ProverService.Prove", "%d bytes, proofs of %s have %d", len(b), s.Circuit, s.Circuit.ProofSize())
	}
	return consent.Proof(b), nil
}

// streamed is Prove with progress.
func (p *Prover) streamed(ctx context.Context, q *zkconsentv1.ProveStreamRequest) (proof []byte, err error) {
	const method = zkconsentv1.ProverService_ProveStream_FullMethodName
	r := ruleOf(method)
	err = p.conn.repeat(ctx, method, true, func(ctx context.Context, l *line) error {
		ctx, cancel := context.WithTimeout(ctx, max(p.conn.c.Timeout, r.atLeast))
		defer cancel()
		stream, err := zkconsentv1.NewProverServiceClient(l.conn).ProveStream(ctx, q)
		if err != nil {
			return err
		}
		for range maxStages {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return wrong(shortName(method), "it ended without a proof")
			}
			if err != nil {
				return err
			}
			if m.Stage == zkconsentv1.ProveStreamResponse_STAGE_DONE {
				proof = m.Proof
				return nil
			}
			if s, ok := stages[m.Stage]; ok {
				p.progress(s, int(min(m.Ahead, 1<<20)))
			}
		}
		return wrong(shortName(method), "it tells stages without end")
	})
	return proof, err
}

// maxStages bounds the messages of one proof: its place in the queue may be
// told again and again.
const maxStages = 1 << 16

var stages = map[zkconsentv1.ProveStreamResponse_Stage]Stage{
	zkconsentv1.ProveStreamResponse_STAGE_QUEUED:    Queued,
	zkconsentv1.ProveStreamResponse_STAGE_PREPARING: Preparing,
	zkconsentv1.ProveStreamResponse_STAGE_PROVING:   Proving,
	zkconsentv1.ProveStreamResponse_STAGE_CHECKING:  Checking,
}

// A Circuit is one that a service proves.
type Circuit struct {
	ID       consent.CircuitID `json:"circuit"`
	Manifest [32]byte          `json:"-"` // digest of its manifest entry, which the ledger's directory must name
}

// maxCircuits bounds the circuits that a service lists.
const maxCircuits = 256

// Circuits lists the circuits that the service proves. Those that this version
// does not know are left out.
func (p *Prover) Circuits(ctx context.Context) ([]Circuit, error) {
	const method = "ProverService.Circuits"
	out, err := p.api.Circuits(ctx, &zkconsentv1.CircuitsRequest{})
	if err != nil {
		return nil, err
	}
	if len(out.Circuits) > maxCircuits {
		return nil, wrong(method, "%d circuits", len(out.Circuits))
	}
	var list []Circuit
	for _, m := range out.Circuits {
		c := Circuit{ID: consent.CircuitID(strings.Clone(m.GetId()))}
		if err := digits(c.Manifest[:], m.GetManifest()); err != nil {
			return nil, wrong(method, "%v", err)
		}
		if c.ID.Known() {
			list = append(list, c)
		}
	}
	return list, nil
}
