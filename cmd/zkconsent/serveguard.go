package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/config"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/telemetry"
)

// flushTimeout bounds how long the end waits for a collector of traces.
const flushTimeout = 5 * time.Second

// telemetry is the log, the metrics and the traces of a process.
func (a *app) telemetry(ctx context.Context, c *config.Config) (*telemetry.Telemetry, error) {
	t := c.Telemetry
	tc := telemetry.Config{
		Log: a.stderr, Text: t.LogFormat == "text", Version: version(),
		Methods: slices.Sorted(maps.Keys(identity.Table())), Reasons: verdictReasons(), Operations: storeOperations(),
		Traces: telemetry.Traces{Endpoint: t.Traces.Endpoint, Ratio: t.Traces.Ratio},
	}
	for _, id := range consent.Circuits() {
		tc.Circuits = append(tc.Circuits, string(id))
	}
	if err := tc.Level.UnmarshalText([]byte(t.LogLevel)); err != nil {
		return nil, err
	}
	if t.Traces.Endpoint != "" && !t.Traces.Plaintext {
		tc.Traces.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if t.Traces.CAFile != "" {
			var err error
			if tc.Traces.TLS.RootCAs, err = roots(string(t.Traces.CAFile)); err != nil {
				return nil, fmt.Errorf("telemetry.traces.caFile: %w", err)
			}
		}
	}
	return telemetry.New(ctx, tc)
}

// roots are the authorities in a file of PEM.
func roots(file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, errors.New("the file holds no certificate in PEM")
	}
	return pool, nil
}

// guard decides who may call what.
func (p *process) guard() (*identity.Guard, error) {
	id := p.c.Identity
	g := identity.GuardConfig{
		Loopback: id.LoopbackRoles, Logger: p.log,
		Rate:          identity.Rate{PerSecond: id.Rate.PerSecond, Burst: id.Rate.Burst},
		AnonymousRate: identity.Rate{PerSecond: id.AnonymousRate.PerSecond, Burst: id.AnonymousRate.Burst},
	}
	for _, r := range id.Certificates {
		g.Certificates = append(g.Certificates, identity.CertificateRule{URI: r.URI, DNS: r.DNS, Roles: r.Roles})
	}
	for _, t := range id.Tokens {
		g.Issuers = append(g.Issuers, identity.TokenIssuer{
			URL: t.Issuer, Audience: t.Audience, Algorithms: t.Algorithms, Claim: t.RolesClaim, Roles: t.Roles,
			Require: t.Require, CAFile: string(t.CAFile), KeysEvery: t.KeysEvery,
		})
	}
	return identity.NewGuard(g)
}

// guardWords say in a log line who is let in.
func guardWords(c *config.Config) string {
	id := c.Identity
	if c.TLS.CertFile == "" {
		roles := []string{"what anyone may"}
		for _, r := range id.LoopbackRoles {
			roles = append(roles, string(r))
		}
		return "plaintext on loopback, as: " + strings.Join(roles, ", ")
	}
	return fmt.Sprintf("TLS, %d rules for certificates, %d issuers of tokens", len(id.Certificates), len(id.Tokens))
}

// quieter hands on lines of a level and above.
type quieter struct {
	slog.Handler
	least slog.Level
}

func (q quieter) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= q.least && q.Handler.Enabled(ctx, l)
}

func (q quieter) WithAttrs(a []slog.Attr) slog.Handler {
	return quieter{q.Handler.WithAttrs(a), q.least}
}

func (q quieter) WithGroup(name string) slog.Handler {
	return quieter{q.Handler.WithGroup(name), q.least}
}
