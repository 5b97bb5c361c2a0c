package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/internal/config"
	"github.com/zkconsent/zkconsent/internal/doctor"
)

func (a *app) doctorVerb() *cobra.Command {
	x := &configured{}
	var patience time.Duration
	var serving bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine against a configuration, and say what to do",
		Long: `Check what a process with this configuration needs: files and who may read them,
certificates, issuers of tokens, keys against the ledger's, the ledger's newest head
against this machine's clock, the store, disk, ports and limits. It changes nothing
and may run beside the process. Exit status 0 means that no check failed.

With --ready it asks the running process whether it is ready, and nothing else: for a
container's health check.`,
		RunE: func(c *cobra.Command, _ []string) error {
			results := a.diagnose(c.Context(), x, patience, serving)
			if err := a.emit(results, func(w io.Writer) { doctor.Print(w, results) }); err != nil {
				return err
			}
			if doctor.Worst(results) == doctor.Fail {
				return &exit{status: exitFailed}
			}
			return nil
		},
	}
	x.flags(c)
	c.Flags().BoolVar(&serving, "ready", false, "only ask the running process whether it is ready")
	c.Flags().DurationVar(&patience, "wait", 15*time.Second, "give each check so long")
	return c
}

// diagnose runs the checks of a configuration.
func (a *app) diagnose(ctx context.Context, x *configured, patience time.Duration, serving bool) []doctor.Result {
	conf, err := config.Read(x.sources())
	if err == nil {
		err = conf.Validate()
	}
	if err != nil {
		r := doctor.Result{Check: "configuration", Status: doctor.Fail, Found: "not one that a process can run with", Do: "docs/configuration.md lists every field"}
		var faults config.Faults
		if errors.As(err, &faults) {
			r.Found = strings.ReplaceAll(faults.Error(), "\n", "; ")
		}
		return []doctor.Result{r}
	}
	d := &diagnosis{a: a, c: conf}
	if serving {
		d.add("process", doctor.Serving(conf.Listen.GRPC, string(conf.TLS.CertFile)))
		return doctor.Run(ctx, d.checks, patience)
	}
	d.add("configuration", func(context.Context) doctor.Result {
		where := x.file
		if where == "" {
			where = "defaults, variables and flags"
		}
		return doctor.Good("%s: %v", where, conf.Roles)
	})
	d.process()
	d.reach()
	if conf.Has(config.Registry) {
		d.registry()
	}
	if conf.Has(config.Prover) {
		d.prover()
	}
	if conf.Has(config.Verifier) {
		d.verifier()
	}
	return doctor.Run(ctx, d.checks, patience)
}

// A diagnosis collects the checks of a configuration.
type diagnosis struct {
	a      *app
	c      *config.Config
	checks []doctor.Check
}

func (d *diagnosis) add(name string, run func(context.Context) doctor.Result) {
	d.checks = append(d.checks, doctor.Check{Name: name, Run: run})
}

// process checks what every process needs of its machine.
func (d *diagnosis) process() {
	d.c.Secrets(func(field string, f config.SecretFile) { d.add(field, doctor.SecretFile(string(f))) })
	d.add("open files", doctor.OpenFiles(d.c.Limits.MaxConnections))
	d.add("core dumps", doctor.NoDumps)
	if d.c.Has(config.Prover) {
		d.add("swap", doctor.NoSwap)
	}
}

// reach checks the listeners, the certificates, and who is let in.
func (d *diagnosis) reach() {
	t := d.c.TLS
	d.add("listen.grpc", doctor.Port(d.c.Listen.GRPC, string(t.CertFile)))
	if d.c.Listen.REST != "" {
		d.add("listen.rest", doctor.Port(d.c.Listen.REST, string(t.CertFile)))
	}
	if d.c.Listen.Admin != "" {
		d.add("listen.admin", doctor.Port(d.c.Listen.Admin, ""))
	}
	if t.CertFile != "" {
		d.add("certificate", doctor.Pair(string(t.CertFile), string(t.KeyFile), d.a.now))
	} else {
		d.add("certificate", func(context.Context) doctor.Result {
			return doctor.Bad(doctor.Skipped, "", "plaintext, on loopback")
		})
	}
	if t.ClientCAFile != "" {
		d.add("client authorities", doctor.ClientCA(string(t.ClientCAFile), d.a.now))
	}
	for i, token := range d.c.Identity.Tokens {
		name := fmt.Sprintf("issuer %d", i+1)
		if token.CAFile == "" {
			d.add(name, doctor.Discovery(token.Issuer, nil))
			continue
		}
		pool, err := roots(string(token.CAFile))
		if err != nil {
			d.add(name, func(context.Context) doctor.Result {
				return doctor.Bad(doctor.Fail, "name a file of certificates in PEM", "%s cannot be used", token.CAFile)
			})
			continue
		}
		d.add(name, doctor.Discovery(token.Issuer, pool))
	}
}

func (d *diagnosis) registry() {
	home := string(d.c.Registry.Home)
	d.add("registry.home", doctor.Folder(home))
	for _, key := range []string{"priv_validator_key.json", "node_key.json"} {
		d.add(key, doctor.SecretFile(filepath.Join(home, "config", key)))
	}
	d.add("node", func(context.Context) doctor.Result { return d.node(home) })
	d.add("disk of the node", doctor.Disk(home))
}
