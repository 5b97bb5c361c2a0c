package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/zkconsent/zkconsent/internal/config"
)

// A configured verb reads a configuration.
type configured struct {
	file  string
	set   []string
	roles []string
}

func (x *configured) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&x.file, "config", os.Getenv("ZKCONSENT_CONFIG"), "`file` with the configuration ($ZKCONSENT_CONFIG)")
	f.StringArrayVar(&x.set, "set", nil, "a field in place of the file's, as `FIELD=VALUE`, such as listen.grpc=127.0.0.1:0; may be repeated")
	f.StringSliceVar(&x.roles, "roles", nil, "what the process does, in place of the file's: registry, prover, verifier")
}

// notForServices are the flags of parties, which services do not take.
func notForServices(f *pflag.Flag) bool { return f.Name != "json" && f.Name != "help" }

// own keeps the flags of parties off a verb, in its help and in its use: one
// that is overlooked would leave somebody in the belief that it holds.
func (x *configured) own(c *cobra.Command) {
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) {
			if f.Changed && notForServices(f) && err == nil {
				err = misuse("--%s is not for %s, which has it from its configuration; docs/configuration.md lists the fields", f.Name, c.Name())
			}
		})
		if err != nil {
			return err
		}
		return run(c, args)
	}
	c.SetHelpFunc(func(c *cobra.Command, args []string) {
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = f.Hidden || notForServices(f) })
		c.Parent().HelpFunc()(c, args)
	})
}

// sources are what the configuration is read from.
func (x *configured) sources() config.Sources {
	set := x.set
	if len(x.roles) > 0 {
		set = append(set[:len(set):len(set)], "roles="+strings.Join(x.roles, ","))
	}
	return config.Sources{File: x.file, Env: os.Environ(), Set: set}
}

func (x *configured) load() (*config.Config, error) {
	c, err := config.Load(x.sources())
	var faults config.Faults
	if errors.As(err, &faults) {
		return nil, &exit{exitUsage, err}
	}
	return c, err
}

func (a *app) serveVerb() *cobra.Command {
	x := &configured{}
	var ready string
	var show bool
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Serve as a node of the ledger, a prover, a verifier, or several of them",
		Long: `Serve until told to stop, in the roles that the configuration names: registry runs a
node of the ledger, prover makes proofs for patients, verifier asks patients and
decides. docs/configuration.md lists every field; deploy/config has a file for each
role. A variable of the environment overrides the file, and --set overrides that.

Off loopback it serves over TLS alone, to callers whose role it knows. SIGTERM lets
calls under way finish; SIGHUP reads a verifier's policies again; certificates that
change are read again by themselves.`,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := x.load()
			if err != nil {
				return err
			}
			if show {
				_, err := io.WriteString(a.results, conf.String())
				return err
			}
			return a.serve(c.Context(), conf, ready)
		},
	}
	x.flags(c)
	c.Flags().StringVar(&ready, "ready-file", "", "write the addresses of gRPC, REST and the operator's listener here, one a line, when the process is ready")
	c.Flags().BoolVar(&show, "print", false, "show the configuration that holds in the end, and start nothing")
	x.own(c)
	return c
}

// serve runs the process until ctx ends.
func (a *app) serve(ctx context.Context, c *config.Config, ready string) (err error) {
	if err := checkPlace(c, os.Getenv); err != nil {
		return err
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP) // from now on, or it would end the process
	defer signal.Stop(again)
	if ready != "" {
		// What an earlier process said does not hold for this one.
		if err := os.Remove(ready); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if c.Limits.MemoryMiB > 0 {
		debug.SetMemoryLimit(int64(c.Limits.MemoryMiB) << 20)
	}
	p, err := a.newProcess(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, p.end()); err != nil {
			p.log.Error("ended by a fault", "error", err)
			return
		}
		p.log.Info("stopped") // a log that ends without it is that of a process that was killed
	}()
	if err := p.start(ctx); ctx.Err() != nil {
		return nil // it was told to stop while it started
	} else if err != nil {
		return err
	}
	return p.run(ctx, ready, again)
}

// readyPoll is how often a process that is not ready yet looks whether it is.
const readyPoll = 50 * time.Millisecond

// run serves until ctx ends or a part fails, and reloads as often as again says.
func (p *process) run(ctx context.Context, readyFile string, again <-chan os.Signal) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.server.Serve(serving) }()
	// Before any part ends, the listeners have.
	finish := func(err error) error {
		stop()
		return errors.Join(err, <-done)
	}
	told := context.AfterFunc(ctx, func() {
		p.log.Info("stopping", "linger", p.c.Limits.Linger, "drain", p.c.Limits.Drain)
	})
	defer told()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		select {
		case err := <-done:
			return err
		case err := <-p.failed:
			return finish(err)
		case <-again:
			p.reload()
		case <-poll.C:
			if p.ready() != nil {
				continue
			}
			poll.Stop()
			if err := p.announce(readyFile); err != nil {
				return finish(err)
			}
		}
	}
}

// announce says that the process is ready, and where.
func (p *process) announce(file string) error {
	grpc, rest, admin := p.addresses()
	if file != "" {
		if err := writeFile(file, []byte(grpc+"\n"+rest+"\n"+admin+"\n"), 0o600); err != nil {
			return err
		}
	}
	p.log.Info("ready", "grpc", grpc, "rest", rest, "admin", admin)
	v := map[string]any{"roles": p.c.Roles, "grpc": grpc, "rest": rest, "admin": admin}
	return p.a.emit(v, func(w io.Writer) {
		fmt.Fprintf(w, "ready: %s on gRPC %s", p.roles(), grpc)
		if rest != "" {
			fmt.Fprintf(w, ", REST %s", rest)
		}
		fmt.Fprintln(w)
	})
}
