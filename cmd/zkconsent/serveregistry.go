package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zkconsent/zkconsent/internal/config"
	"github.com/zkconsent/zkconsent/internal/telemetry"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

// standingTime is how long what a node says of itself is not asked again.
const standingTime = time.Second

// A runningNode is a node of this process.
type runningNode struct {
	*ledger.Node
	home ledger.Home

	mu     sync.Mutex
	asked  time.Time
	status *ledger.Status
	err    error
}

// startRegistry starts the node as node start does.
func (p *process) startRegistry(ctx context.Context) error {
	c := p.c.Registry
	x := service{home: ledger.Home(c.Home), ca: string(c.JoinCAFile)}
	least := slog.LevelWarn
	if p.c.Telemetry.LogLevel == config.Level("debug") {
		least = slog.LevelInfo // consensus says something at every block
	}
	x.options = ledger.Options{
		Logger:       slog.New(calm{quieter{p.log.Handler(), least}}),
		RetainBlocks: c.RetainBlocks, SnapshotInterval: c.SnapshotInterval,
	}
	if err := x.network(c.P2P, c.Peers); err != nil {
		return err
	}
	done, err := x.joinFrom(c.Join)
	if err != nil {
		return err
	}
	n, err := runNode(ctx, x.home, &x.options)
	if err != nil {
		done()
		return err
	}
	p.node = &runningNode{Node: n, home: x.home}
	p.atEnd(func() error { done(); return n.Stop() })
	p.task(func(ctx context.Context) error {
		select {
		case <-n.Failed():
			return n.Err()
		case <-ctx.Done():
			return nil
		}
	})
	p.services = append(p.services, registryService(n))
	p.able = append(p.able, p.node.able)
	p.tel.WatchLedger(p.node.head)
	return nil
}

// attend begins to report to the operator's other verbs, now that the
// addresses are known.
func (n *runningNode) attend(p *process) {
	grpc, rest, _ := p.addresses()
	if p.c.TLS.CertFile != "" {
		rest = "" // it is written as a plaintext address
	}
	forget := attend(p.life, n.home, n.Node, face{grpc, rest})
	p.atEnd(func() error { forget(); return nil })
}

// now is what the node says of itself, at most standingTime old.
func (n *runningNode) now() (*ledger.Status, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.asked) > standingTime {
		n.status, n.err = n.Status()
		n.asked = time.Now()
	}
	return n.status, n.err
}

// able tells whether clients can decide on what this node shows.
func (n *runningNode) able() error {
	s, err := n.now()
	switch {
	case err != nil:
		return err
	case s.Height == 0:
		return errors.New("the ledger has no block yet")
	case s.CatchingUp:
		return errors.New("the node is catching up with the others")
	}
	limit := time.Duration(s.Directory.Parameters.MaxHeadAge) * time.Second
	if age := time.Since(time.Unix(int64(s.Time), 0)).Round(time.Second); age > limit {
		return fmt.Errorf("the newest block is %s old, clients take at most %s", age, limit)
	}
	return nil
}

func (n *runningNode) head() telemetry.Head {
	s, err := n.now()
	if err != nil || s.Height == 0 {
		return telemetry.Head{}
	}
	return telemetry.Head{Height: s.Height, Time: time.Unix(int64(s.Time), 0)}
}
