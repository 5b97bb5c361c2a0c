package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/merkle"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/internal/proof"
	"github.com/zkconsent/zkconsent/prover"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"github.com/zkconsent/zkconsent/verifier"
)

// genesisFile names the ledger in every party's folder.
const genesisFile = "genesis.zkc"

// maxGenesis bounds a genesis file in bytes.
const maxGenesis = 4 << 20

var errUnreachable = wire.ErrUnreachable

type genesis struct {
	*directory.Genesis
	hash [32]byte
}

// genesis reads the ledger's genesis from the party's folder. It is the one
// thing that a party must have from somebody it trusts.
func (a *app) genesis() (*genesis, error) { return a.genesisIn(a.path(genesisFile)) }

// genesisIn reads a genesis from a file.
func (a *app) genesisIn(path string) (*genesis, error) {
	b, err := a.readMessage("genesis", path, maxGenesis)
	if err != nil {
		return nil, fmt.Errorf("%w; copy the ledger's %s into this folder", err, genesisFile)
	}
	g, err := directory.DecodeGenesis(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return genesisOf(g), nil
}

func genesisOf(g *directory.Genesis) *genesis { return &genesis{g, directory.GenesisHash(g)} }

// A session is a party's view of the ledger: a light client over a node that
// it does not trust.
type session struct {
	genesis *genesis
	remote  *nodes
	light   *light.Client
	bar     *bar // of what takes long to read
}

// session opens the light client of a party that reads everything, as issuers
// do, and brings it up to date.
func (a *app) session(ctx context.Context) (*session, error) {
	return a.follow(ctx, light.Everything, 0)
}

// verdicts opens the light client of a party that needs no records.
func (a *app) verdicts(ctx context.Context) (*session, error) {
	return a.follow(ctx, light.Verdicts, 0)
}

// ledgerDirs are where this party keeps what it verified: of the records, and
// of what verdicts need.
func (a *app) ledgerDirs() [2]string {
	dir := a.path("ledger")
	return [2]string{dir, filepath.Join(dir, "verdicts")}
}

// follow opens a light client and brings it up to date. Parties of one folder
// that follow different parts of the ledger keep them apart.
func (a *app) follow(ctx context.Context, follow light.Follow, start uint64) (*session, error) {
	dir, other := a.ledgerDirs()[0], a.ledgerDirs()[1]
	if follow == light.Verdicts {
		dir, other = other, dir
	}
	g, err := a.genesis()
	if err != nil {
		return nil, err
	}
	trusted, err := a.trusted(other)
	if err != nil {
		return nil, err
	}
	remote, err := dial(a.node, a.remote.ca)
	if err != nil {
		return nil, err
	}
	bar := newBar(a.stderr, a.json)
	client, err := light.Open(light.Config{
		Genesis: g.Genesis, Source: remote.Source, Dir: dir, Clock: a.now, Trusted: trusted,
		Follow: follow, Start: start, Whole: a.whole, Progress: bar.reading,
	})
	if err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	s := &session{genesis: g, remote: remote, light: client, bar: bar}
	if err := s.refresh(ctx); err != nil {
		s.close()
		var lied *light.LieError
		if errors.Is(err, errUnreachable) && !errors.As(err, &lied) {
			return nil, &exit{exitUndecided, fmt.Errorf("the ledger node at %s cannot be reached; does it run, and is this its gRPC address? name another with --node", a.node)}
		}
		return nil, a.away(err)
	}
	return s, nil
}

// refresh brings the view up to date. A node that cannot be reached, lies or
// stands still leaves nothing to decide on.
func (s *session) refresh(ctx context.Context) error {
	defer s.bar.end()
	if err := s.light.Sync(ctx); err != nil {
		return &exit{exitUndecided, err}
	}
	return nil
}

func (s *session) close() { _ = s.remote.Close() }

// Submit sends a transaction and waits for its block.
func (s *session) Submit(ctx context.Context, t *transaction.Transaction) (*transaction.Result, error) {
	return s.light.Submit(ctx, t)
}

func (s *session) envelope(kind transaction.Kind, payload []byte) (*transaction.Transaction, error) {
	head, err := s.light.Head()
	if err != nil {
		return nil, err
	}
	var nonce [8]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	return &transaction.Transaction{
		Genesis: s.genesis.hash, Expiry: head.Height + transaction.MaxAhead/2,
		Nonce: binary.BigEndian.Uint64(nonce[:]), Kind: kind, Payload: payload,
	}, nil
}

// A rangeOf cuts [from, to) out of what follows from, and refuses a range that
// the verified log does not have.
func rangeOf[T any](all []T, from, to uint64) ([]T, error) {
	if to < from || to-from > uint64(len(all)) {
		return nil, fmt.Errorf("the verified log ends before entry %d", to)
	}
	return all[:to-from], nil
}

// A walletView is the session as a wallet sees it.
type walletView struct{ *session }

func (s *session) walletLedger() wallet.Ledger { return walletView{s} }

func (v walletView) Snapshot(context.Context) (*wallet.Snapshot, error) {
	head, err := v.light.Head()
	if err != nil {
		return nil, err
	}
	d, err := v.light.Directory()
	if err != nil {
		return nil, err
	}
	e, err := v.light.Newest()
	records, withdrawals := v.light.Begins()
	return &wallet.Snapshot{Head: head, Directory: d, Epoch: e, RecordsFrom: records, WithdrawalsFrom: withdrawals}, err
}

func (v walletView) Records(_ context.Context, from, to uint64) ([]journal.Record, error) {
	return v.light.RecordLog(from, to)
}

func (v walletView) Withdrawals(_ context.Context, from, to uint64) ([]journal.Withdrawal, error) {
	return v.light.WithdrawalLog(from, to)
}

func (v walletView) Path(_ context.Context, epoch directory.Epoch, index uint64) (merkle.Path, error) {
	p, newest, err := v.light.Path(index)
	var unread *light.NotReadError
	if errors.As(err, &unread) && unread.At.IsZero() {
		// A record that was found just now. What the log gives is there at once.
		if err := v.light.Hold(index); err != nil {
			return p, err
		}
		p, newest, err = v.light.Path(index)
	}
	switch {
	case errors.As(err, &unread):
		return p, fmt.Errorf("%w: %w", &wallet.NotReadError{Next: unread.At}, err)
	case errors.Is(err, light.ErrNoLeaf):
		return p, fmt.Errorf("%w: %w", wallet.ErrNoLeaf, err)
	case err == nil && newest != epoch:
		return p, fmt.Errorf("%w: %d by %d", wallet.ErrEpochReplaced, epoch.Number, newest.Number)
	}
	return p, err
}

// relay publishes withdrawals without an authority's help.
func (s *session) relay() wallet.Relay {
	return &wallet.Stamper{Ledger: s.walletLedger(), Submit: s}
}

// An issuerView is the session as an issuer sees it.
type issuerView struct{ *session }

// Head is the newest one: after a submission an issuer believes what the log
// then shows, and no answer of the node.
func (v issuerView) Head(ctx context.Context) (directory.Head, *directory.Directory, error) {
	if err := v.refresh(ctx); err != nil {
		return directory.Head{}, nil, err
	}
	head, err := v.light.Head()
	if err != nil {
		return head, nil, err
	}
	d, err := v.light.Directory()
	return head, d, err
}

func (v issuerView) Records(_ context.Context, from, to uint64) ([]journal.Record, error) {
	return v.light.RecordLog(from, to)
}

// A verifierView is the session as a verifier sees it.
type verifierView struct{ *session }

func (v verifierView) Head(context.Context) (*directory.Head, *directory.Directory, error) {
	head, err := v.light.Head()
	if err != nil {
		return nil, nil, err
	}
	d, err := v.light.Directory()
	return &head, d, err
}

func (v verifierView) Epochs(_ context.Context, from, to uint64) ([]directory.Epoch, error) {
	return rangeOf(v.light.Epochs(from), from, to)
}

func (v verifierView) Withdrawals(_ context.Context, from, to uint64) ([]verifier.Withdrawal, error) {
	all, err := v.light.WithdrawalLog(from, to)
	out := make([]verifier.Withdrawal, len(all))
	for i, w := range all {
		out[i] = verifier.Withdrawal{V: w.V, At: w.At}
	}
	return out, err
}

// prover opens the circuits' proving keys.
func (a *app) prover() (wallet.Prover, error) {
	dir, m, err := a.manifest()
	if err != nil {
		return nil, err
	}
	g, err := a.genesis()
	if err != nil {
		return nil, err
	}
	return prover.Open(dir, m, &prover.Options{DevelopmentKeys: g.Directory.Parameters.DevelopmentKeys})
}

// verifyingKey loads the verifying key whose manifest entry has this digest and
// is of a circuit that fits: a directory that names another circuit's entry
// names none. development is the ledger's parameter of that name.
func (a *app) verifyingKey(digest [32]byte, development bool, fits func(consent.CircuitID) bool) (*proof.VerifyingKey, error) {
	dir, m, err := a.manifest()
	if err != nil {
		return nil, err
	}
	for i := range m.Entries {
		if e := &m.Entries[i]; [32]byte(e.Digest()) == digest {
			if !fits(consent.CircuitID(e.Circuit)) {
				return nil, fmt.Errorf("the manifest that the ledger names, %x…, is of another circuit, %s", digest[:8], e.Circuit)
			}
			return proof.Open(dir, e, development)
		}
	}
	return nil, fmt.Errorf("no keys in %s have the manifest that the ledger names, %x…", dir, digest[:8])
}

func (a *app) walletKeys(c consent.CircuitID, digest [32]byte, development bool) (wallet.VerifyingKey, error) {
	return a.verifyingKey(digest, development, func(named consent.CircuitID) bool { return named == c })
}

func (a *app) enrolKey(digest [32]byte) (presented.Key, error) {
	g, err := a.genesis()
	if err != nil {
		return nil, err
	}
	return a.verifyingKey(digest, g.Directory.Parameters.DevelopmentKeys, consent.CircuitID.Enrols)
}

// verifierKeys loads the verifying keys of all circuits.
func (a *app) verifierKeys() (verifier.Keys, error) {
	dir, m, err := a.manifest()
	if err != nil {
		return nil, err
	}
	g, err := a.genesis()
	if err != nil {
		return nil, err
	}
	return verifier.OpenKeys(dir, m, g.Directory.Parameters)
}
