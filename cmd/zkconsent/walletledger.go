package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/durable"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// newWalletFile says of the wallet whose holder it names that it was made here
// and has not read the ledger yet, so that nothing on it is its own. Without
// the file a wallet reads from the first record on: that is slow on a large
// ledger, and never wrong.
const newWalletFile = "wallet.new"

func (a *app) markNew(w *wallet.Wallet) error {
	return durable.ReplaceBytes(a.path(newWalletFile), 0o600, []byte(field.Hex(w.Holder())+"\n"))
}

func (a *app) unmarkNew() error {
	err := os.Remove(a.path(newWalletFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// start is how many records of the ledger the wallet has no need of.
func (a *app) start(w *wallet.Wallet) (uint64, error) {
	read, err := w.Read()
	if err != nil || a.fromFirst {
		return 0, err
	}
	if read > 0 {
		return read, nil
	}
	b, err := os.ReadFile(a.path(newWalletFile))
	if err == nil && string(b) == field.Hex(w.Holder())+"\n" {
		return light.Newest, nil
	}
	return 0, nil
}

// walletFollow opens a wallet's light client and brings it up to date.
func (a *app) walletFollow(ctx context.Context, w *wallet.Wallet) (*session, error) {
	start, err := a.start(w)
	if err != nil {
		return nil, err
	}
	s, err := a.follow(ctx, light.Layers, start)
	if err != nil {
		return nil, err
	}
	if err := a.unmarkNew(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// walletSession is walletFollow for who may want to prove: it tells the light
// client where the wallet's records are.
func (a *app) walletSession(ctx context.Context, w *wallet.Wallet) (*session, error) {
	s, err := a.walletFollow(ctx, w)
	if err != nil {
		return nil, err
	}
	if err := s.hold(w); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// hold tells the light client where the wallet's records are. It asks nobody.
func (s *session) hold(w *wallet.Wallet) error {
	places, err := w.Places()
	if err != nil {
		return err
	}
	return s.light.Hold(places...)
}

// tend reads what is due of the tree. Only the verb that looks after a wallet
// does it, never one that shows something to somebody.
func (s *session) tend(ctx context.Context, w *wallet.Wallet) error {
	if err := s.hold(w); err != nil {
		return err
	}
	if err := s.light.Tend(ctx); err != nil {
		return &exit{exitUndecided, err}
	}
	return nil
}

// readAnew drops the copy of the ledger that may begin too late. The newest
// head that was verified stays, and so do the buckets that are read.
func (a *app) readAnew() error {
	var failures []error
	for _, name := range []string{"anchor", "records", "withdrawals"} {
		if err := os.Remove(filepath.Join(a.path("ledger"), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
