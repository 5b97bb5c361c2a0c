package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/proving"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/internal/telemetry"
	"github.com/zkconsent/zkconsent/prover"
	"google.golang.org/grpc"
)

// startProver opens the keys and makes the prover's service. Nothing of what
// it sees may reach the disk by a crash, so dumps are off before the first key
// is read.
func (p *process) startProver(context.Context) error {
	if err := proving.NoDumps(); err != nil {
		if runtime.GOOS == "linux" {
			return err
		}
		p.log.Warn("core dumps may stay on", "error", err)
	}
	if v := os.Getenv("GOTRACEBACK"); v != "none" && v != "0" {
		p.log.Warn("set GOTRACEBACK=none: if the process falls while it proves, Go writes words of the witness into the log")
	}
	proving.EraseBuffers()
	c := p.c.Prover
	g, err := p.genesisFile(string(c.Genesis))
	if err != nil {
		return err
	}
	dir := string(c.Keys)
	m, err := manifest.Load(filepath.Join(dir, manifest.FileName))
	if err != nil {
		return fmt.Errorf("prover.keys: %w; zkconsent keys show names the folder with the keys", err)
	}
	keys, err := prover.Open(dir, m, &prover.Options{DevelopmentKeys: g.Directory.Parameters.DevelopmentKeys})
	if err != nil {
		return fmt.Errorf("prover.keys: %w", err)
	}
	circuits := c.Circuits
	if len(circuits) == 0 {
		for _, id := range keys.Circuits() {
			if id.Scheme() == consent.Groth16 {
				circuits = append(circuits, id)
			}
		}
	}
	queue := c.Queue
	if queue == 0 {
		queue = -1
	}
	s, err := proving.New(proving.Config{
		Prover: timedProver{keys, p.tel.Metrics}, Circuits: circuits, Workers: c.Workers, Memory: int64(c.MemoryMiB) << 20,
		Queue: queue, PerPrincipal: c.PerPrincipal, Log: p.log,
	})
	if err != nil {
		return err
	}
	p.atEnd(func() error { s.Close(); return nil })
	p.tel.WatchProver(func() telemetry.Queue {
		f := s.Figures()
		return telemetry.Queue{Waiting: f.Waiting, Working: f.Working, Workers: f.Workers}
	})
	p.services = append(p.services, server.Service{
		Register: func(g *grpc.Server) { zkconsentv1.RegisterProverServiceServer(g, s) },
		Gateway:  zkconsentv1.RegisterProverServiceHandler,
	})
	p.able = append(p.able, s.Ready)
	p.task(s.SelfTest)
	return nil
}

// genesisFile reads a genesis, or where none is named that of the node in this
// process.
func (p *process) genesisFile(path string) (*genesis, error) {
	if path == "" && p.node != nil {
		return genesisOf(p.node.Genesis()), nil
	}
	return p.a.genesisIn(path)
}

// A timedProver counts proofs and how long they wait and take.
type timedProver struct {
	*prover.Prover
	m *telemetry.Metrics
}

func (t timedProver) ProveInStages(ctx context.Context, s *consent.Statement, w *consent.Witness, begin func(prover.Stage)) (consent.Proof, error) {
	t.m.Worked(ctx)
	begun := time.Now()
	proof, err := t.Prover.ProveInStages(ctx, s, w, begin)
	if err == nil {
		t.m.Proved(string(s.Circuit), time.Since(begun))
	}
	return proof, err
}
