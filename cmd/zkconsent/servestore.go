package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/config"
	"github.com/zkconsent/zkconsent/internal/telemetry"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/store"
	"github.com/zkconsent/zkconsent/verifier/store/postgres"
)

// keptAnswers is the verifier's store, once it is open.
type keptAnswers struct{ verifier.Store }

// openStore opens the verifier's store and brings its tables to their newest
// form.
func (p *process) openStore(ctx context.Context, kept *keptAnswers) error {
	c := p.c.Verifier
	if c.Store.DSNFile == "" {
		s, err := store.Open(ctx, sqlitePath(p.c), nil)
		if err != nil {
			return err
		}
		p.atEnd(s.Close)
		kept.Store = timedStore{s, p.tel.Metrics}
		return nil
	}
	dsn, err := readDSN(string(c.Store.DSNFile))
	if err != nil {
		return fmt.Errorf("verifier.store.dsnFile: %w", err)
	}
	s, err := postgres.Open(ctx, dsn, nil)
	if err != nil {
		return err
	}
	p.atEnd(s.Close)
	kept.Store = timedStore{s, p.tel.Metrics}
	return nil
}

// sqlitePath is the file of a verifier that has no PostgreSQL.
func sqlitePath(c *config.Config) string {
	if c.Verifier.Store.SQLite != "" {
		return string(c.Verifier.Store.SQLite)
	}
	return filepath.Join(string(c.Verifier.Home), verifierFile)
}

// maxDSN bounds a file with a connection string in bytes.
const maxDSN = 4096

// readDSN reads a connection string that nobody else may read. Its errors
// repeat nothing of it.
func readDSN(path string) (postgres.DSN, error) {
	i, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case i.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s: others may read it; run: chmod 600 %s", path, path)
	case i.Size() > maxDSN:
		return "", fmt.Errorf("%s: more than the %d bytes that a connection string can have", path, maxDSN)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line := strings.TrimSpace(string(b))
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("%s: one line with a connection string is wanted", path)
	}
	return postgres.DSN(line), nil
}

// storeOperations are the names under which a timedStore counts.
func storeOperations() []string {
	return []string{"AddRequest", "Request", "Answer", "Spent", "Accept", "Standing", "Purge", "CountScope", "StandingIn"}
}

// A timedStore counts what a store does, how long it takes, and what it fails.
type timedStore struct {
	verifier.Store
	m *telemetry.Metrics
}

// done counts an operation that began at begun. What the store answers is no
// failure, nor is a caller who has gone.
func (t timedStore) done(ctx context.Context, operation string, begun time.Time, err error) {
	answered := err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err())
	for _, answer := range []error{verifier.ErrNotFound, verifier.ErrExists, verifier.ErrAnswered, verifier.ErrSpent} {
		answered = answered || errors.Is(err, answer)
	}
	t.m.Stored(operation, time.Since(begun), !answered)
}

func (t timedStore) AddRequest(ctx context.Context, a verifier.Asked) (err error) {
	defer func(b time.Time) { t.done(ctx, "AddRequest", b, err) }(time.Now())
	return t.Store.AddRequest(ctx, a)
}

func (t timedStore) Request(ctx context.Context, id [16]byte) (a verifier.Asked, err error) {
	defer func(b time.Time) { t.done(ctx, "Request", b, err) }(time.Now())
	return t.Store.Request(ctx, id)
}

func (t timedStore) Answer(ctx context.Context, request [16]byte) (a verifier.Answer, err error) {
	defer func(b time.Time) { t.done(ctx, "Answer", b, err) }(time.Now())
	return t.Store.Answer(ctx, request)
}

func (t timedStore) Spent(ctx context.Context, scope, nullifier fr.Element) (spent bool, err error) {
	defer func(b time.Time) { t.done(ctx, "Spent", b, err) }(time.Now())
	return t.Store.Spent(ctx, scope, nullifier)
}

func (t timedStore) Accept(ctx context.Context, a verifier.Answer) (err error) {
	defer func(b time.Time) { t.done(ctx, "Accept", b, err) }(time.Now())
	return t.Store.Accept(ctx, a)
}

func (t timedStore) Standing(ctx context.Context, now consent.Time, after *[16]byte, limit int) (page []verifier.Answer, err error) {
	defer func(b time.Time) { t.done(ctx, "Standing", b, err) }(time.Now())
	return t.Store.Standing(ctx, now, after, limit)
}

func (t timedStore) Purge(ctx context.Context, before consent.Time) (n int, err error) {
	defer func(b time.Time) { t.done(ctx, "Purge", b, err) }(time.Now())
	return t.Store.Purge(ctx, before)
}

func (t timedStore) CountScope(ctx context.Context, scope fr.Element, now consent.Time) (answers, nullifiers, standing uint64, err error) {
	defer func(b time.Time) { t.done(ctx, "CountScope", b, err) }(time.Now())
	return t.Store.CountScope(ctx, scope, now)
}

func (t timedStore) StandingIn(ctx context.Context, scope fr.Element, now consent.Time, after *[16]byte, limit int) (page []verifier.Answer, err error) {
	defer func(b time.Time) { t.done(ctx, "StandingIn", b, err) }(time.Now())
	return t.Store.StandingIn(ctx, scope, now, after, limit)
}
