package main

import (
	"context"
	"crypto/ed25519"
	"errors"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// An office is the session of an authority: the ledger knows its key.
type office struct {
	*session
	key  ed25519.PrivateKey
	self directory.Authority // the ledger's record of it
}

// office opens a session with the authority's key of this folder, for what
// needs no records.
func (a *app) office(ctx context.Context) (*office, error) { return a.officeOf(ctx, a.verdicts) }

// officeOf opens one by the given way to open sessions.
func (a *app) officeOf(ctx context.Context, open func(context.Context) (*session, error)) (*office, error) {
	key, err := a.authorityKey()
	if err != nil {
		return nil, err
	}
	s, err := open(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.light.Directory()
	if err != nil {
		s.close()
		return nil, err
	}
	for _, known := range d.Authorities {
		if known.Key.Equal(key.Public()) {
			return &office{s, key, known}, nil
		}
	}
	s.close()
	return nil, errors.New("the ledger knows no authority with this folder's key; a steward adds it with: zkconsent authority add")
}

// transact signs and submits a transaction, and fails unless it was executed.
// What became of its items is the caller's to look at.
func (o *office) transact(ctx context.Context, kind transaction.Kind, payload []byte) (*transaction.Result, error) {
	t, err := o.envelope(kind, payload)
	if err != nil {
		return nil, err
	}
	t.Sign(o.self.ID, o.key)
	r, err := o.Submit(ctx, t)
	if err != nil {
		return nil, err
	}
	return r, r.Refused()
}
