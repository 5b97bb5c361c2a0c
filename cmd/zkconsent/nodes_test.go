package main

import (
	"context"
	"strings"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"google.golang.org/grpc"
)

// frozen is a node that stands where it stood.
type frozen struct {
	*wire.Remote
	checkpoint []byte
}

func (f *frozen) Checkpoint(context.Context) ([]byte, error) { return f.checkpoint, nil }

// freeze serves what the town's node shows now, for ever.
func (w *town) freeze() (address string) {
	w.t.Helper()
	r, err := reach(w.node, "", 1)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := r.Checkpoint(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s, err := server.New(ctx, server.Config{GRPC: "127.0.0.1:0", Services: []server.Service{{Register: func(g *grpc.Server) {
		zkconsentv1.RegisterRegistryServiceServer(g, wire.NewService(&frozen{r, b}, nil))
	}}}})
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		_ = r.Close()
	})
	return s.GRPCAddr()
}

// TestAttack_OldHeadForAnotherVerb: a folder keeps what wallets read apart from
// what verifiers do. A node cannot lead one of them back behind the other.
func TestAttack_OldHeadForAnotherVerb(t *testing.T) {
	w := found(t, "--heartbeat", "1")
	old := w.freeze()
	w.must("patient", "--node", old, "registry", "status")
	time.Sleep(2500 * time.Millisecond)
	w.must("patient", "wallet", "sync")
	status, _, complaint := w.cli("patient", 0, "--node", old, "registry", "status")
	if status != exitUndecided || !strings.Contains(complaint, "older than one that was verified before") {
		t.Errorf("exit status %d: %s", status, complaint)
	}
	// Another node that is not behind makes up for it.
	w.must("patient", "--node", old+","+w.node, "registry", "status")
}

// TestAttack_AwayTooLong: a party that was away for longer than the trust period
// believes nobody, until it has a head from somebody who was not.
func TestAttack_AwayTooLong(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	const period, away, margin = 50 * time.Second, 9 * time.Second, 7 * time.Second
	w := found(t, "--heartbeat", "1", "--max-head-age", "50", "--trust-period", "50")
	w.must("patient", "registry", "status")
	time.Sleep(away)
	// By its own clock it has been away for two seconds longer than it may.
	status, _, complaint := w.cli("patient", period-margin, "registry", "status")
	if status != exitUndecided || !strings.Contains(complaint, "registry head --out "+trustedFile) {
		t.Fatalf("exit status %d: %s", status, complaint)
	}
	w.must("hospital", "registry", "head", "--out", w.home("patient")+"/"+trustedFile)
	if status, _, complaint := w.cli("patient", period-margin, "registry", "status"); status != exitDone {
		t.Fatalf("exit status %d: %s", status, complaint)
	}
}
