package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/zkconsent/zkconsent/api/openapi"
	"github.com/zkconsent/zkconsent/internal/config"
	"github.com/zkconsent/zkconsent/internal/fieldrules"
	"github.com/zkconsent/zkconsent/internal/server"
	"github.com/zkconsent/zkconsent/internal/telemetry"
	"google.golang.org/grpc"
)

// A process is what serve runs: parts that are started in an order and ended
// in reverse, and tasks that end before any part does.
type process struct {
	a   *app
	c   *config.Config
	tel *telemetry.Telemetry
	log *slog.Logger

	life   context.Context // of the tasks
	cease  context.CancelFunc
	tasks  sync.WaitGroup
	failed chan error // of a part or a task that ended by itself

	mu   sync.Mutex // of ends
	ends []func() error

	services []server.Service
	unary    []grpc.UnaryServerInterceptor
	stream   []grpc.StreamServerInterceptor
	able     []func() error // nil when a role can do its work
	reloads  []func() error

	node   *runningNode // nil without the role registry
	server *server.Server
	admin  *server.Admin
}

func (a *app) newProcess(ctx context.Context, c *config.Config) (*process, error) {
	t, err := a.telemetry(ctx, c)
	if err != nil {
		return nil, err
	}
	p := &process{a: a, c: c, tel: t, log: t.Logger, failed: make(chan error, 1)}
	// The signal that ends the process is not to end what drains.
	p.life, p.cease = context.WithCancel(context.WithoutCancel(ctx))
	p.atEnd(func() error {
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		t.Shutdown(flush)
		return nil
	})
	return p, nil
}

// start starts the parts in their order: what is kept, the ledger, the
// services, the listeners. Tests of the prover follow as a task.
func (p *process) start(ctx context.Context) error {
	if err := p.startAdmin(); err != nil {
		return err
	}
	kept := &keptAnswers{}
	for _, part := range []struct {
		role  config.Role
		start func(context.Context) error
	}{
		{config.Verifier, func(ctx context.Context) error { return p.openStore(ctx, kept) }},
		{config.Registry, p.startRegistry},
		{config.Prover, p.startProver},
		{config.Verifier, func(ctx context.Context) error { return p.startVerifier(ctx, kept) }},
	} {
		if !p.c.Has(part.role) {
			continue
		}
		if err := part.start(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.role, err)
		}
	}
	return p.listen(ctx)
}

// startAdmin starts the operator's listener, before anything that may take
// long.
func (p *process) startAdmin() error {
	if p.c.Listen.Admin == "" {
		return nil
	}
	var err error
	if p.admin, err = server.NewAdmin(server.AdminConfig{Listen: p.c.Listen.Admin, Metrics: p.tel.Handler()}); err != nil {
		return fmt.Errorf("listen.admin: %w", err)
	}
	p.task(p.admin.Serve)
	return nil
}

// listen binds the listeners for callers.
func (p *process) listen(ctx context.Context) error {
	guard, err := p.guard()
	if err != nil {
		return err
	}
	p.atEnd(func() error { guard.Close(); return nil })
	rules, err := fieldrules.New()
	if err != nil {
		return err
	}
	c := server.Config{
		GRPC: p.c.Listen.GRPC, REST: p.c.Listen.REST, Guard: guard, Services: p.services,
		Unary: append(p.unary, rules.Unary()), Stream: append(p.stream, rules.Stream()),
		Options: p.tel.ServerOptions(), Pages: map[string]http.Handler{"/openapi.json": openapi.JSON(), "/docs": openapi.Page()}, Ready: p.ready,
		Linger: p.c.Limits.Linger, Drain: p.c.Limits.Drain, MaxConnections: p.c.Limits.MaxConnections, Logger: p.log,
	}
	if t := p.c.TLS; t.CertFile != "" {
		c.TLS = &server.TLS{CertFile: string(t.CertFile), KeyFile: string(t.KeyFile), ClientCAFile: string(t.ClientCAFile)}
		watch := map[string]string{"server": c.TLS.CertFile}
		if c.TLS.ClientCAFile != "" {
			watch["clients"] = c.TLS.ClientCAFile
		}
		p.tel.WatchCertificates(watch)
	}
	p.tel.WatchReady(p.ready)
	if p.server, err = server.New(ctx, c); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.tel.WatchConnections(func() map[string]int {
		grpc, rest := p.server.Connections()
		return map[string]int{"grpc": grpc, "rest": rest}
	})
	if p.node != nil {
		p.node.attend(p)
	}
	grpcAddr, rest, admin := p.addresses()
	p.log.Info("serving", "roles", p.roles(), "grpc", grpcAddr, "rest", rest, "admin", admin, "guard", guardWords(p.c))
	return nil
}

func (p *process) addresses() (grpc, rest, admin string) {
	if p.admin != nil {
		admin = p.admin.Addr()
	}
	return p.server.GRPCAddr(), p.server.RESTAddr(), admin
}

func (p *process) roles() string {
	names := make([]string, len(p.c.Roles))
	for i, r := range p.c.Roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// ready tells whether every role can do its work now.
func (p *process) ready() error {
	for _, able := range p.able {
		if err := able(); err != nil {
			return err
		}
	}
	return nil
}

// reload reads again what may change while the process runs. A fault leaves
// what was.
func (p *process) reload() {
	for _, f := range p.reloads {
		if err := f(); err != nil {
			p.log.Error("nothing was reloaded", "error", err)
			return
		}
	}
	p.log.Info("reloaded")
}

// task runs f until the process ends; an error of f ends the process.
func (p *process) task(f func(context.Context) error) {
	p.tasks.Go(func() {
		if err := f(p.life); err != nil && p.life.Err() == nil {
			p.fail(err)
		}
	})
}

// fail ends the process.
func (p *process) fail(err error) {
	select {
	case p.failed <- err:
	default: // it ends for another reason already
	}
}

// atEnd runs f when the process ends, before everything that was there before.
func (p *process) atEnd(f func() error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = append(p.ends, f)
}

// end ends the tasks, then the parts in reverse.
func (p *process) end() (err error) {
	p.cease()
	p.tasks.Wait() // nobody adds to ends any more
	for _, f := range slices.Backward(p.ends) {
		err = errors.Join(err, f())
	}
	return err
}
