package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

var _ wallet.Prover = (*client.Prover)(nil)

type proving = grpc.ServerStreamingServer[zkconsentv1.ProveStreamResponse]

var statement = &consent.Statement{Circuit: consent.ConsentOnly}

func TestStagesOfAProof(t *testing.T) {
	var attempts atomic.Int32
	proof := bytes.Repeat([]byte{3}, statement.Circuit.ProofSize())
	s := &service{stream: func(stream proving) error {
		if attempts.Add(1) == 1 {
			return refusal.Later(codes.ResourceExhausted, refusal.Busy, time.Millisecond, "full")
		}
		for _, m := range []*zkconsentv1.ProveStreamResponse{{Stage: 1, Ahead: 2}, {Stage: 1, Ahead: 1}, {Stage: 2}, {Stage: 3}, {Stage: 77}, {Stage: 4}, {Stage: 5, Proof: proof}} {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
		return nil
	}}
	var seen []string
	p := client.NewProver(dial(t, quick(s.serve(t, nil))), func(stage client.Stage, ahead int) { seen = append(seen, fmt.Sprintf("%s %d", stage, ahead)) })
	got, err := p.Prove(within(t, 20*time.Second), statement, &consent.Witness{})
	if err != nil || string(got) != string(proof) || attempts.Load() != 2 {
		t.Fatalf("%d attempts, %v", attempts.Load(), err)
	}
	if want := []string{"queued 2", "queued 1", "preparing 0", "proving 0", "checking 0"}; !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
}

// TestAttack_LyingProverService: what is no proof, or comes never, is an error
// before a wallet looks at it.
func TestAttack_LyingProverService(t *testing.T) {
	for name, c := range map[string]*service{
		"no proof": {stream: func(s proving) error { return s.Send(&zkconsentv1.ProveStreamResponse{Stage: 5}) }},
		"a long one": {proof: make([]byte, 4096), stream: func(s proving) error {
			return s.Send(&zkconsentv1.ProveStreamResponse{Stage: 5, Proof: make([]byte, 4096)})
		}},
		"another scheme's": {proof: make([]byte, consent.ConsentOnly.Under(consent.Plonk).ProofSize()), stream: func(proving) error { return nil }},
		"an end without a proof": {stream: func(s proving) error {
			return s.Send(&zkconsentv1.ProveStreamResponse{Stage: 3, Proof: make([]byte, 128)})
		}},
	} {
		address := c.serve(t, nil)
		for _, progress := range []func(client.Stage, int){nil, func(client.Stage, int) {}} {
			if _, err := client.NewProver(dial(t, quick(address)), progress).Prove(within(t, 20*time.Second), statement, &consent.Witness{}); !errors.Is(err, client.ErrAnswer) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestWitnessBytesAreOverwritten: whatever becomes of the call.
func TestWitnessBytesAreOverwritten(t *testing.T) {
	s := &service{proof: make([]byte, statement.Circuit.ProofSize()), stream: func(proving) error { return refusal.New(codes.Internal, refusal.Broken, "x") }}
	address := s.serve(t, nil)
	for _, progress := range []func(client.Stage, int){nil, func(client.Stage, int) {}} {
		secret := bytes.Repeat([]byte("a patient's secret "), 100)
		_, err := client.Send(within(t, 20*time.Second), client.NewProver(dial(t, quick(address)), progress), statement, secret)
		if (err == nil) != (progress == nil) {
			t.Error(err)
		}
		if !bytes.Equal(secret, make([]byte, len(secret))) {
			t.Error("the witness is still there")
		}
	}
}
